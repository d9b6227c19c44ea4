"""The signature of Huawei Cloud, against vectors that the official signer computed, and against hand-made ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone

import pytest

from providers.huawei_dds import signer

ACCESS, SECRET = "AKEXAMPLE0000000001", "SKexample0123456789abcdefABCDEF0123456789"
HOST, STAMP = "dds.ap-southeast-1.myhuaweicloud.com", "20250102T030405Z"
RS_PROJECT, CL_PROJECT = "0549b4a43100d4f32f51c01c2fe4acdb", "619d3e78f61b4be68bc5aa0b59edcf7b"
REPLICA_SET = f"/v3/{RS_PROJECT}/instances/9136fd2a9fcd405ea4674276ce36dae8in02/switchover"
CLUSTER = f"/v3/{CL_PROJECT}/instances/e73893ef73754465a8bd2e0857bbf13ein02/switchover"
GROUP = "c92d1218bc6b4131bdbeebbff6a2b7fbgr02"


@dataclass(frozen=True)
class Vector:
    """A request, the SHA-256 of its canonical form and its signature."""

    path: str
    canonical: str
    signature: str
    method: str = "POST"
    project: str = RS_PROJECT
    body: bytes = b""
    params: dict[str, str] = field(default_factory=dict)
    token: str = ""
    least: bool = False

    @property
    def headers(self) -> dict[str, str]:
        headers = {"host": HOST, "x-sdk-date": STAMP}
        if not self.least:
            headers |= {"content-type": "application/json", "x-project-id": self.project}
        return headers | ({"x-security-token": self.token} if self.token else {})


VECTORS = {
    "V1 replica set, no body": Vector(
        REPLICA_SET,
        "af87ac7c3dca730c2fb94778659a6fbcffe1dd8e64259ba89e64cf44022c9369",
        "24c23b8d4a3a9b8a11e51b173224d9ac4ecf61c2d54a881685908fbf0b2d5baf",
    ),
    "V2 replica set, empty object": Vector(
        REPLICA_SET,
        "71714c6e1c0a3c6e00f5f9a01287e603b03562831b53e54a94e4e1146eb5bea6",
        "57b199e8b720115527c83b934e8f8efb4cfbf0c4841c7e1f9a318b574040844e",
        body=b"{}",
    ),
    "V3 shard, as the SDK writes it": Vector(
        CLUSTER,
        "b52a213243e51985ddb8a694dd9682f031f6dd1f06fe77d54569982dd87d4517",
        "04ba287e90663dfbad21f3fa6c2174bce2c5c8892981d73d953670cdfdb6fa21",
        project=CL_PROJECT,
        body=b'{"group_id": "%s"}' % GROUP.encode(),
    ),
    "V4 shard, without the space": Vector(
        CLUSTER,
        "0bcb098733a202b58c1af5d0a24d6c452c403999c7b9771dcf5851fbb3eeb816",
        "4001603f0c731046d522ca4745d951d8cbc241ec8e5a18d621cc3ad152bba6bf",
        project=CL_PROJECT,
        body=b'{"group_id":"%s"}' % GROUP.encode(),
    ),
    "V5 the least that can be signed": Vector(
        REPLICA_SET,
        "06ccb3156e41f15ce5919eb8a785b92e721cd662b84617486ec32d90a5f10e56",
        "82bbeef1fb639d60af84e84320e801c944ad9691a6130bbfef1b9cae47931932",
        least=True,
    ),
    "V6 with a security token": Vector(
        REPLICA_SET,
        "d8c860d34e55e9168a4ae81984237f76ace324228631b032062dbbe79b398ba7",
        "266eeda9839def18f651a7f49f6dd8454670f8ea63ce8e89126a89135740035e",
        token="EXAMPLETOKEN==",
    ),
    "V7 a job": Vector(
        f"/v3/{RS_PROJECT}/jobs",
        "fdee0798ba892e760835029c62bbb3cac48efb7e66d8e49a4c5db4fab8439148",
        "a72beeef16ee139ed81e872d68236047588abf54a1b4802ff37f331b54e23f98",
        method="GET",
        params={"id": "3711e2ad-5787-49bc-a47f-3f0b066af9f5"},
    ),
    "V8 odd characters in a query": Vector(
        f"/v3/{RS_PROJECT}/instances",
        "e36c9122173d809495f9c3a334dab128e73bbe3895bc13f4f71b953042f112ce",
        "d154668017b4b72fe45052160cc7d25d4bc8a6ca00c74c09016680ac4db786ce",
        method="GET",
        params={"tags": "key1=value1,key 2=val~ue", "name": "*foo", "limit": "100", "offset": "0"},
    ),
}


def canonical(vector: Vector) -> str:
    query = signer.encoded_query(vector.params)
    return signer.canonical_request(vector.method, vector.path, query, vector.headers, vector.body)


@pytest.mark.parametrize("name", VECTORS)
def test_vector(name: str) -> None:
    vector = VECTORS[name]
    text = canonical(vector)
    assert hashlib.sha256(text.encode()).hexdigest() == vector.canonical
    header = signer.authorization(text, vector.headers, access_key=ACCESS, secret_key=SECRET)
    names = ";".join(sorted(vector.headers))
    assert header == f"SDK-HMAC-SHA256 Access={ACCESS}, SignedHeaders={names}, Signature={vector.signature}"


def test_the_canonical_request_in_full() -> None:
    assert canonical(VECTORS["V1 replica set, no body"]).split("\n") == [
        "POST",
        f"{REPLICA_SET}/",
        "",
        "content-type:application/json",
        f"host:{HOST}",
        f"x-project-id:{RS_PROJECT}",
        f"x-sdk-date:{STAMP}",
        "",
        "content-type;host;x-project-id;x-sdk-date",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    ]


def test_a_query_is_sent_as_it_is_signed() -> None:
    params = VECTORS["V8 odd characters in a query"].params
    sent = "limit=100&name=%2Afoo&offset=0&tags=key1%3Dvalue1%2Ckey%202%3Dval~ue"
    assert signer.encoded_query(params) == sent


def test_times_are_utc_and_whole_seconds_rounded_down() -> None:
    shanghai = timezone(timedelta(hours=8))
    assert signer.stamp(datetime(2025, 1, 2, 11, 4, 5, 999_999, tzinfo=shanghai)) == STAMP
    assert signer.stamp(datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)) == STAMP

"""QingCloud's signature against published vectors, and what must hold for every request."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qsl, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.qingcloud import signer

KEY, SECRET = "QYACCESSKEYIDEXAMPLE", "SECRETACCESSKEY"
AT = datetime(2024, 1, 1, tzinfo=UTC)
NODE = {"service_params": '{"node_id":"cln-vxosovur"}'}
ASSIGN = {"cluster": "cl-ouhutv70", "role": "maininstance", "service": "assignmaster", **NODE}


def params(action: str = "RunClusterCustomService", **own: str) -> dict[str, str]:
    return {**signer.common_params(action, zone="sh1a", access_key_id=KEY, at=AT), **own}


def sign(signed: dict[str, str], path: str = "/iaas/", method: str = "GET") -> str:
    text = signer.string_to_sign(method, path, signer.canonical_query(signed))
    return signer.signature(SECRET, text, signed["signature_method"])


def test_what_is_made_anew_for_each_request_is_not_remembered() -> None:
    """Signatures and time stamps would only push out what comes again."""
    stamps = [AT + timedelta(seconds=number) for number in range(3)]
    signer._encoded.cache_clear()
    kept = []
    for at in stamps:
        common = signer.common_params("X", zone="z", access_key_id=KEY, at=at, expires=at)
        signer.signed_query(common, path="/iaas/", secret=SECRET)
        kept.append(signer._encoded.cache_info().currsize)
    assert kept == [kept[0]] * 3


RUN_INSTANCES = {
    **signer.common_params(
        "RunInstances", zone="pek3a", access_key_id=KEY, at=datetime(2013, 8, 27, 14, 30, 10, tzinfo=UTC)
    ),
    "count": "1",
    "image_id": "centos64x86a",
    "instance_name": "demo",
    "instance_type": "small_b",
    "login_mode": "passwd",
    "login_passwd": "QingCloud20130712",
    "vxnets.1": "vxnet-0",
}
V1 = params(**ASSIGN)
V5 = params(cluster="cl-ouhutv70", role="maininstance", service="x", service_params='{"a": "b c*~+/@%"}')
IAM = {**params("DescribeJobs"), "signature_version": "2", "token": "TOKENTEXT"}

VECTORS = {
    "V0": (RUN_INSTANCES, "byjccvWIvAftaq+oublemagH3bYAlDWxxLFAzAsyslw="),
    "V0b": ({**RUN_INSTANCES, "zone": "pek1"}, "32bseYy39DOlatuewpeuW5vpmW51sD1A/JdGynqSpP8="),
    "V1": (V1, "Qxr5zzHjTqyPQnm8xkxR3xVBcK71SZ64Uv1ERFZ850Y="),
    "V1 HmacSHA1": ({**V1, "signature_method": "HmacSHA1"}, "8yiNXUPOzNgRAqJD2KdnZ9q7Dxc="),
    "V2": (
        {**V1, "req_id": "0123456789abcdef0123456789abcdef"},
        "FogkmarPnUtnGR5i0bJ1YiNZSs7htlRn/3KV2n+TV5o=",
    ),
    "V3": ({**V1, "expires": "2024-01-01T00:00:30Z"}, "TvFW+22aLrsL94SR3gWh17gZljFZWw0D7kvrzsO/cBc="),
    "V5": (V5, "AxE+fEZ0zXwd1iwF/q8fSqPXQhq/vYnTXqFyC3qBsig="),
    "V6": (
        params("DescribeJobs", **{"jobs.1": "j-ewfq9j2fivi", "limit": "1"}),
        "HAYD47GYhKT3HQJ/KcADOyTkdHosPjnGdS/7xUDSVUw=",
    ),
    "V7": (
        params("DescribeClusterNodes", cluster="cl-ouhutv70", role="maininstance", limit="100"),
        "KLo4yY8KYcr7pwtU3f0Uf1V8kHsMWjcE3lrllFy5d2c=",
    ),
}
FORBIDDEN = {
    "service_params encoded twice": "GGyIGUK9WxWkyu4AmdwmZQFyEHtNMu7P6dA+ShGiHJY=",
    "JSON with a space": "5/5WsltBg5lgr3xvsRiup8CpohDCmI4a0X0x3JgDtCs=",
    "a printed dict": "d3rdPvk5Nlz0J1VFR+RG5lt/dqOjM69ydMlkeRVUbwA=",
}


@pytest.mark.parametrize(("signed", "expected"), VECTORS.values(), ids=VECTORS)
def test_the_published_signatures_are_met(signed: dict[str, str], expected: str) -> None:
    assert sign(signed) == expected


def test_v4_a_post_is_signed_as_one() -> None:
    assert sign(V1, method="POST") == "m5/X0MHCnfX6GQaJ2qZWQ5iEbazntA9a6knSE4KEkgA="


def test_v8_temporary_credentials_sign_another_path() -> None:
    assert sign(IAM, path="/iam/") == "OOW8hEg6GQHLOnW40Qjsu/oOs6TAkLxaBRede5Z+fJI="


def test_v1_is_sent_as_it_was_signed() -> None:
    query = signer.signed_query(V1, path="/iaas/", secret=SECRET)
    assert query == (
        "access_key_id=QYACCESSKEYIDEXAMPLE&action=RunClusterCustomService&cluster=cl-ouhutv70"
        "&role=maininstance&service=assignmaster&service_params=%7B%22node_id%22%3A%22cln-vxosovur%22%7D"
        "&signature_method=HmacSHA256&signature_version=1&time_stamp=2024-01-01T00%3A00%3A00Z"
        "&version=1&zone=sh1a&signature=Qxr5zzHjTqyPQnm8xkxR3xVBcK71SZ64Uv1ERFZ850Y%3D"
    )


@pytest.mark.parametrize("wrong", FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_usual_mistakes_are_not_made(wrong: str) -> None:
    assert sign(V1) != wrong


def test_the_mistakes_would_be_these() -> None:
    twice = {**V1, "service_params": "%7B%22node_id%22%3A%22cln-vxosovur%22%7D"}
    spaced = {**V1, "service_params": '{"node_id": "cln-vxosovur"}'}
    printed = {**V1, "service_params": "{'node_id': 'cln-vxosovur'}"}
    assert [sign(twice), sign(spaced), sign(printed)] == list(FORBIDDEN.values())


def test_the_path_and_the_secret_are_signed() -> None:
    assert sign(V1, path="/iaas") != sign(V1)
    other = signer.signature("another", signer.string_to_sign("GET", "/iaas/", signer.canonical_query(V1)))
    assert other != sign(V1)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PARAMS = st.dictionaries(TEXT.filter(bool), TEXT, max_size=8)


@given(PARAMS)
def test_what_is_encoded_is_decoded_again(values: dict[str, str]) -> None:
    query = signer.canonical_query(values)
    assert dict(parse_qsl(query, keep_blank_values=True, strict_parsing=bool(values))) == values
    assert "+" not in query
    assert query.isascii()


@given(PARAMS)
def test_the_order_of_parameters_does_not_matter(values: dict[str, str]) -> None:
    backwards = dict(reversed(values.items()))
    assert signer.canonical_query(values) == signer.canonical_query(backwards)
    names = [unquote(pair.split("=")[0]) for pair in signer.canonical_query(values).split("&") if pair]
    assert names == sorted(names)


@given(PARAMS, TEXT, TEXT)
def test_any_changed_value_changes_the_signature(values: dict[str, str], one: str, two: str) -> None:
    first, second = ({**values, "x": value} for value in (one, two))
    text_of = {
        signer.string_to_sign("GET", "/iaas/", signer.canonical_query(each)) for each in (first, second)
    }
    assert len(text_of) == (1 if one == two else 2)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_stamps_round_down_and_come_back(at: datetime) -> None:
    again = signer.unstamp(signer.stamp(at))
    assert again == at.replace(microsecond=0)
    assert signer.stamp(at.astimezone(timezone(timedelta(hours=8)))) == signer.stamp(at)


@pytest.mark.parametrize("text", ["", "2024-01-01", "2024-01-01T00:00:00+08:00", "yesterday"])
def test_what_is_no_stamp_is_none(text: str) -> None:
    assert signer.unstamp(text) is None

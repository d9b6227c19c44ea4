"""Huawei Cloud accounts: where their endpoints are, and what makes one whole."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from providers.huawei_dds import HuaweiAccount, HuaweiDatabase

PROJECT = "0549b4a43100d4f32f51c01c2fe4acdb"
KEYS = {"access_key": SecretStr("AK"), "secret_key": SecretStr("SK")}
USER = {"domain": "d", "username": "u", "password": SecretStr("hunter2hunter2")}


def account(**given: Any) -> HuaweiAccount:
    return HuaweiAccount(**{"project_id": PROJECT, **given})


def problems(**given: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        account(**given)
    assert "hunter2" not in f"{caught.value!r} {caught.value}"
    return {str(error["loc"][0]): error["msg"] for error in caught.value.errors()}


@pytest.mark.parametrize(
    ("region", "dds", "iam"),
    [
        ("ap-southeast-1", "dds.ap-southeast-1.myhuaweicloud.com", "iam.ap-southeast-1.myhuaweicloud.com"),
        ("cn-north-4", "dds.cn-north-4.myhuaweicloud.com", "iam.cn-north-4.myhuaweicloud.com"),
        ("eu-west-0", "dds.eu-west-0.myhuaweicloud.com", "iam.eu-west-0.myhuaweicloud.com"),
        ("eu-west-101", "dds.eu-west-101.myhuaweicloud.eu", "iam.eu-west-101.myhuaweicloud.eu"),
        ("EU-West-101", "dds.eu-west-101.myhuaweicloud.eu", "iam.eu-west-101.myhuaweicloud.eu"),
        (
            "my-kualalumpur-1",
            "dds.my-kualalumpur-1.myhuaweicloud.com",
            "iam.my-kualalumpur-1.myhuaweicloud.com",
        ),
        ("eu-de", "dds.eu-de.otc.t-systems.com", "iam.eu-de.otc.t-systems.com"),
        ("eu-nl", "dds.eu-nl.otc.t-systems.com", "iam.eu-nl.otc.t-systems.com"),
        ("eu-ch2", "dds.eu-ch2.sc.otc.t-systems.com", "iam.eu-ch2.sc.otc.t-systems.com"),
    ],
)
def test_a_region_tells_both_endpoints(region: str, dds: str, iam: str) -> None:
    made = account(region=region, **USER)
    assert (made.dds, made.iam) == (f"https://{dds}", f"https://{iam}")
    assert made.t_systems == dds.endswith("otc.t-systems.com")


@pytest.mark.parametrize(
    ("given", "dds", "iam"),
    [
        ({"endpoint": "https://dds.ru-moscow-1.hc.sbercloud.ru/"}, "https://dds.ru-moscow-1.hc.sbercloud.ru",
         "https://iam.ru-moscow-1.hc.sbercloud.ru"),
        ({"endpoint": "http://127.0.0.1:8080", "iam_endpoint": "http://127.0.0.1:8081/v3"},
         "http://127.0.0.1:8080", "http://127.0.0.1:8081"),
        ({"endpoint": "https://proxy.example/dds/", "region": "cn-north-4"}, "https://proxy.example/dds",
         "https://iam.cn-north-4.myhuaweicloud.com"),
    ],
)  # fmt: skip
def test_an_endpoint_comes_before_the_region(given: dict[str, str], dds: str, iam: str) -> None:
    made = account(**given, **USER)
    assert (made.dds, made.iam) == (dds, iam)


def test_keys_may_be_temporary() -> None:
    made = account(region="cn-north-4", security_token=SecretStr("T"), **KEYS)
    assert made.security_token is not None
    assert made.calls_per_minute == 60


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({}, {"region", "access_key"}),
        (KEYS, {"region"}),
        ({"region": "cn-north-4"}, {"access_key"}),
        ({"region": "cn-north-4", "access_key": SecretStr("AK")}, {"secret_key"}),
        ({"region": "cn-north-4", "secret_key": SecretStr("SK")}, {"access_key"}),
        ({"region": "cn-north-4", "security_token": SecretStr("T")}, {"access_key", "secret_key"}),
        ({"region": "cn-north-4", "username": "u"}, {"domain", "password"}),
        ({"region": "cn-north-4", **KEYS, "username": "u"}, {"username"}),
        ({"endpoint": "https://10.0.0.1", **USER}, {"iam_endpoint"}),
        ({"region": "nowhere", **KEYS}, {"region"}),
        ({"region": "a b-1", **KEYS}, {"region"}),
        ({"region": "cn-north-4", **KEYS, "secret_key": SecretStr(" ")}, {"secret_key"}),
        ({"region": "cn-north-4", **KEYS, "calls_per_minute": 0}, {"calls_per_minute"}),
        ({"region": "cn-north-4", **KEYS, "zone": "sh1a"}, {"zone"}),
        ({"endpoint": "dds.cn-north-4.myhuaweicloud.com", **KEYS}, {"endpoint"}),
        ({"region": "cn-north-4", **KEYS, "secret_key": SecretStr("SK\n")}, {"secret_key"}),
        ({"region": "cn-north-4", **KEYS, "access_key": SecretStr("schl\u00fcssel")}, {"access_key"}),
        ({"region": "cn-north-4", **KEYS, "security_token": SecretStr("a\nb")}, {"security_token"}),
        ({"region": "cn-north-4", **USER, "domain": " "}, {"domain"}),
        ({"region": "eu-de", "endpoint": "https://dds.cn-north-4.myhuaweicloud.com", **USER}, {"region"}),
        ({"region": "cn-north-4", "endpoint": "https://dds.eu-de.otc.t-systems.com", **USER}, {"region"}),
        ({"endpoint": "ftp://x", "project_id": "", "username": "u"},
         {"endpoint", "project_id", "domain", "password", "iam_endpoint"}),
    ],
)  # fmt: skip
def test_everything_that_is_wrong_is_said_at_once(given: dict[str, Any], wrong: set[str]) -> None:
    assert set(problems(**given)) == wrong


def test_each_problem_says_the_mend() -> None:
    found = problems(username="u")
    assert found["region"] == "is missing: add a region, such as ap-southeast-1, or an endpoint"
    assert found["password"] == "is missing: username is given, and one needs the other"


def test_an_instance_must_be_given() -> None:
    with pytest.raises(ValidationError, match="9136fd2a9fcd405ea4674276ce36dae8in02"):
        HuaweiDatabase(instance="")


def test_a_project_is_the_same_however_it_is_reached() -> None:
    by_region = account(region="cn-north-4", **KEYS)
    by_endpoint = account(endpoint="https://DDS.cn-north-4.myhuaweicloud.com/", **USER)
    assert by_region.identity == by_endpoint.identity
    assert by_region.identity != account(region="cn-north-1", **KEYS).identity

"""A provider that takes another's place goes on with the calls that are left to the account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from bot.errors import BudgetSpent
from bot.ports import Provider
from providers.http import Priority
from providers.huawei_dds import HUAWEI_DDS, HuaweiAccount, HuaweiDds
from providers.qingcloud import QINGCLOUD, QingCloud, QingCloudAccount
from tests.providers.clocks import TestClock

KEY = SecretStr("KEY")
CLOUDS: list[Any] = [
    pytest.param(
        QINGCLOUD,
        QingCloudAccount(zone="sh1a", access_key_id=KEY, secret_access_key=KEY, calls_per_hour=3),
        id="qingcloud",
    ),
    pytest.param(
        HUAWEI_DDS,
        HuaweiAccount(
            region="eu-de", project_id="project", access_key=KEY, secret_key=KEY, calls_per_minute=3
        ),
        id="huawei-dds",
    ),
]


def built(kind: Any, account: Any, before: Provider | None, clock: TestClock) -> QingCloud | HuaweiDds:
    made: QingCloud | HuaweiDds = kind.build(
        account, {}, clock=clock, call_timeout=timedelta(seconds=1), observer=lambda *_: None, before=before
    )
    return made


@pytest.mark.parametrize(("kind", "account"), CLOUDS)
async def test_the_calls_of_the_one_before_count(kind: Any, account: Any) -> None:
    clock = TestClock()
    first = built(kind, account, None, clock)
    second = built(kind, account, first, clock)
    for provider in (first, second, first):
        provider.budget.take(Priority.SUBMISSION)
    with pytest.raises(BudgetSpent):
        second.budget.take(Priority.SUBMISSION)
    for provider in (first, second):
        await provider.close()

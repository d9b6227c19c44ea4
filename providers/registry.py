"""The clouds that are known: one line each."""

from __future__ import annotations

from collections.abc import Mapping

from bot.ports import ProviderType
from providers.huawei_dds import HUAWEI_DDS
from providers.qingcloud import QINGCLOUD

PROVIDERS: Mapping[str, ProviderType] = {
    QINGCLOUD.name: QINGCLOUD,
    HUAWEI_DDS.name: HUAWEI_DDS,
}

"""Huawei Cloud DDS."""

from __future__ import annotations

from providers.huawei_dds.provider import HUAWEI_DDS, HuaweiDds, HuaweiDdsType
from providers.huawei_dds.settings import HuaweiAccount, HuaweiDatabase

__all__ = ["HUAWEI_DDS", "HuaweiAccount", "HuaweiDatabase", "HuaweiDds", "HuaweiDdsType"]

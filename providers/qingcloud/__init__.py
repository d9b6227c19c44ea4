"""QingCloud MySQL Plus."""

from __future__ import annotations

from providers.qingcloud.provider import QINGCLOUD, QingCloud, QingCloudType
from providers.qingcloud.settings import QingCloudAccount, QingCloudDatabase

__all__ = ["QINGCLOUD", "QingCloud", "QingCloudAccount", "QingCloudDatabase", "QingCloudType"]

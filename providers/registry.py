"""The clouds that are known: one line each."""

from __future__ import annotations

from collections.abc import Mapping

from bot.ports import ProviderType
from providers.qingcloud import QINGCLOUD

PROVIDERS: Mapping[str, ProviderType] = {
    QINGCLOUD.name: QINGCLOUD,
}

"""The keys of QingCloud accounts and databases."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from bot.ports import ProviderSettings

Word = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]


def _endpoint(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an http:// or https:// address such as https://api.qingcloud.com/iaas/")
    if parts.query or parts.fragment or parts.username is not None or parts.password is not None:
        raise ValueError("must hold nothing but scheme, host, port and path")
    return text if parts.path else f"{text}/"


def _secret(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().strip():
        raise ValueError("must not be empty")
    return value


Secret = Annotated[SecretStr, AfterValidator(_secret)]


class QingCloudAccount(ProviderSettings):
    """``[accounts.*]`` with ``provider = "qingcloud"``.

    Attributes:
        endpoint: Where the API is; its path is signed exactly as written here.
        zone: The zone's id, sent in lower case.
        access_key_id: The API key's id.
        secret_access_key: The API key's secret.
        calls_per_hour: The account's quota (the vendor's first quota is 2000 per 3600 s).
    """

    endpoint: Annotated[str, AfterValidator(_endpoint)] = "https://api.qingcloud.com/iaas/"
    zone: Annotated[Word, AfterValidator(str.lower)]
    access_key_id: Secret
    secret_access_key: Secret
    calls_per_hour: Annotated[int, Field(ge=10)] = 2000

    @property
    def path(self) -> str:
        """The path of every request, part of what is signed."""
        return urlsplit(self.endpoint).path


class QingCloudDatabase(ProviderSettings):
    """``[databases.*]`` on a QingCloud account.

    Attributes:
        cluster: The cluster's id, ``cl-…``.
        role: The AppCenter role whose nodes are its members.
        display_tab: The tab that names each node's role; "" to find it.
    """

    cluster: Word
    role: Word = "maininstance"
    display_tab: str = ""

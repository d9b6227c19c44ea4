"""The keys of QingCloud accounts and databases."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from bot.ports import ProviderSettings
from providers.settings import Key, endpoint, word

ENDPOINT = "https://api.qingcloud.com/iaas/"

Endpoint = Annotated[str, endpoint(ENDPOINT)]
Zone = Annotated[str, word("sh1a"), AfterValidator(str.lower)]
Cluster = Annotated[str, word("cl-ouhutv70")]
AppCenterRole = Annotated[str, word("maininstance")]


class QingCloudAccount(ProviderSettings):
    """``[accounts.*]`` with ``provider = "qingcloud"``.

    Attributes:
        endpoint: Where the API is; its path is signed exactly as written here.
        zone: The zone's id, sent in lower case.
        access_key_id: The API key's id.
        secret_access_key: The API key's secret.
        calls_per_hour: The account's quota (the vendor's first quota is 2000 per 3600 s).
    """

    endpoint: Endpoint = ENDPOINT
    zone: Zone
    access_key_id: Key
    secret_access_key: Key
    calls_per_hour: Annotated[int, Field(ge=1)] = 2000

    @property
    def identity(self) -> tuple[str, ...]:
        """The zone, with whichever key it is reached."""
        return (urlsplit(self.endpoint).netloc.lower(), self.zone)

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

    cluster: Cluster
    role: AppCenterRole = "maininstance"
    display_tab: str = ""

    @property
    def identity(self) -> tuple[str, ...]:
        """The role of the cluster, wherever its roles are read."""
        return (self.cluster, self.role)

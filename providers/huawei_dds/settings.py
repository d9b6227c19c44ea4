"""The keys of Huawei Cloud DDS accounts and databases, and where a region's endpoints are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from bot.ports import ProviderSettings
from providers.settings import Key, Secret, endpoint, word

T_SYSTEMS = "otc.t-systems.com"
_T_SYSTEMS_REGIONS = {"eu-de": T_SYSTEMS, "eu-nl": T_SYSTEMS, "eu-ch2": f"sc.{T_SYSTEMS}"}


def cloud_of(region: str) -> str:
    """The domain that a region's services are under: ``dds.<region>.<cloud>``, ``iam.<region>.<cloud>``.

    Sources: the region list of Huawei's SDK; the Terraform provider (European site); T-Systems' documentation.
    """
    if region in _T_SYSTEMS_REGIONS:
        return _T_SYSTEMS_REGIONS[region]
    return "myhuaweicloud.eu" if region.startswith("eu-west-1") else "myhuaweicloud.com"


def _region(text: str) -> str:
    lowered = text.lower()
    if not all(part.isalnum() and part.isascii() for part in lowered.split("-")) or "-" not in lowered:
        raise ValueError("must be a region's id such as ap-southeast-1")
    return lowered


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: give it a value")
    return text


def _bare(text: str) -> str:
    return text.rstrip("/").removesuffix("/v3")


DDS, IAM = "https://dds.ap-southeast-1.myhuaweicloud.com", "https://iam.ap-southeast-1.myhuaweicloud.com"
Endpoint = Annotated[str, endpoint(DDS), AfterValidator(_bare)]
IamEndpoint = Annotated[str, endpoint(IAM), AfterValidator(_bare)]
KEY_PAIR = ("access_key", "secret_key")
IAM_USER = ("domain", "username", "password")


class HuaweiAccount(ProviderSettings):
    """``[accounts.*]`` with ``provider = "huawei-dds"``: one project, by AK/SK or by an IAM user.

    Attributes:
        endpoint: Where the API is; found from ``region`` where it is not given.
        region: The region's id.
        project_id: The project that the instances are in.
        access_key: The AK.
        secret_key: The SK.
        security_token: What a temporary AK/SK comes with.
        iam_endpoint: Where an IAM user logs in; found from ``region`` or ``endpoint`` where it is not given.
        domain: The account name of the IAM user.
        username: The IAM user.
        password: The IAM user's password.
        calls_per_minute: The budget of calls (Huawei documents 60 a minute and user for the sibling service RDS).
    """

    endpoint: Endpoint = ""
    region: Annotated[str, AfterValidator(_region)] = ""
    project_id: Annotated[str, word("0549b4a43100d4f32f51c01c2fe4acdb")]
    access_key: Key | None = None
    secret_key: Key | None = None
    security_token: Key | None = None
    iam_endpoint: IamEndpoint = ""
    domain: Annotated[str, AfterValidator(_not_blank)] = ""
    username: Annotated[str, AfterValidator(_not_blank)] = ""
    password: Secret | None = None
    calls_per_minute: Annotated[int, Field(ge=1)] = 60

    @property
    def dds(self) -> str:
        """The endpoint of DDS, without a slash at its end."""
        return self.endpoint or f"https://dds.{self.region}.{cloud_of(self.region)}"

    @property
    def iam(self) -> str:
        """The endpoint of IAM, without a slash at its end."""
        return self.iam_endpoint or _iam_of(self.region, self.endpoint)

    @property
    def identity(self) -> tuple[str, ...]:
        """The project, however it is reached."""
        return (urlsplit(self.dds).netloc.lower(), self.project_id)

    @property
    def t_systems(self) -> bool:
        """Whether this is T-Systems' edition: replica sets only, no promotion of a named node, no job list."""
        return (urlsplit(self.dds).hostname or "").endswith(f".{T_SYSTEMS}")

    @model_validator(mode="wrap")
    @classmethod
    def _whole(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        # One by one the keys may be right and still not make an account; both kinds are reported together.
        errors: list[InitErrorDetails] = []
        account = None
        try:
            account = handler(given)
        except ValidationError as exc:
            errors += (_again(error) for error in exc.errors(include_url=False))
        wrong = {error["loc"][0] for error in errors if error.get("loc")}
        for key, why in _missing(given if isinstance(given, dict) else {}):
            if key not in wrong:
                errors.append(
                    InitErrorDetails(type=PydanticCustomError("account", why), loc=(key,), input=None)
                )
        if account is None or errors:
            raise ValidationError.from_exception_data(cls.__name__, errors, hide_input=True)
        return account


def _again(error: Any) -> InitErrorDetails:
    return InitErrorDetails(
        type=PydanticCustomError(error["type"], error["msg"], error.get("ctx")), loc=error["loc"], input=None
    )


def _missing(given: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Which keys an account lacks, or has too many of, and the mend."""
    if not given.get("endpoint") and not given.get("region"):
        yield "region", "is missing: add a region, such as ap-southeast-1, or an endpoint"
    if problem := _contradiction(given.get("region"), given.get("endpoint")):
        yield "region", problem
    pair = [key for key in (*KEY_PAIR, "security_token") if key in given]
    user = [key for key in IAM_USER if key in given]
    if pair and user:
        yield user[0], f"does not go with {pair[0]}: give either AK/SK or an IAM user"
    elif not pair and not user:
        yield "access_key", "is missing: give access_key and secret_key, or domain, username and password"
    for key in KEY_PAIR if pair else IAM_USER if user else ():
        if not given.get(key):
            yield key, f"is missing: {(pair or user)[0]} is given, and one needs the other"
    if user and not given.get("iam_endpoint") and not _iam_of(given.get("region"), given.get("endpoint")):
        yield "iam_endpoint", f"is missing: it can't be told from the endpoint; add it, such as {IAM}"


def _contradiction(region: Any, endpoint: Any) -> str:
    """Whether the endpoint is that of another region, to whose IAM the password must not go."""
    if not isinstance(region, str) or not isinstance(endpoint, str) or not region:
        return ""
    host = urlsplit(endpoint).hostname or ""
    known = host.endswith((T_SYSTEMS, "myhuaweicloud.com", "myhuaweicloud.eu"))
    own = f"dds.{region.lower()}.{cloud_of(region.lower())}"
    return f"is not the region of the endpoint {host}: leave one of them out" if known and host != own else ""


def _iam_of(region: Any, endpoint: Any) -> str:
    """Where IAM is for a region, or beside an endpoint that is named ``dds.…``; "" where that can't be told."""
    if isinstance(region, str) and region:
        return f"https://iam.{region.lower()}.{cloud_of(region.lower())}"
    parts = urlsplit(endpoint) if isinstance(endpoint, str) else urlsplit("")
    name = (parts.hostname or "").removeprefix("dds.")
    return f"{parts.scheme}://iam.{name}" if name and name != parts.hostname else ""


class HuaweiDatabase(ProviderSettings):
    """``[databases.*]`` on a Huawei Cloud DDS account.

    Attributes:
        instance: The instance's id; of a sharded cluster every shard can be switched.
    """

    instance: Annotated[str, word("9136fd2a9fcd405ea4674276ce36dae8in02")]

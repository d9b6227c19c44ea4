"""Who may ask: signatures as the gateway checks them, and tokens as IAM issues them.

The signature is written anew and not taken from the client, so that each checks the other.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote

from bot.sandbox.faults import Answer
from bot.sandbox.huawei_dds.asked import Asked
from bot.sandbox.huawei_dds.model import No

ALGORITHM = "SDK-HMAC-SHA256"
SIGNED_AT = "%Y%m%dT%H%M%SZ"
STAMPED = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
TOKEN_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
SKEW = timedelta(minutes=15)
BAD_SIGNATURES, LOCKED_FOR = 5, timedelta(minutes=5)  # one more than these in a row locks the key
AUTHORIZATION = re.compile(rf"{ALGORITHM} Access=(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{{64}})")

# They open nothing.
EXAMPLE_ACCESS_KEY = "AKEXAMPLE0000000001"
EXAMPLE_SECRET_KEY = "SKexample0123456789abcdefABCDEF0123456789"


@dataclass(frozen=True, slots=True)
class IamUser:
    """The one IAM user there is, and the account it belongs to."""

    domain: str
    username: str
    password: str


EXAMPLE_USER = IamUser("example-domain", "switchover", "Example-Passw0rd")


class Signatures:
    """Checks signatures with one key, and locks the key where somebody seems to guess."""

    def __init__(self, access_key: str, secret_key: str, security_token: str) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._security_token = security_token
        self._bad = 0
        self._locked_until: datetime | None = None

    def check(self, asked: Asked) -> None:
        """Returns if the signature is right.

        Raises:
            No: It is wrong, too old, too young, or the key is locked.
        """
        parts = AUTHORIZATION.fullmatch(asked.headers["authorization"])
        if parts is None:
            raise asked.unauthorized("the Authorization header cannot be read")
        access_key, names, signature = parts.groups()
        if access_key != self._access_key:
            raise asked.unauthorized(f"Get secretKey failed,ak:{access_key},err:ak not exist")
        self._check_lock(asked)
        _check_time(asked)
        signed = names.split(";")
        self._check_headers(asked, signed)
        if not hmac.compare_digest(_signature(asked, signed, self._secret_key), signature):
            self._count(asked.at)
            raise asked.unauthorized("verify aksk signature fail")
        self._bad = 0

    def _check_lock(self, asked: Asked) -> None:
        if self._locked_until is not None and asked.at < self._locked_until:
            raise asked.unauthorized("AK access failed to reach the limit,forbidden")

    def _check_headers(self, asked: Asked, signed: list[str]) -> None:
        needed = {"host", "x-sdk-date"}
        if asked.headers.get("x-security-token", "") != self._security_token:
            raise asked.unauthorized("the security token is not that of the key")
        if self._security_token:
            needed.add("x-security-token")
        if signed != sorted({name.lower() for name in signed}):
            raise asked.unauthorized("SignedHeaders are not lower case, sorted and distinct")
        if missing := sorted(needed - set(signed)) or sorted(set(signed) - set(asked.headers)):
            raise asked.unauthorized(f"signed headers are missing: {missing}")

    def _count(self, at: datetime) -> None:
        self._bad += 1
        if self._bad > BAD_SIGNATURES:
            self._bad, self._locked_until = 0, at + LOCKED_FOR


def _check_time(asked: Asked) -> None:
    text = asked.headers.get("x-sdk-date", "")
    try:
        stamped = datetime.fromisoformat(text if STAMPED.fullmatch(text) else "")
    except ValueError:
        raise asked.unauthorized("X-Sdk-Date is missing or cannot be read") from None
    if abs(asked.at - stamped) > SKEW:
        now = asked.at.astimezone(UTC).strftime(SIGNED_AT)
        raise asked.unauthorized(f"signature expired, signature time:{text},server time:{now}")


def _signature(asked: Asked, signed: list[str], secret_key: str) -> str:
    hashed = hashlib.sha256(_canonical(asked, signed).encode()).hexdigest()
    text = f"{ALGORITHM}\n{asked.headers['x-sdk-date']}\n{hashed}"
    return hmac.digest(secret_key.encode(), text.encode(), "sha256").hex()


def _canonical(asked: Asked, signed: list[str]) -> str:
    path = "/".join(_encoded(unquote(segment)) for segment in asked.path.split("/"))
    pairs = sorted((_encoded(key), _encoded(value)) for key, value in asked.query)
    lines = [
        asked.method,
        path if path.endswith("/") else f"{path}/",
        "&".join(f"{key}={value}" for key, value in pairs),
        *(f"{name}:{asked.headers[name].strip()}" for name in signed),
        "",
        ";".join(signed),
        hashlib.sha256(asked.body).hexdigest(),
    ]
    return "\n".join(lines)


@lru_cache(maxsize=512)
def _encoded(text: str) -> str:
    return quote(text, safe="~")


@dataclass(frozen=True, slots=True)
class _Token:
    expires: datetime
    project: str | None


class Iam:
    """Issues tokens to one user, for one project or for the whole account."""

    def __init__(self, user: IamUser, project_id: str, project_name: str) -> None:
        self.issued = 0
        self._user = user
        self._project_id = project_id
        self._project_name = project_name
        self._tokens: dict[str, _Token] = {}

    def revoke(self) -> None:
        """Ends all tokens at once."""
        self._tokens.clear()

    def check(self, asked: Asked) -> None:
        """Returns if the request's token is good for the project in its path.

        Raises:
            No: It is not.
        """
        token = self._tokens.get(asked.headers["x-auth-token"])
        if token is None:
            raise asked.unauthorized("decrypt token fail")
        if asked.at >= token.expires:
            raise No.by_gateway(401, "APIGW.0307", "The token must be updated", asked.id)
        if token.project != asked.names["project"]:
            raise No.by_service(403, "DBS.200604", "The token is not of this project.")

    def issue(self, asked: Asked, life: timedelta) -> Answer:
        """A new token, as long as the password is right.

        Raises:
            No: It is not, or the request is none.
        """
        auth = _within(asked.json, "auth")
        self._check_password(_within(auth, "identity"))
        token = _Token(asked.at + life, self._project(_within(auth, "scope")))
        self.issued += 1
        name = f"MIIexample{hashlib.sha256(f'token {self.issued}'.encode()).hexdigest()}"
        self._tokens[name] = token
        row = self._row(asked, token)
        return Answer({"token": row}, 201, {"x-subject-token": name})

    def _check_password(self, identity: Mapping[str, Any]) -> None:
        if identity.get("methods") != ["password"]:
            raise _bad_request("methods")
        user = _within(identity, "password", "user")
        given = (_within(user, "domain").get("name"), user.get("name"), user.get("password"))
        if given != (self._user.domain, self._user.username, self._user.password):
            raise No.by_iam(401, "The username or password is wrong.", "Unauthorized")

    def _project(self, scope: Mapping[str, Any]) -> str | None:
        if "domain" in scope:
            return None
        asked_for = _within(scope, "project")
        if asked_for not in ({"id": self._project_id}, {"name": self._project_name}):
            message = "The request you have made requires authentication."
            raise No.by_iam(401, message, "Unauthorized")
        return self._project_id

    def _row(self, asked: Asked, token: _Token) -> dict[str, Any]:
        domain = {"id": "d78cbac186b744899480f25bd022f468", "name": self._user.domain}
        row: dict[str, Any] = {
            "methods": ["password"],
            "issued_at": asked.at.astimezone(UTC).strftime(TOKEN_TIME),
            "expires_at": token.expires.astimezone(UTC).strftime(TOKEN_TIME),
            "roles": [{"id": "0", "name": "dds_adm"}],
            "user": {"id": "7116d09f88fa41908676fdd4b039e95b", "name": self._user.username, "domain": domain},
        }
        if token.project is None:
            row["domain"] = domain
        else:
            row["project"] = {"id": token.project, "name": self._project_name, "domain": domain}
        if asked.params.get("nocatalog") != "true":
            row["catalog"] = [{"type": "ddsv3", "name": "ddsv3", "endpoints": []}]
        return row


class Gate:
    """What stands before every call: a signature or a token, and the right project.

    Args:
        project_id: The only project it lets in.
        signatures: Asked about requests that are signed.
        iam: Asked about requests with a token.
    """

    def __init__(self, project_id: str, signatures: Signatures, iam: Iam) -> None:
        self._project_id = project_id
        self._signatures = signatures
        self._iam = iam

    def admit(self, asked: Asked) -> None:
        """Returns if this request may go on.

        Raises:
            No: It may not.
        """
        if asked.headers.get("authorization"):
            self._signatures.check(asked)
        elif asked.headers.get("x-auth-token"):
            self._iam.check(asked)
        else:
            raise asked.unauthorized("x-auth-token not found")
        named = {asked.names["project"], asked.headers.get("x-project-id", self._project_id)}
        if named != {self._project_id}:
            raise No.by_service(403, "DBS.200604", "You are not the owner of this project.")


def _within(value: Any, *keys: str) -> Mapping[str, Any]:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if not isinstance(value, dict):
        raise _bad_request(keys[-1])
    return value


def _bad_request(what: str) -> No:
    return No.by_iam(400, f"Invalid input for field: {what}", "Bad Request")

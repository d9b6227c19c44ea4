"""What goes wrong in a database, as the one error that callers know; no driver's words with values in them."""

from __future__ import annotations

import os
import sqlite3
import ssl

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.errors import MaybeRecorded, StoreUnavailable


class Conflict(StoreUnavailable):
    """A uniqueness rule of the database said no; nothing was recorded."""


_SQLITE = {
    sqlite3.SQLITE_BUSY: "the database is locked by somebody else",
    sqlite3.SQLITE_LOCKED: "the database is locked by somebody else",
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "the database is read-only",
    sqlite3.SQLITE_CANTOPEN: "the database file can't be opened",
    sqlite3.SQLITE_IOERR: "the disk fails",
    sqlite3.SQLITE_CORRUPT: "the database file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is not a database",
    sqlite3.SQLITE_PERM: "the database file may not be opened",
}

# By SQLSTATE, the whole code before its class.
_POSTGRESQL = {
    "08": "the database can't be reached",
    "25006": "the database is read-only",
    "28": "the database does not accept our user or password",
    "3D": "the database does not exist",
    "42P01": "the database has another schema: run switchover db upgrade",
    "42703": "the database has another schema: run switchover db upgrade",
    "53100": "the database's disk is full",
    "53300": "the database has too many connections",
    "53": "the database is out of resources",
    "55P03": "a row is locked for too long",
    "40": "the database gave up this transaction in favour of another",
    "57014": "a statement took too long",
    "57": "the database is shutting down",
}


# Errors of these classes end the connection: the server may have committed before it came to that.
_FATAL = ("08", "57", "58", "XX")


def uncommitted(error: Exception) -> StoreUnavailable:
    """The error to raise where it was the commit that failed: only what the server itself refused is undone."""
    known = unavailable(error)
    cause = error.orig if isinstance(error, DBAPIError) else error
    sqlstate = getattr(cause, "sqlstate", None)
    refused = isinstance(sqlstate, str) and not sqlstate.startswith(_FATAL)
    if refused or isinstance(cause, sqlite3.Error):
        return known
    return MaybeRecorded(f"{known}; whether it was recorded is not known")


def unavailable(error: Exception) -> StoreUnavailable:
    """The error to raise for anything that a database, its driver or its pool raised."""
    if isinstance(error, IntegrityError):
        return Conflict("a uniqueness rule of the database said no")
    if isinstance(error, PoolTimeout):
        return StoreUnavailable("every connection to the database is busy")
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return StoreUnavailable(_sqlite(cause))
    sqlstate = getattr(cause, "sqlstate", None)
    if isinstance(sqlstate, str):
        sentence = _POSTGRESQL.get(sqlstate) or _POSTGRESQL.get(sqlstate[:2], "the database refused")
        return StoreUnavailable(f"{sentence} ({sqlstate})")
    if isinstance(cause, TimeoutError):
        return StoreUnavailable("the database did not answer in time")
    if isinstance(cause, OSError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return StoreUnavailable(f"the database can't be reached{_why(cause)}")
    return StoreUnavailable(f"the database refused ({type(cause).__name__})")


def _why(cause: BaseException | None) -> str:
    """The system's word for it: what the driver says besides may hold the address."""
    if isinstance(cause, ssl.SSLError):  # its numbers are those of OpenSSL
        return f" (TLS: {(cause.reason or 'refused').replace('_', ' ').lower()})"
    if not isinstance(cause, OSError) or cause.errno is None:
        return ""
    # The numbers of name resolution are its own, and negative.
    word = os.strerror(cause.errno) if cause.errno > 0 else cause.strerror
    return f" ({word.lower()})" if word else ""


def _sqlite(error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return f"the database refused ({type(error).__name__})"
    if any(words in str(error) for words in ("no such table", "no such column", "has no column")):
        return "the database has another schema: run switchover db upgrade"
    known = _SQLITE.get(code & 0xFF)  # the low byte is the class, the rest a detail
    return known or f"the database refused ({error.sqlite_errorname})"

"""The databases of the storage tests, for the tests of the whole."""

from __future__ import annotations

from tests.storage.conftest import postgres_server, postgres_template, severed

__all__ = ["postgres_server", "postgres_template", "severed"]

"""A provider that is registered is proven: by the whole suite, with nothing left out."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from providers.registry import PROVIDERS
from tests.providers.conformance import ProviderSuite

HERE = Path(__file__).parent
EXCUSES = {"skip", "skipif", "xfail", "importorskip", "SkipTest", "deselect"}


def _suites() -> dict[str, type[ProviderSuite]]:
    for path in HERE.glob("test_*.py"):
        importlib.import_module(f"tests.providers.{path.stem}")
    return {suite.provider_type.name: suite for suite in ProviderSuite.__subclasses__()}


def test_every_registered_provider_has_a_suite_that_pytest_collects() -> None:
    suites = _suites()
    assert set(PROVIDERS) == set(suites)
    for name, suite in suites.items():
        assert suite.__name__.startswith("Test")
        assert suite.__module__.rpartition(".")[2].startswith("test_")
        assert suite.provider_type is PROVIDERS[name]


def test_no_suite_weakens_the_shared_tests() -> None:
    shared = {name for name in vars(ProviderSuite) if name.startswith(("test_", "pytest_"))}
    for suite in _suites().values():
        assert not shared & set(vars(suite))


@pytest.mark.parametrize("path", sorted(HERE.glob("*.py")), ids=lambda path: str(path.name))
def test_no_test_is_excused(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    names |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert not names & EXCUSES


def test_names_are_those_of_the_configuration() -> None:
    assert all(name == provider.name for name, provider in PROVIDERS.items())

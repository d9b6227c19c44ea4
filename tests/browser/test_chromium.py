"""Without Chromium these tests are skipped with a line that says so, except in CI."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import path_of_chromium


@pytest.mark.parametrize(("ci", "missing"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_where_there_is_none(
    ci: str, missing: type[BaseException], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CI", ci)
    with pytest.raises(missing, match="no Chromium: install one of chromium"):
        path_of_chromium()

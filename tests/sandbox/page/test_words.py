"""The page's words: the same in every language, none missing, none left over. And nothing in its files is unsafe."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bot.sandbox.page import app

STATIC = app.STATIC
TABLES = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (STATIC / "words").glob("*.json")
}
SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in (STATIC / "js").glob("*.js")}
PAGE = (STATIC / "index.html").read_text(encoding="utf-8")
UNSAFE = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.srcdoc|javascript:"
)
EITHER = re.compile(r'\bt\([^")]*\? "(\w+)" : "(\w+)"')
# How keys begin that the page puts together.
MADE = (
    "about_",
    "bot_",
    "calls_",
    "fault_",
    "from_",
    "not_reached_",
    "pane_",
    "phase_",
    "role_",
    "side_",
    "suggest_",
    "theme_",
    "tour_",
    "why_",
)


def asked_for() -> set[str]:
    found = set(re.findall(r'data-word="(\w+)"', PAGE))
    for script in SCRIPTS.values():
        found |= set(re.findall(r'\bt\("(\w+)"', script))
        found |= {key for pair in EITHER.findall(script) for key in pair}
        found |= set(re.findall(r'\bkey: "(\w+)"', script))
    return found


def test_every_language_has_the_same_words_with_the_same_values() -> None:
    assert set(TABLES) == {"en", "zh-CN"}
    english = TABLES["en"]
    for table in TABLES.values():
        assert set(table) == set(english)
        for key, text in table.items():
            assert text.strip() == text != ""
            assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", english[key])), key


def test_every_word_that_is_asked_for_is_there() -> None:
    assert asked_for() - {"none"} - set(TABLES["en"]) == set()


def test_no_word_is_left_over() -> None:
    left = {key for key in set(TABLES["en"]) - asked_for() if not key.startswith(MADE)}
    assert left == set()


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_no_script_makes_html_of_data(name: str) -> None:
    assert not UNSAFE.search(SCRIPTS[name])


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.*")), ids=lambda path: path.name)
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|//[a-z]+\.[a-z]{2,}/|@import|url\(", text)


def test_the_page_has_no_inline_script_or_style() -> None:
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", PAGE)

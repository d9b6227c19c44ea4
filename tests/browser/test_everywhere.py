"""The page on a narrow screen, in Chinese, in the dark, and for those who hear it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from bot.sandbox import page as page_package
from bot.sandbox.page.app import page_app
from bot.sandbox.page.sandbox import Sandbox
from bot.sandbox.server import serve
from tests.browser.visits import BEA, PHONE, RITA, Tab, Visit, ends

PANELS = ("clouds", "faults", "calls", "bot")
WORDS = json.loads(
    (Path(page_package.__file__).parent / "static/words/zh-CN.json").read_text(encoding="utf-8")
)

SOUNDNESS = (Path(__file__).parent / "soundness.js").read_text(encoding="utf-8")
NOTHING: dict[str, list[str]] = {"nameless": [], "beyond": [], "faint": [], "twice": []}


# Who is not wholly seen, and which lists to choose from are not labelled for the eye.
HEADER = """() => [
  ...[...document.querySelectorAll(".chip")].filter((chip) => {
    const [one, all] = [chip.getBoundingClientRect(), chip.closest(".people").getBoundingClientRect()];
    return one.left < all.left || one.right > Math.min(all.right, innerWidth);
  }),
  ...[...document.querySelectorAll("header select")].filter((select) => ![...select.labels].some((label) => {
    const words = label.querySelector("span")?.getBoundingClientRect();
    return words?.width > 0 && words.height > 0;
  })),
].map((found) => found.outerHTML)"""


async def is_sound(tab: Tab) -> None:
    """Every control has a name, every text a contrast of 4.5, every id is one, and all is on the screen."""
    found = await tab.page.evaluate(SOUNDNESS)
    assert found["wrong"] == NOTHING
    assert found["texts"] > 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_part_has_names_and_contrast(visit: Visit, scheme: str) -> None:
    tab = await visit.tab(color_scheme=scheme)
    await expect(tab.page.locator("html")).to_have_attribute("data-theme", scheme)
    await tab.say("/switchover list")
    await expect(tab.alone("mysql-1")).not_to_have_count(0)
    for landmark in ("banner", "main", "complementary", "navigation"):
        await expect(tab.page.get_by_role(landmark).first).to_be_visible()
    await expect(tab.page.get_by_role("heading", level=1)).to_have_text("Switchover sandbox")
    for panel in PANELS:
        await tab.at(f"side-{panel}").click()
        await expect(tab.at(f"panel-{panel}")).to_be_visible()
        await is_sound(tab)
    await tab.at("messages").get_by_test_id("message").first.hover()
    await tab.at("home-tab").click()
    await expect(tab.at("home")).to_contain_text("orders")
    await is_sound(tab)
    await tab.at("global-shortcut").click()
    await expect(tab.at("modal")).to_be_visible()
    await tab.at("modal-submit").click()
    await expect(tab.at("modal").get_by_role("alert").first).to_be_visible()
    await is_sound(tab)
    await tab.at("modal-close").click()
    await expect(tab.at("modal")).to_be_hidden()


async def test_a_switchover_on_a_phone_in_chinese(visit: Visit) -> None:
    tab = await visit.tab(locale="zh-CN", **PHONE)
    await expect(tab.page.locator("html")).to_have_attribute("lang", "zh-CN")
    await expect(tab.at("tour-title")).to_have_text(WORDS["tour_request_title"])
    await tab.at("tour-close").click()
    assert await tab.page.evaluate(HEADER) == []
    card = await tab.request("events shard config")
    await is_sound(tab)
    for pane in ("sidebar", "side", "conversation"):
        await tab.at(f"pane-{pane}").click()
        await expect(tab.at(pane)).to_be_visible()
        await is_sound(tab)
    await tab.become(BEA)
    await tab.press(card, "approve")
    await ends(card)
    await card.get_by_test_id("open-thread").click()
    await expect(tab.at("thread-messages").locator('[data-status="succeeded"]')).to_have_count(2)
    await expect(tab.at("conversation")).to_be_hidden()
    await is_sound(tab)
    await tab.at("close-thread").click()
    await expect(card).to_be_visible()
    await tab.become(RITA)


async def test_no_word_is_missing_in_chinese(visit: Visit) -> None:
    tab = await visit.tab(locale="zh-CN")
    shown = ""
    for panel in PANELS:
        await tab.at(f"side-{panel}").click()
        await expect(tab.at(f"side-{panel}")).to_have_text(WORDS[f"side_{panel}"])
        shown += await tab.page.locator("body").inner_text()
    assert not set(re.findall(r"\b[a-z]+(?:_[a-z]+)+\b", shown)) & set(WORDS)
    assert set(re.findall(r"\{\w+\}", shown)) == set()
    await tab.at("language").select_option("en")
    await expect(tab.at("side-clouds")).to_have_text("Clouds")
    await expect(tab.page.locator("html")).to_have_attribute("lang", "en")
    await tab.page.reload()
    await expect(tab.at("side-clouds")).to_have_text("Clouds")


async def test_the_page_speaks_what_the_channels_are_told_in_until_another_language_is_chosen(
    visit: Visit,
) -> None:
    sandbox = Sandbox(locale="zh-CN")
    async with serve(page_app(sandbox)) as url:
        page = await (await visit.context()).new_page()
        for lang in ("zh-CN", "en"):
            await page.goto(url)
            await expect(page.locator("html")).to_have_attribute("lang", lang)
            await page.get_by_test_id("language").select_option("en")
        sandbox.close()

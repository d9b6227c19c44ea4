"""The page on a narrow screen, in Chinese, in the dark, and for those who hear it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from bot.sandbox import page as page_package
from tests.browser.visits import BEA, RITA, Tab, Visit, ends

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
PANELS = ("clouds", "faults", "calls", "bot")
WORDS = json.loads(
    (Path(page_package.__file__).parent / "static/words/zh-CN.json").read_text(encoding="utf-8")
)

# Elements whose box leaves the screen to the side, and which nobody can scroll to.
BEYOND = """() => [...document.querySelectorAll("body *")].filter((node) => {
  const box = node.getBoundingClientRect();
  if (!box.width || !box.height || node.closest(".unseen, .skip, [hidden], .people, .tablist")) return false;
  return box.right > innerWidth + 1 || box.left < -1;
}).map((node) => node.outerHTML.slice(0, 120))"""

NAMELESS = """() => {
  const named = (node) => node.getAttribute("aria-label") || node.getAttribute("title") ||
    (node.getAttribute("aria-labelledby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join("") ||
    [...(node.labels ?? [])].map((label) => label.textContent).join("") ||
    (["INPUT", "SELECT", "TEXTAREA"].includes(node.tagName) ? "" : node.textContent);
  return [...document.querySelectorAll("button, input, select, textarea, a[href], [tabindex='0'], dialog[open], table, img")]
    .filter((node) => node.checkVisibility())
    .filter((node) => node.tagName === "IMG" ? !node.hasAttribute("alt") : node.tagName !== "TABLE" && !named(node).trim())
    .map((node) => node.outerHTML.slice(0, 160));
}"""

# WCAG's contrast of every text that is drawn against what is painted behind it, where that is one colour.
FAINT = """() => {
  const channels = (colour) => {
    const canvas = new OffscreenCanvas(1, 1).getContext("2d");
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const over = (top, under) => {
    const part = top[3] / 255;
    return [0, 1, 2].map((i) => top[i] * part + under[i] * (1 - part)).concat(255);
  };
  const behind = (node) => {
    if (!node) return [255, 255, 255, 255];
    const own = channels(getComputedStyle(node).backgroundColor);
    return own[3] === 255 ? own : over(own, behind(node.parentElement));
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((one) => one / 255).map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const node = text.parentElement;
    if (!text.textContent.trim() || !node.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (node.closest(".unseen, .skip, option, optgroup, [disabled]") || (document.querySelector("dialog[open]") && !node.closest("dialog"))) continue;
    const under = behind(node);
    const ink = over(channels(getComputedStyle(node).color), under);
    const [one, other] = [light(ink), light(under)].sort((a, b) => b - a);
    const contrast = (one + 0.05) / (other + 0.05);
    if (contrast < 4.5) found.push([contrast.toFixed(2), node.className || node.tagName, text.textContent.trim().slice(0, 40)]);
  }
  return found;
}"""


async def is_sound(tab: Tab) -> None:
    """Nothing nameless, nothing faint, nothing beyond the edge of the screen."""
    assert await tab.page.evaluate(NAMELESS) == []
    assert await tab.page.evaluate(FAINT) == []
    assert await tab.page.evaluate(BEYOND) == []


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
    assert await tab.page.evaluate("ids => ids.length - new Set(ids).size", await all_ids(tab)) == 0
    await tab.at("modal-close").click()
    await expect(tab.at("modal")).to_be_hidden()


async def all_ids(tab: Tab) -> list[str]:
    return list(await tab.page.evaluate("[...document.querySelectorAll('[id]')].map((node) => node.id)"))


async def test_a_switchover_on_a_phone_in_chinese(visit: Visit) -> None:
    tab = await visit.tab(locale="zh-CN", **PHONE)
    await expect(tab.page.locator("html")).to_have_attribute("lang", "zh-CN")
    await expect(tab.at("tour-title")).to_have_text(WORDS["tour_request_title"])
    await tab.at("tour-close").click()
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

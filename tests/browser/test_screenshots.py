"""Pictures for the README and the docs, taken of the real page: ``make screenshots`` writes them anew.

The others are for a person to look at; they are where pytest keeps what tests wrote.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.browser.visits import AMIR, BEA, CARL, PHONE, RITA, Tab, Visit, ends

pytestmark = pytest.mark.slow
KEPT = {"page", "approval", "succeeded", "in-doubt", "form", "home", "phone", "phone-dark-zh"}
"""Those that are part of the project, without ``.png``."""
MOST_BYTES = 150_000
FOLDER = "SWITCHOVER_SCREENSHOTS"


class Album:
    """Where pictures go: all into one folder, those that are kept into another one if there is one."""

    def __init__(self, folder: Path, kept: Path) -> None:
        self._folder = folder
        self._kept = kept

    async def take(self, name: str, of: Tab | Locator) -> None:
        """Keeps a picture of a whole tab or a part of it, without a caret or anything that moves."""
        path = (self._kept if name in KEPT else self._folder) / f"{name}.png"
        # A part is cut out of the whole, because it may be drawn anew while its picture is taken.
        box = await of.bounding_box() if isinstance(of, Locator) else None
        await of.page.screenshot(path=path, clip=box, animations="disabled", caret="hide")
        assert name not in KEPT or path.stat().st_size <= MOST_BYTES, name


@pytest.fixture
def album(tmp_path: Path) -> Album:
    return Album(tmp_path, Path(os.environ.get(FOLDER) or tmp_path))


async def without_tour(visit: Visit, who: str = RITA, **options: Any) -> Tab:
    tab = await visit.tab(**options)
    await tab.at("tour-close").click()
    await tab.become(who)
    return tab


async def test_the_way_of_a_card(watched_visit: Visit, album: Album) -> None:
    whole = await watched_visit.tab()
    await whole.say("/switchover orders")
    await expect(whole.alone("Which node")).to_be_visible()
    await album.take("page", whole)
    await whole.alone("Which node").get_by_role("button", name="Choose").first.click()
    card = await whole.new_card(set())
    await album.take("page-1280", whole)
    tall = {"width": 760, "height": 1100}
    tab = await without_tour(watched_visit, viewport=tall)
    dark = await without_tour(watched_visit, AMIR, viewport=tall, color_scheme="dark", locale="zh-CN")
    operation = await card.get_attribute("data-operation") or ""
    await album.take("approval", tab.card(operation))
    await whole.press(card, "approve")
    await expect(whole.at("thread-messages").locator('[data-alone="yes"]')).to_be_visible()
    await album.take("page-1280-refused", whole)
    await whole.become(BEA)
    await card.locator('[data-action="approve"]').click()
    await album.take("page-1280-confirm", whole)
    await whole.at("confirm-yes").click()
    await ends(card, "running")
    await album.take("running", tab.card(operation))
    await ends(card)
    await album.take("succeeded", tab.card(operation))
    await album.take("dark-zh-succeeded", dark.card(operation))
    await album.take("page-1280-thread", whole)
    await whole.at("side-bot").click()
    await album.take("page-1280-bot", whole)


async def test_trouble_on_a_card(watched_visit: Visit, album: Album) -> None:
    whole = await watched_visit.tab(color_scheme="dark")
    await whole.at("side-faults").click()
    await whole.at("fault-qingcloud-answer_lost").click()
    tab = await without_tour(watched_visit, viewport={"width": 760, "height": 1280})
    card = await tab.request("orders to mysql-2 because we want to see it break")
    operation = await card.get_attribute("data-operation") or ""
    await whole.become(BEA)
    await whole.press(whole.card(operation), "approve")
    await ends(card, "in_doubt")
    await album.take("in-doubt", card)
    await album.take("page-1280-dark-in-doubt", whole)
    await ends(card)
    await whole.at("side-calls").click()
    await album.take("page-1280-dark-calls", whole)

    for fault, ended in (("job_fails", "failed"), ("roles_stay", "needs_attention")):
        await whole.at("side-faults").click()
        await whole.at(f"fault-qingcloud-{fault}").click()
        await expect(whole.at(f"fault-qingcloud-{fault}")).to_have_attribute("aria-pressed", "true")
        card = await tab.request("orders to mysql-3")
        await whole.press(whole.card(await card.get_attribute("data-operation") or ""), "approve")
        await ends(card, ended)
        await album.take(ended, card)
    await tab.say("/switchover events shard shard_1 at 23:59 because it can wait")
    await tab.at("messages").locator('[data-status="awaiting_approval"]').wait_for()
    card = tab.at("messages").locator('[data-part="card"]').last
    await album.take("awaiting-a-start", card)
    await tab.press(card, "cancel")
    await ends(card, "cancelled")
    await album.take("cancelled", card)


async def test_the_form_the_home_tab_and_a_phone(watched_visit: Visit, album: Album) -> None:
    tab = await without_tour(watched_visit)
    await tab.request("sessions because its host is going down for maintenance")
    await tab.at("global-shortcut").click()
    await tab.at("element-database").press_sequentially("o")
    await expect(tab.at("option-orders")).to_be_visible()
    await album.take("form-type-ahead", tab)
    await tab.at("option-orders").click()
    await expect(tab.at("element-node")).to_contain_text("mysql-2")
    await tab.at("element-channel").select_option("C0ORDERS")
    await tab.at("element-node").select_option(index=1)
    await tab.at("modal").get_by_label("Reason").fill("the primary's disk is failing")
    await album.take("form", tab.at("modal"))
    await tab.at("modal-close").click()
    await expect(tab.at("modal")).to_be_hidden()

    bea = await without_tour(watched_visit, BEA, viewport={"width": 1100, "height": 900})
    await bea.at("home-tab").click()
    await expect(bea.at("home")).to_contain_text("mysql-1")
    await album.take("home", bea.at("home"))
    amir = await without_tour(watched_visit, AMIR, color_scheme="dark", locale="zh-CN")
    await amir.at("home-tab").click()
    await expect(amir.at("home")).to_contain_text("mysql-1")
    await album.take("page-1280-dark-zh-home", amir)
    await amir.at("global-shortcut").click()
    await expect(amir.at("modal")).to_be_visible()
    await album.take("page-1280-dark-zh-form", amir)
    await amir.at("modal-close").click()

    phone = await watched_visit.tab(CARL, **PHONE)
    await album.take("phone-tour", phone)
    await phone.at("tour-close").click()
    await expect(phone.at("messages")).to_contain_text("sessions")
    await album.take("phone", phone)
    chinese = await watched_visit.tab(AMIR, locale="zh-CN", color_scheme="dark", **PHONE)
    await album.take("phone-dark-zh", chinese)
    for pane in ("sidebar", "side"):
        await chinese.at(f"pane-{pane}").click()
        await album.take(f"phone-dark-zh-{pane}", chinese)

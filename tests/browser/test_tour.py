"""The tour, from its first step to its last, as somebody follows it who has never seen the page."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from playwright.async_api import Locator, expect

from tests.browser.visits import BEA, OLGA, Tab, Visit, ends


async def at_step(tab: Tab, name: str) -> None:
    await expect(tab.at("tour-title")).to_have_attribute("data-step", name)


async def typed_for_me(tab: Tab, text: str) -> None:
    await tab.at("tour-help").click()
    await expect(tab.composer).to_have_value(text)
    await expect(tab.at("tour-text")).to_contain_text("press Enter")
    await expect(shown_where(tab)).to_have_class("field tour-target")
    await tab.composer.press("Enter")


async def figures(tab: Tab, began: float) -> dict[str, object]:
    pressed = await tab.page.evaluate("window.pressed")
    return {
        "clicks to a verified switchover": pressed["pointer"],
        "presses of Enter to a verified switchover": pressed["enter"],
        "seconds to a verified switchover": round(time.monotonic() - began, 1),
    }


def shown_where(tab: Tab) -> Locator:
    """What the tour points at."""
    return tab.page.locator(".tour-target")


async def test_the_tour_from_start_to_end(
    watched_visit: Visit, record_testsuite_property: Callable[[str, object], None]
) -> None:
    began = time.monotonic()
    tab = await watched_visit.tab()
    await at_step(tab, "request")
    await typed_for_me(tab, "/switchover orders")
    asked = tab.alone("Which node of orders")
    await expect(shown_where(tab)).to_contain_text("Which node of orders")
    await asked.get_by_role("button", name="Choose").first.click()

    await at_step(tab, "own")
    card = tab.at("messages").locator('[data-part="card"]').first
    await expect(shown_where(tab)).to_have_attribute("data-action", "approve")
    await tab.press(card, "approve")

    await at_step(tab, "approve")
    refusal = tab.at("thread-messages").locator('[data-alone="yes"]')
    await expect(refusal).to_be_in_viewport(ratio=0.99)
    await expect(card.locator('[data-action="approve"]')).to_be_in_viewport(ratio=0.99)
    await tab.at("tour-help").click()
    await expect(tab.at(f"identity-{BEA}")).to_be_checked()
    await tab.press(card, "approve")

    await at_step(tab, "watch")
    await ends(card)
    told = await figures(tab, began)
    for name, figure in told.items():
        record_testsuite_property(name, figure)
    sys.stdout.write(f"{told}\n")
    assert list(told.values())[:2] == [7, 1]
    primary = tab.at("target-orders").locator('[data-role="primary"]')
    await expect(primary).to_contain_text("mysql-2")
    await expect(primary.locator("td").first).to_have_text("replica")

    await at_step(tab, "break")
    await tab.at("tour-help").click()
    await expect(shown_where(tab)).to_have_attribute("data-testid", "fault-qingcloud-answer_lost")
    await shown_where(tab).click()

    await at_step(tab, "again")
    await typed_for_me(tab, "/switchover orders because we want to see it break")
    second = tab.at("messages").locator('[data-part="card"]').nth(1)
    await expect(asked).to_have_count(1)  # the first one became a line about what was chosen
    await asked.last.get_by_role("button", name="Choose").last.click()
    await expect(second).to_have_attribute("data-status", "awaiting_approval")
    await tab.become(BEA)
    await tab.press(second, "approve")

    await at_step(tab, "settle")
    await ends(second, "in_doubt")
    await tab.at("tour-help").click()
    # It goes on, too, for whoever sees nothing of it.
    await tab.become(OLGA)
    await at_step(tab, "end")
    await expect(tab.at("submission")).to_have_count(2)
    await expect(tab.at("submission").first).to_contain_text("ok, then lost")

    await expect(tab.at("tour-text")).to_contain_text(
        "Switchovers asked for: 2. Submissions received: 2, accepted: 2. Never two for one."
    )
    await tab.at("tour-close").click()
    await expect(tab.at("tour")).to_be_hidden()
    await expect(tab.at("tour-start")).to_be_focused()


async def test_a_request_that_is_gone_begins_the_tour_anew_and_says_what_to_do(own_visit: Visit) -> None:
    """Once, so that whoever wants to look around can still go on."""
    tab = await own_visit.tab()
    await typed_for_me(tab, "/switchover orders")
    await tab.alone("Which node of orders").get_by_role("button", name="Choose").first.click()
    await at_step(tab, "own")
    card = tab.at("messages").locator('[data-part="card"]').first
    await tab.press(card, "cancel")
    await at_step(tab, "request")
    await expect(tab.at("tour-text")).to_contain_text("has ended without its approval")
    await tab.at("tour-skip").click()
    await at_step(tab, "own")
    await tab.at("tour-back").click()
    await typed_for_me(tab, "/switchover orders")
    await tab.alone("Which node of orders").last.get_by_role("button", name="Choose").last.click()
    await at_step(tab, "own")
    await expect(tab.at("tour-text")).to_contain_text("waits for approval")


async def test_the_tour_is_where_it_was_after_a_reload(visit: Visit) -> None:
    tab = await visit.tab()
    await tab.at("tour-skip").click()
    await tab.at("tour-skip").click()
    await at_step(tab, "approve")
    await tab.page.reload()
    await at_step(tab, "approve")
    await tab.at("tour-close").click()
    await tab.page.reload()
    await expect(tab.composer).to_be_visible()
    await expect(tab.at("tour")).to_be_hidden()
    await tab.at("tour-start").click()
    await at_step(tab, "request")

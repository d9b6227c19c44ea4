"""The form with its type-ahead, the shortcuts that open it, and the Home tab."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.visits import AMIR, BEA, Tab, Visit


async def chosen_by_typing(tab: Tab, typed: str, value: str) -> None:
    field = tab.at("element-database")
    await field.press_sequentially(typed)
    await expect(tab.at(f"option-{value}")).to_be_visible()
    await field.press("ArrowDown")
    await field.press("Enter")
    await expect(field).to_have_value(value)


async def test_a_request_by_the_form(visit: Visit) -> None:
    tab = await visit.tab()
    await expect(tab.composer).to_be_visible()
    known = await tab.operations()
    await tab.at("global-shortcut").click()
    await expect(tab.at("modal")).to_be_visible()
    await tab.at("modal-submit").click()
    await expect(tab.at("modal").get_by_role("alert").first).to_have_text("Please fill in this field.")
    await expect(tab.page.locator("#modal :focus")).to_have_attribute("aria-invalid", "true")

    await chosen_by_typing(tab, "ev", "events")
    # It is filled, so nothing is wrong with it any more; with the other one there still is.
    await expect(tab.at("input-database").get_by_role("alert")).to_have_count(0)
    await expect(tab.at("element-database")).not_to_have_attribute("aria-invalid", "true")
    await expect(tab.at("input-channel").get_by_role("alert")).to_be_visible()
    await expect(tab.at("element-shard")).to_be_visible()
    await expect(tab.at("element-database")).to_be_focused()
    await tab.at("element-shard").select_option(index=2)
    await tab.at("modal").get_by_label("Reason").fill("<i>by form</i>")
    await tab.at("modal").get_by_label("Start").fill("some day")
    await tab.at("modal").get_by_label("Channel").select_option(label="#orders-oncall")
    await tab.at("modal-submit").click()
    await expect(tab.at("input-start").get_by_role("alert")).to_be_visible()
    # What was entered is still there after what is wrong was said.
    await expect(tab.at("element-database")).to_have_value("events")
    await tab.at("modal").get_by_label("Start").fill("")
    await tab.at("modal-submit").click()
    card = await tab.new_card(known)
    await expect(tab.at("modal")).to_be_hidden()
    await expect(card).to_contain_text("<i>by form</i>")
    await tab.press(card, "cancel")
    await expect(card).to_have_attribute("data-status", "cancelled")


async def test_the_shortcut_of_a_message_answers_in_its_thread(visit: Visit) -> None:
    tab = await visit.tab()
    await tab.at("channel-db-private").click()
    await tab.say("the primary of sessions is slow")
    said = tab.at("messages").get_by_test_id("message").last
    await expect(said).to_contain_text("is slow")
    await said.hover()
    await said.get_by_test_id("shortcut-here").click()
    await expect(tab.at("modal")).to_be_visible()
    await expect(tab.at("element-database")).to_be_focused()
    await tab.page.keyboard.press("Escape")
    await expect(tab.at("modal")).to_be_hidden()


async def test_the_home_tab_is_read_from_its_top_wherever_one_comes_from(visit: Visit) -> None:
    """A channel is read from its end."""
    tab = await visit.tab(viewport={"width": 1000, "height": 420})
    await tab.say("/switchover list")
    await expect(tab.alone("mysql-1")).not_to_have_count(0)
    body = tab.at("messages")
    for _ in range(2):
        await tab.at("home-tab").click()
        await expect(tab.at("home")).to_contain_text("mysql-1")
        higher = "body => body.scrollHeight - body.clientHeight > 200"
        assert await body.evaluate(higher), "it would be at its top in any case"
        assert await body.evaluate("body => body.scrollTop") == 0
        await tab.at("locale").select_option("zh-CN")
        await expect(tab.at("home").get_by_role("button", name="申请切换")).to_be_visible()
        assert await body.evaluate("body => body.scrollTop") == 0
        await tab.at("locale").select_option("en-US")
        await tab.at("channel-orders-oncall").click()
        await expect(tab.alone("mysql-1")).not_to_have_count(0)


async def test_the_home_tab_follows_in_the_readers_language(visit: Visit) -> None:
    tab = await visit.tab(AMIR)
    await tab.at("home-tab").click()
    home = tab.at("home")
    await expect(home.get_by_role("button", name="申请切换")).to_be_visible()
    await expect(home).to_contain_text("orders")
    await tab.at("locale").select_option("en-US")
    await expect(home.get_by_role("button", name="New switchover")).to_be_visible()
    await home.get_by_role("button", name="New switchover").click()
    await expect(tab.at("modal")).to_be_visible()
    await tab.at("modal-close").click()
    await expect(tab.at("modal")).to_be_hidden()
    await tab.at("locale").select_option("zh-CN")
    await expect(home.get_by_role("button", name="申请切换")).to_be_visible()
    await tab.become(BEA)
    await tab.at("home-tab").click()
    await expect(home.get_by_role("button", name="New switchover")).to_be_visible()

"""The page without a pointer."""

from __future__ import annotations

from playwright.async_api import Locator, expect

from tests.browser.visits import BEA, Tab, Visit, ends

MOST_TABS = 60


async def tab_to(tab: Tab, wanted: Locator, key: str = "Tab") -> None:
    """Presses Tab until this has the focus; what has it on the way can be seen to have it."""
    await expect(wanted).to_be_visible()
    for _ in range(MOST_TABS):
        await tab.page.keyboard.press(key)
        if await wanted.evaluate("node => node === document.activeElement"):
            return
        assert await tab.page.evaluate(FOCUS_IS_SEEN), await tab.page.evaluate(
            "document.activeElement.outerHTML"
        )
    raise AssertionError(f"{wanted} is not reached")


# Either outlined itself, or what stands for it is.
FOCUS_IS_SEEN = """() => {
  const node = document.activeElement;
  if (node === document.body) return true;
  const shown = [node, node.nextElementSibling, node.closest(".field")].filter(Boolean);
  return shown.some((one) => {
    const style = getComputedStyle(one);
    const box = one.getBoundingClientRect();
    const drawn = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2) || style.boxShadow !== "none";
    return drawn && box.width > 1 && box.height > 1;
  });
}"""


async def test_from_the_request_to_the_approval_with_the_keyboard_alone(visit: Visit) -> None:
    tab = await visit.tab()
    keys = tab.page.keyboard
    await tab_to(tab, tab.page.locator(".skip"))
    await keys.press("Enter")
    await expect(tab.composer).to_be_focused()
    await keys.type("/sw")
    await expect(tab.at("suggestions-main")).to_be_visible()
    await keys.type("itchover se")
    await keys.press("Tab")
    await expect(tab.composer).to_have_value("/switchover sessions")
    known = await tab.operations()
    await keys.press("Enter")
    card = await tab.new_card(known)
    approve = card.locator('[data-action="approve"]')

    # Somebody else is chosen with the arrow keys.
    await tab_to(tab, tab.at("identity-U0RITA"), "Shift+Tab")
    await keys.press("ArrowRight")
    await keys.press("ArrowRight")
    await expect(tab.at(f"identity-{BEA}")).to_be_checked()
    await tab_to(tab, approve)
    await keys.press("Enter")
    await expect(tab.at("confirm-yes")).to_be_focused()
    # The focus stays in the dialog.
    await keys.press("Tab")
    await keys.press("Tab")
    inside = "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
    assert await tab.page.evaluate(inside)
    await keys.press("Escape")
    await expect(tab.at("confirm")).to_be_hidden()
    await expect(approve).to_be_focused()
    await keys.press("Enter")
    await keys.press("Enter")
    await ends(card)
    assert await tab.page.evaluate("window.pressed.pointer") == 0


async def test_tabs_and_threads_with_the_keyboard(visit: Visit) -> None:
    tab = await visit.tab()
    keys = tab.page.keyboard
    await tab.at("channel-random").click()
    await tab.say("hello @carl: look")
    said = tab.at("messages").get_by_test_id("message").last
    await expect(said).to_contain_text("hello")
    await tab_to(tab, said.get_by_test_id("reply"), "Shift+Tab")
    await keys.press("Enter")
    await expect(tab.at("composer-thread")).to_be_focused()
    await keys.type("and you?")
    await keys.press("Enter")
    await expect(tab.at("thread-messages")).to_contain_text("and you?")
    await keys.press("Escape")
    await expect(tab.at("thread")).to_be_hidden()
    await expect(said).to_be_focused()
    space = visit.sandbox.world.demo.workspace
    root = next(one for one in space.messages("random") if one.text.startswith("hello"))
    space.post("random", space.bot_user, "told aloud", thread_ts=root.ts, broadcast=True)
    aloud = tab.at("messages").get_by_test_id("message").filter(has_text="told aloud")
    await expect(aloud.get_by_test_id("aloud")).to_have_text("replied to a thread: hello @carl: look")
    await aloud.get_by_test_id("aloud-thread").press("Enter")
    reply = tab.at("thread-messages").get_by_test_id("message").filter(has_text="told aloud")
    await expect(reply).to_contain_text("Also sent to the channel")
    await expect(tab.at("composer-thread")).to_be_focused()
    await keys.press("Escape")
    await expect(tab.at("thread")).to_be_hidden()
    # What is said in a thread alone makes no channel unread.
    news = space.post("partners", "U0CARL", "it is slow")
    for text, broadcast in (("very slow", False), ("it stands", True)):
        space.post("partners", "U0CARL", text, thread_ts=news.ts, broadcast=broadcast)
    await expect(tab.at("channel-partners").locator(".count")).to_have_text("2 unread")
    await tab_to(tab, tab.at("side-clouds"))
    for name in ("faults", "calls", "bot", "clouds"):
        await keys.press("ArrowRight")
        await expect(tab.at(f"side-{name}")).to_be_focused()
        await expect(tab.at(f"panel-{name}")).to_be_visible()

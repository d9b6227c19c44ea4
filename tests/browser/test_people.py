"""Two tabs are two people, and each sees what is theirs."""

from __future__ import annotations

from playwright.async_api import Locator, expect

from tests.browser.visits import AMIR, BEA, CARL, GUS, OLGA, Visit, ends

REASON = (
    "<b onclick=alert(1)>*disk*</b> & <@U0BEA> <!channel> `x` https://example.com <script>alert(2)</script>"
)
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(2)</script>",
    "<https://example.com|<b>bold</b>>",
    "<javascript:alert(3)|press>",
    "&lt;i&gt; {not} a template ${either}",
    "<!channel> <!date^0^{date}|x> <#C0SECRET> <@U0CARL>",
)


async def written(card: Locator) -> str:
    """What a card says, without the joiners that keep Slack from reading markup in it."""
    return (await card.inner_text()).replace("\N{WORD JOINER}", "")


async def test_two_tabs_are_two_people(visit: Visit) -> None:
    both = await visit.context()
    rita, bea = await visit.tab(context=both), await visit.tab(BEA, context=both)
    card = await rita.request(f"orders to mysql-2 because {REASON}")
    operation = await card.get_attribute("data-operation") or ""
    assert REASON in await written(card)

    await rita.press(card, "approve")
    await expect(rita.alone("This is your own request")).to_be_visible()
    await rita.page.reload()
    await expect(rita.at("thread-messages").locator(f'[data-operation="{operation}"]').first).to_be_visible()
    await expect(card).to_have_attribute("data-status", "awaiting_approval")
    await expect(bea.card(operation)).to_be_visible()
    await expect(bea.alone()).to_have_count(0)

    await bea.press(bea.card(operation), "approve")
    for tab in (rita, bea):
        await ends(tab.card(operation))
        await expect(tab.card(operation)).to_contain_text("@bea")
    await expect(rita.page.locator("#messages b, #messages script, [data-testid=messages] b")).to_have_count(
        0
    )
    await bea.card(operation).get_by_test_id("open-thread").click()
    await expect(bea.at("thread-messages").locator('[data-status="succeeded"]')).to_have_count(2)
    await expect(bea.alone()).to_have_count(0)


async def test_whoever_may_not_approve_is_told_so_alone(visit: Visit) -> None:
    tab = await visit.tab()
    card = await tab.request("events shard shard_1")
    for who in (CARL, GUS):
        await tab.become(who)
        await tab.press(card, "approve")
        await expect(card.get_by_test_id("alone-in-thread")).to_contain_text("Only you see, in the thread")
        await expect(card).to_have_attribute("data-status", "awaiting_approval")
    await tab.become(AMIR)
    await expect(card.get_by_test_id("alone-in-thread")).to_have_count(0)
    await tab.press(card, "reject")
    await ends(card, "rejected")
    await expect(card).to_contain_text("@amir")


async def test_a_stranger_sees_what_is_shared_with_them(visit: Visit) -> None:
    tab = await visit.tab(OLGA)
    await expect(tab.at("sidebar").get_by_role("button")).to_have_count(1)
    await expect(tab.at("place")).to_have_text("# partners")
    await expect(tab.at("home-tab")).to_have_count(0)
    await expect(tab.at("global-shortcut")).to_have_count(0)
    visit.forgive("console error: .*409")
    await tab.say("/switchover list")
    await expect(tab.at("toast")).to_be_visible()
    await tab.say("@switchover list")
    await expect(tab.alone("Only full, active members")).to_be_visible()


async def test_what_is_typed_stays_what_was_typed(visit: Visit) -> None:
    tab = await visit.tab(CARL)
    await tab.at("channel-random").click()
    for text in HOSTILE:
        await tab.say(text)
        said = tab.at("messages").get_by_test_id("message").last.locator(".section")
        await expect(said).to_have_text(text, use_inner_text=True)
        await expect(said.locator("*")).to_have_count(0)


async def test_what_is_held_down_is_pressed_whatever_comes_meanwhile(visit: Visit) -> None:
    tall = await visit.context(viewport={"width": 1280, "height": 2400})
    rita, carl = await visit.tab(context=tall), await visit.tab(CARL, context=tall)
    for tab in (rita, carl):
        await tab.at("channel-random").click()
    await rita.say("hold this")
    said = rita.at("messages").get_by_test_id("message").filter(has_text="hold this")
    await said.get_by_test_id("reply").hover()
    await rita.page.mouse.down()
    await carl.say("meanwhile")
    await expect(rita.at("messages")).to_contain_text("meanwhile")
    await rita.page.mouse.up()
    await expect(rita.at("thread")).to_be_visible()


async def test_no_script_or_style_of_anybody_else_runs(visit: Visit) -> None:
    visit.forgive("console error: .*Content Security Policy")
    visit.forgive("failed: .*: csp")
    tab = await visit.tab()
    blocked = await tab.page.evaluate("""async () => {
      const found = [];
      document.addEventListener("securitypolicyviolation", (event) => found.push(event.effectiveDirective));
      const toasts = document.getElementById("toasts");
      toasts.innerHTML = "<p onclick='window.alive = 1' style='color: red'>x</p><img src='https://example.com/x'>";
      toasts.firstChild.click();
      const script = document.createElement("script");
      script.textContent = "window.alive = 1";
      document.body.append(script);
      await fetch("https://example.com/").catch(() => {});
      await new Promise((resolve) => setTimeout(resolve));
      return [...new Set(found), window.alive ?? "dead"];
    }""")
    assert set(blocked) >= {
        "script-src-attr",
        "script-src-elem",
        "style-src-attr",
        "connect-src",
        "img-src",
        "dead",
    }

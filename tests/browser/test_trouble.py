"""What breaks on purpose is told on the page, and what was accepted reaches its end all the same."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, expect

from bot.sandbox.page.app import page_app
from bot.sandbox.server import serve
from tests.browser.visits import BEA, PATIENCE, PROGRAM, Tab, Visit, ends


async def submissions(tab: Tab, received: int, accepted: int) -> None:
    await tab.at("side-clouds").click()
    await expect(tab.at("received-qingcloud")).to_have_text(str(received))
    await expect(tab.at("accepted-qingcloud")).to_have_text(str(accepted))


def notice(tab: Tab) -> Locator:
    """What somebody in Slack would notice, below the messages of the channel."""
    return tab.at("conversation").get_by_test_id("notice")


async def test_a_bot_that_is_killed_goes_on_where_it_was(visit: Visit) -> None:
    tab = await visit.tab()
    card = await tab.request("events shard shard_2 because it is slow")
    await expect(notice(tab)).to_be_hidden()
    await tab.at("side-faults").click()
    await tab.at("bot-kill").click()
    await expect(tab.at("bot-phase")).to_have_text("dead")
    await expect(tab.at("bot-kill")).to_be_disabled()
    await expect(tab.at("banner")).to_contain_text("The bot is dead")
    await tab.say("/switchover list")
    await expect(tab.at("toast")).to_contain_text("the bot is not running")
    await expect(tab.at("messages")).to_contain_text("dispatch_failed")
    await expect(notice(tab)).to_be_visible()
    await expect(notice(tab)).to_contain_text("a button does nothing")

    await tab.at("side-bot").click()
    await expect(tab.at("bot-pid")).to_contain_text("exit code -9")
    commands = tab.at("proof").locator("code").filter(has_text="--config")
    told = ("serve", "status", "history", "audit verify", "audit export")
    config = visit.sandbox.world.bot.config
    await expect(commands).to_have_text([f"{PROGRAM} {each} --config {config}" for each in told])
    await tab.page.reload()
    await expect(tab.at("panel-bot")).to_be_visible()
    await expect(tab.at("banner")).to_contain_text("The bot is dead")
    await tab.at("banner-restart").click()
    await expect(tab.at("banner")).to_be_hidden()
    await expect(notice(tab)).to_be_hidden()
    await tab.become(BEA)
    await tab.press(card, "approve")
    await ends(card)


async def test_an_outage_of_slack_is_told_and_made_up_for(visit: Visit) -> None:
    tab = await visit.tab()
    await expect(tab.composer).to_be_visible()
    known = await tab.operations()
    await tab.at("side-faults").click()
    await tab.at("slack-outage").click()
    await expect(tab.at("slack-outage")).to_have_attribute("aria-pressed", "true")
    await expect(tab.at("banner")).to_contain_text("Slack outage is on")
    await expect(notice(tab)).to_be_visible()
    await expect(notice(tab)).to_contain_text("nothing comes back")
    await tab.say("/switchover events shard shard_1")
    await tab.at("side-calls").click()
    await tab.at("calls-filter").select_option("slack")
    await expect(tab.at("calls")).to_contain_text("http_503")
    assert await tab.operations() == known
    # Nothing is thrown away before that is asked.
    await tab.at("reset").click()
    await tab.at("confirm-no").click()
    await tab.at("banner-slack").click()
    await expect(tab.at("banner")).to_be_hidden()
    await expect(notice(tab)).to_be_hidden()
    card = await tab.new_card(known)
    await tab.press(card, "cancel")
    await ends(card, "cancelled")


@pytest.mark.slow
async def test_a_bot_that_dies_after_sending_does_not_send_again(own_visit: Visit) -> None:
    tab = await own_visit.tab()
    await tab.at("side-faults").click()
    await tab.at("bot-arm").click()
    await expect(tab.at("bot-armed")).to_be_visible()
    await expect(tab.at("bot-phase")).to_have_text("running")
    card = await tab.request("orders to mysql-2 because it dies")
    await tab.become(BEA)
    await tab.press(card, "approve")
    await expect(tab.at("banner")).to_contain_text("The bot is dead")
    await tab.at("banner-restart").click()
    await expect(tab.at("banner")).to_be_hidden()
    await ends(card)
    await submissions(tab, 1, 1)
    await expect(tab.at("target-orders").locator('[data-role="primary"]')).to_contain_text("mysql-2")

    await tab.at("reset").click()
    await tab.at("confirm-yes").click()
    await expect(card).to_have_count(0)
    await expect(tab.at("banner")).to_be_hidden()
    await submissions(tab, 0, 0)
    await expect(tab.at("tour-title")).to_have_attribute("data-step", "request")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "status", "counted"),
    [
        ("hang", "succeeded", (1, 1)),
        ("error_after_accepting", "succeeded", (1, 1)),
        ("request_lost", "failed", (1, 0)),
        ("job_fails", "failed", (1, 1)),
        ("roles_stay", "needs_attention", (1, 1)),
    ],
)
async def test_every_fault_ends_as_it_should(
    own_visit: Visit, fault: str, status: str, counted: tuple[int, int]
) -> None:
    tab = await own_visit.tab()
    await tab.at("side-faults").click()
    await tab.at(f"fault-qingcloud-{fault}").click()
    await expect(tab.at(f"fault-qingcloud-{fault}")).to_have_attribute("aria-pressed", "true")
    card = await tab.request("orders to mysql-2")
    await tab.become(BEA)
    await tab.press(card, "approve")
    # That a request never arrived is known only once its signature is too old.
    await ends(card, status, within=4 * PATIENCE)
    await submissions(tab, *counted)


async def test_an_unhealthy_node_is_refused_and_an_emergency_may_override_that(own_visit: Visit) -> None:
    tab = await own_visit.tab(BEA)
    await tab.at("side-faults").click()
    # A replica is proposed, since a primary is no candidate.
    await expect(tab.at("health-node-qingcloud").locator(":checked")).to_have_text("orders: mysql-2")
    await tab.at("health-qingcloud").click()
    await expect(tab.at("health-qingcloud")).to_have_text("Make healthy")
    await expect(tab.at("health-node-qingcloud").locator(":checked")).to_contain_text("unhealthy")
    refused = tab.at("messages").locator('[data-part="card"][data-status="refused"]')
    for number, asked in enumerate(
        ("orders to mysql-2", "emergency orders to mysql-2 because of the disk"), 1
    ):
        await tab.say(f"/switchover {asked}")
        await expect(refused).to_have_count(number)
        await expect(refused.last).to_contain_text("mysql-2 (cln-ouhutv702) is not healthy")
    await tab.say("/switchover emergency orders to mysql-2 override candidate_healthy because of the disk")
    await expect(tab.at("messages").locator('[data-part="card"][data-status="succeeded"]')).to_have_count(1)
    await tab.at("side-clouds").click()
    moved = tab.at("target-orders").locator('[data-role="primary"]')
    await expect(moved).to_contain_text("mysql-2")
    await expect(moved).to_contain_text("unhealthy")

    await tab.at("side-faults").click()
    await tab.at("health-node-qingcloud").select_option(label="orders: mysql-2 ★ ✗ unhealthy")
    await tab.at("health-qingcloud").click()
    await tab.at("side-clouds").click()
    await expect(moved).not_to_contain_text("unhealthy")


async def test_a_connection_that_is_lost_is_told_and_comes_back(visit: Visit) -> None:
    visit.forgive("net::ERR_CONNECTION_REFUSED")
    visit.forgive("net::ERR_INCOMPLETE_CHUNKED_ENCODING|net::ERR_CONNECTION_RESET")
    other = Visit(visit.sandbox, "", visit.chromium, visit.troubles, contexts=visit.contexts)
    async with serve(page_app(visit.sandbox), grace=0.0) as url:
        other.url, port = url, int(url.rpartition(":")[2])
        tab = await other.tab()
        await tab.at("channel-random").click()
        await tab.say("before")
        await expect(tab.at("messages")).to_contain_text("before")
    await expect(tab.at("banner")).to_contain_text("The connection to the sandbox is lost")
    await tab.say("meanwhile")
    await expect(tab.at("toast")).to_contain_text("does not answer")
    await expect(tab.composer).to_have_value("meanwhile")
    async with serve(page_app(visit.sandbox), port=port):
        await expect(tab.at("banner")).to_be_hidden()
        await tab.composer.press("Enter")
        await expect(tab.at("messages")).to_contain_text("meanwhile")
        await tab.page.close()


TOASTED = """async () => {
  const { toast } = await import("/js/toasts.js");
  for (const text of ["one", "two", "three", "four", "three"]) toast(text);
}"""


async def test_toasts_are_few_say_a_thing_once_and_go_by_themselves(visit: Visit) -> None:
    tab = await visit.tab()
    await tab.page.clock.install(time=0)
    await tab.page.clock.pause_at(1_000)  # a busy machine may take longer than toasts last
    await tab.page.evaluate(TOASTED)
    tour, first = await tab.at("tour").bounding_box(), await tab.at("toast").first.bounding_box()
    assert tour is not None
    assert first is not None
    assert first["y"] >= tour["y"] + tour["height"]
    await tab.page.clock.fast_forward(6_900)
    await expect(tab.at("toast")).to_have_text(["two", "four", "three"])
    await tab.page.clock.fast_forward(200)
    await expect(tab.at("toast")).to_have_count(0)


ASKED_TWICE = """async () => {
  const { confirmed } = await import("/js/confirm.js");
  const text = { tokens: [{ kind: "text", text: "sure?" }] };
  const words = (title) => ({ title: { text: title }, text, confirm: { text: "yes" }, deny: { text: "no" } });
  window.answers = {};
  confirmed(words("first")).then((answer) => { window.answers.first = answer; });
  // The browser tells only later that a dialog was closed: here after it was opened anew.
  document.getElementById("confirm").close();
  confirmed(words("second")).then((answer) => { window.answers.second = answer; });
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100))));
}"""


async def test_a_question_is_not_answered_by_the_end_of_the_one_before(visit: Visit) -> None:
    tab = await visit.tab()
    await tab.page.evaluate(ASKED_TWICE)
    assert await tab.page.evaluate("window.answers") == {"first": False}
    await expect(tab.at("confirm-yes")).to_be_focused()
    await tab.page.keyboard.press("Enter")
    await tab.page.wait_for_function("'second' in window.answers")
    assert await tab.page.evaluate("window.answers") == {"first": False, "second": True}

"""The real ``serve`` process between a simulated Slack and a simulated QingCloud, over real sockets and files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import pytest
from starlette.responses import Response

from bot.sandbox.clouds import CLUSTER, CloudSetup, Scene, orders_on_qingcloud
from bot.sandbox.demo import demo
from bot.sandbox.faults import Answer, Fault, Hang
from bot.sandbox.qingcloud import SimulatedQingCloud
from bot.sandbox.slack import Fault as SlackFault
from bot.sandbox.slack import Message, View
from bot.sandbox.stack import EVENT_TYPE, PATIENCE, Stack, operation_of, status_of
from bot.sandbox.switchovers import Ending, Timings
from tests.app.commands import run
from tests.warm import start as warm
from tests.warm import warm_stack

SUBMIT = "RunClusterCustomService"
QUICK = Timings(working=0.1, roles=0.2, done=0.4)
SLOW = pytest.mark.slow
ENDS = {"succeeded", "failed", "refused", "not_needed", "rejected", "expired", "cancelled", "closed"}


@dataclass(frozen=True)
class World(Stack):
    """The stack with the one cloud that these tests play with."""

    cloud: SimulatedQingCloud


@asynccontextmanager
async def world(*, tracking: str = "", timings: Timings = QUICK) -> AsyncIterator[World]:
    cloud = SimulatedQingCloud(timings=timings)
    async with warm_stack([orders_on_qingcloud(cloud)], tracking=tracking, rate_limited=False) as running:
        yield World(running.demo, running.bot, running.slack, cloud)


async def requested(running: World, text: str = "orders to cln-ouhutv702") -> Message:
    operation = await running.request(text)
    return await running.card_in("awaiting_approval", *ENDS, operation=operation)


async def approved(running: World) -> None:
    card = await requested(running)
    await running.slack.click(running.demo.approver, card, "approve")


def primary(running: World) -> list[str]:
    return running.cloud.clusters[CLUSTER].primaries


def end_replies(running: World) -> list[str]:
    return [status_of(reply) for reply in running.replies() if status_of(reply) in ENDS]


async def test_the_demonstration_ends_succeeded_and_verified() -> None:
    lines: list[str] = []
    assert await demo(write=lines.append)
    transcript = "\n".join(lines)
    assert "This is your own request" in transcript
    assert "simulated QingCloud saw: submissions received 1, accepted 1" in transcript
    assert "simulated Huawei Cloud saw: submissions received 3, accepted 3" in transcript
    assert transcript.count("✔ QingCloud: ") == 1
    assert transcript.count("✔ Huawei Cloud: ") == 3
    assert transcript.count("The roles were read twice and are as approved") == 4


def sessions(cloud: SimulatedQingCloud) -> CloudSetup:
    """Another cloud than that of ``orders``, on which two scenes are played."""
    cluster = cloud.add_cluster("cl-sessions")
    setup = orders_on_qingcloud(SimulatedQingCloud())

    def config(url: str) -> str:
        tables = setup.config(url).replace("accounts.qc", "accounts.other").replace('"qc"', '"other"')
        tables = tables.replace("databases.orders", "databases.sessions")
        return tables.replace(CLUSTER, "cl-sessions")

    def scene(number: int) -> Scene:
        node = cluster.nodes[number].id
        return Scene(f"to {node}", f"sessions to {node}", lambda: cluster.primaries, node)

    return CloudSetup("Other", cloud, config, [scene(1), scene(2)])


@pytest.mark.slow
async def test_the_demonstration_plays_every_scene_of_every_cloud() -> None:
    lines: list[str] = []
    clouds = [SimulatedQingCloud(timings=QUICK), SimulatedQingCloud(timings=QUICK)]
    assert await demo([orders_on_qingcloud(clouds[0]), sessions(clouds[1])], write=lines.append, starter=warm)
    verdicts = [line.splitlines()[1] for line in lines if line.startswith(("\n✔", "\n✖"))]
    assert verdicts == [
        "✔ QingCloud: a MySQL cluster, to a node by its name",
        *("✔ Other: to cln-sessions2", "✔ Other: to cln-sessions3"),
    ]
    assert [cloud.submissions_seen for cloud in clouds] == [1, 2]
    assert sum("submissions received" in line for line in lines) == 2


async def test_a_demonstration_whose_switchover_fails_says_so() -> None:
    lines: list[str] = []
    cloud = SimulatedQingCloud(timings=QUICK)
    cloud.next_outcome(Ending.UNCHANGED, word="failed")
    assert not await demo([orders_on_qingcloud(cloud)], write=lines.append, starter=warm)
    assert "✖ QingCloud: a MySQL cluster" in "\n".join(lines)
    assert "the card ended as failed; the roles are NOT as asked" in "\n".join(lines)


async def test_a_demonstration_that_sent_more_than_it_should_is_not_good() -> None:
    class Counting(SimulatedQingCloud):
        @property
        def submissions_seen(self) -> int:
            return super().submissions_seen + 1

    lines: list[str] = []
    quiet = replace(orders_on_qingcloud(Counting()), scenes=())
    assert not await demo([quiet], write=lines.append, starter=warm)
    assert "submissions received 1, accepted 0, expected 0" in "\n".join(lines)
    assert lines[-1] == "NOT every switchover succeeded."


@pytest.mark.parametrize(
    ("candidate", "before", "now", "good"),
    [
        ("b", ["a"], ["b"], True),
        ("b", ["a"], ["c"], False),
        ("b", ["a"], ["a"], False),
        ("b", ["a"], ["a", "b"], False),
        ("b", ["a"], [], False),
        ("b", ["b"], ["b"], False),
        (None, ["a"], ["c"], True),
        (None, ["a"], ["a"], False),
        (None, ["a"], [], False),
    ],
)
def test_a_scene_is_as_asked_when_the_primary_really_moved(
    candidate: str | None, before: list[str], now: list[str], *, good: bool
) -> None:
    assert Scene("", "", list, candidate).as_asked(before, now) is good


async def test_operations_one_after_another_are_told_apart() -> None:
    async with world() as running:
        first = await requested(running, "orders to cln-ouhutv701")
        await running.told("not_needed", operation=operation_of(first))
        second = await requested(running)
        assert operation_of(first) != operation_of(second)
        assert status_of(first) == "not_needed"
        assert status_of(second) == "awaiting_approval"
        assert running.card(operation_of(first)) == first
        assert running.card() == second
        assert [operation_of(reply) for reply in running.replies(operation_of(first))] == [
            operation_of(first)
        ]
        assert running.card("SW-000000") is None
        assert running.replies("SW-000000") == []


async def test_a_job_that_says_successful_while_the_roles_stay_needs_attention() -> None:
    async with world(tracking='verify_timeout = "2s"') as running:
        running.cloud.next_outcome(Ending.UNCHANGED)
        await approved(running)
        await running.told("needs_attention")
        assert "succeeded" not in {status_of(reply) for reply in running.replies()}
        assert primary(running) == ["cln-ouhutv701"]
        assert end_replies(running) == []


async def test_a_topology_that_moved_since_the_request_is_refused_with_nothing_sent() -> None:
    async with world() as running:
        card = await requested(running)
        running.cloud.failover(CLUSTER, "cln-ouhutv703")
        await running.slack.click(running.demo.approver, card, "approve")
        told = await running.told("refused")
        assert "it was mysql-1 and is mysql-3" in told.text
        assert running.cloud.submissions_seen == 0
        assert end_replies(running) == ["refused"]


async def test_a_candidate_that_is_primary_already_is_not_needed() -> None:
    async with world() as running:
        card = await requested(running, "orders to cln-ouhutv701")
        assert status_of(card) == "not_needed"
        await running.told("not_needed")
        assert running.cloud.submissions_seen == 0


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault.drop(accepted=True), id="the connection breaks after acceptance"),
        pytest.param(Fault.http(502, accepted=True), id="a gateway answers 502 after acceptance", marks=SLOW),
        pytest.param(Fault.without("job_id"), id="the answer has no job id", marks=SLOW),
        pytest.param(Fault.code(5100, accepted=True), id="busy or timed out, after acceptance", marks=SLOW),
    ],
)
async def test_a_lost_answer_is_found_by_reading_and_never_sent_again(fault: Fault) -> None:
    async with world() as running:
        running.cloud.faults.set(SUBMIT, fault)
        await approved(running)
        await running.told("succeeded")
        assert running.cloud.submissions_seen == 1
        assert primary(running) == ["cln-ouhutv702"]
        assert end_replies(running) == ["succeeded"]


async def test_killed_right_after_the_submission_it_goes_on_without_a_second_one() -> None:
    async with world() as running:
        arrived = asyncio.Event()

        def hang(_: Answer) -> Response:
            arrived.set()
            return Hang()

        running.cloud.faults.set(SUBMIT, Fault(hang, accepted=True))
        await approved(running)
        await arrived.wait()
        await running.bot.kill()
        await running.restart()
        await running.told("succeeded")
        assert running.cloud.submissions_seen == 1
        assert end_replies(running) == ["succeeded"]
        cards = running.demo.workspace.with_metadata("switchover_operation", key="card")
        assert len(cards) == 1


async def test_a_dropped_connection_before_acceptance_never_switches_twice() -> None:
    async with world(tracking='settle_time = "1s"') as running:
        running.cloud.faults.set(SUBMIT, Fault.drop(accepted=False))
        await approved(running)
        await running.told("in_doubt")
        assert running.cloud.submissions_seen == 1
        assert primary(running) == ["cln-ouhutv701"]


async def test_a_chooser_stays_while_it_may_help_and_then_says_what_was_chosen() -> None:
    async with world() as running:
        slack, space, rita = running.slack, running.demo.workspace, running.demo.requester
        bea, channel = running.demo.approver, running.demo.channel
        await slack.command(rita, channel, "orders because disk")
        [chooser] = await space.wait_for(lambda: space.ephemerals(rita), timeout=PATIENCE)
        value = chooser.blocks[1]["accessory"]["value"]
        await slack.command(bea, channel, "halt because storm")
        await space.wait_for(lambda: space.ephemerals(bea), timeout=PATIENCE)
        await slack.click(rita, chooser, "choose_node", value=value)
        _, refused = await space.wait_for(
            lambda: space.ephemerals(rita)[1:] and space.ephemerals(rita), timeout=PATIENCE
        )
        assert refused.text.startswith("Halted by")
        assert space.ephemerals(rita)[0] == chooser
        await slack.command(bea, channel, "resume")
        await space.wait_for(lambda: space.ephemerals(bea)[1:], timeout=PATIENCE)
        await slack.click(rita, chooser, "choose_node", value=value)
        await running.card_in("awaiting_approval")
        card = running.card()
        assert card is not None

        def chosen() -> Message | None:
            now = space.find(chooser.channel, chooser.ts, ephemeral_to=rita.id)
            return now if now is not None and now != chooser else None

        said = await space.wait_for(chosen, timeout=PATIENCE)
        assert said.text == (
            f"You chose mysql-2 for orders. The request is {operation_of(card)}: "
            "follow it on its card in this channel."
        )
        assert "choose_node" not in str(said.blocks)
        await slack.click(rita, chooser, "choose_node", value=value, outdated=True)
        late = await space.wait_for(lambda: found if (found := chosen()) != said else None, timeout=PATIENCE)
        assert late.text.startswith(f"This choice was made already: it became {operation_of(card)}.")
        assert len(space.ephemerals(rita)) == 2
        assert len(space.with_metadata(EVENT_TYPE, key="card")) == 1


async def test_a_plan_is_shown_to_its_asker_alone_and_leaves_nothing_behind() -> None:
    async with world() as running:
        space, people = running.demo.workspace, running.demo
        rita, verify = people.requester, ("audit", "verify", "--config", str(running.bot.config))
        before = await run(*verify, env=running.bot.env)
        await running.slack.command(rita, people.channel, "plan orders to mysql-2")
        (plan,) = await space.wait_for(lambda: space.ephemerals(rita), timeout=PATIENCE)
        incident = space.post(people.channel, rita, "orders is slow")
        await running.slack.mention(rita, people.channel, "plan orders to mysql-2", thread=incident)
        _, same = await space.wait_for(
            lambda: space.ephemerals(rita)[1:] and space.ephemerals(rita), timeout=PATIENCE
        )
        assert plan.text.count("This was a dry run: nothing was requested.") == 1
        assert "Would become primary: mysql-2" in plan.text
        assert (same.thread_ts, same.text.splitlines()[0]) == (incident.ts, plan.text.splitlines()[0])
        assert [message for message in space.messages() if message.by_bot] == []
        assert space.ephemerals(people.approver) == []
        assert await run(*verify, env=running.bot.env) == before
        await requested(running, "orders to mysql-2")  # nothing is locked


async def test_what_is_asked_in_a_thread_by_mention_is_answered_in_that_thread() -> None:
    async with world() as running:
        people = running.demo
        incident = people.workspace.post(people.channel, people.requester, "orders is slow")
        await running.slack.mention(
            people.requester, people.channel, "orders to cln-ouhutv702", thread=incident
        )
        card = await running.card_in("awaiting_approval")
        assert card.thread_ts == incident.ts
        await running.slack.click(people.approver, card, "approve")
        end = await running.told("succeeded")
        assert end.thread_ts == incident.ts


async def test_who_mistypes_in_a_thread_is_told_what_works_there() -> None:
    async with world() as running:
        space, people = running.demo.workspace, running.demo
        incident = space.post(people.channel, people.requester, "orders is slow")
        await running.slack.mention(people.requester, people.channel, "orders to mysql-22", thread=incident)
        (told,) = await space.wait_for(lambda: space.ephemerals(people.requester), timeout=PATIENCE)
        assert told.thread_ts == incident.ts
        assert "To ask again, type: @switchover orders to mysql-2\n" in told.text
        assert "/switchover" not in told.text


async def test_sigterm_drains_and_exits_0_and_the_database_can_be_read_beside_a_running_bot() -> None:
    async with world() as running:
        await requested(running)
        printed = await run("status", "--json", "--config", str(running.bot.config), env=running.bot.env)
        assert '"status": "awaiting_approval"' in printed.out
        assert printed.code == 0
        assert await running.bot.stop() == 0
        assert "drained" in [line.get("event") for line in running.bot.logs]


async def test_ready_healthy_and_measured() -> None:
    async with world() as running, httpx.AsyncClient(base_url=running.bot.url, trust_env=False) as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/readyz")).status_code == 200
        await approved(running)
        await running.told("succeeded")
        metrics = (await http.get("/metrics")).text
        assert 'switchover_submissions_total{account="qc"} 1.0' in metrics
        assert "switchover_ack_seconds_bucket" in metrics


async def test_a_broken_configuration_is_reported_whole_and_nothing_listens(tmp_path: Path) -> None:
    config = tmp_path / "switchover.toml"
    config.write_text('[slack]\nmood = "http"\n[databases.orders]\naccount = "nowhere"\n', encoding="utf-8")
    printed = await run("serve", "--config", str(config))
    assert printed.code == 1
    assert "slack.mood" in printed.err
    assert "databases.orders.account" in printed.err
    assert "listening" not in printed.err


async def test_check_live_reads_every_database_and_asks_slack() -> None:
    async with world() as running:
        arguments = ("check", "--live", "--config", str(running.bot.config))
        good = await run(*arguments, env=running.bot.env)
        assert (good.code, good.err) == (0, "")
        space = running.demo.workspace
        bot = space.users[space.bot_user].name
        assert good.out.splitlines()[1:] == [
            "read:",
            "  orders: primary mysql-1 (cln-ouhutv701)",
            f"  Slack: workspace {space.team_domain} ({space.team_id}), bot {bot} ({space.bot_user})",
        ]
        offline = await run("check", "--config", str(running.bot.config), env=running.bot.env)
        assert offline.out.splitlines() == good.out.splitlines()[:1]
        running.cloud.clusters.clear()
        running.demo.workspace.token = "xoxb-another"
        printed = await run(*arguments, env=running.bot.env)
        assert printed.code == 1
        assert "databases.orders: " in printed.err
        assert "slack.bot_token: " in printed.err


async def test_a_slack_that_does_not_answer_is_said_plainly_and_serving_starts_all_the_same() -> None:
    async with world() as running:
        running.demo.workspace.faults.start_outage(SlackFault.status_code(503))
        printed = await run("check", "--live", "--config", str(running.bot.config), env=running.bot.env)
        assert printed.code == 1
        assert "slack.api_url: tried auth.test at http://127.0.0.1:" in printed.err
        await running.bot.kill()
        running.bot.logs.clear()
        await running.restart()
        warned = await running.bot.logged("slack_problem")
        assert "tried auth.test" in str(warned)


async def test_plan_prints_the_contracts_object_and_exits_by_its_verdict() -> None:
    async with world() as running:
        common = ("--json", "--config", str(running.bot.config))
        clean = await run("plan", "orders", "--to", "cln-ouhutv702", *common, env=running.bot.env)
        assert clean.code == 0
        plan = json.loads(clean.out)
        assert set(plan) == {"database", "shard", "verdict", "topology", "candidate", "checks"}
        assert plan["verdict"] == "clean"
        assert plan["candidate"] == "cln-ouhutv702"
        assert plan["topology"]["primary"] == "cln-ouhutv701"
        assert set(plan["topology"]["nodes"][0]) == {
            *("id", "name", "address", "role", "healthy", "lag_seconds"),
        }
        assert set(plan["checks"][0]) == {"name", "passed", "detail"}
        refused = await run("plan", "orders", *common, env=running.bot.env)
        assert (refused.code, json.loads(refused.out)["verdict"]) == (3, "refused")
        asks = await run("plan", "orders", *common[1:], env=running.bot.env)
        assert asks.code == 3
        assert asks.out.startswith(
            "orders: several nodes fit; a request would ask which is to become primary; "
        )
        assert "name it with --to: mysql-2 (cln-ouhutv702), mysql-3 (cln-ouhutv703)\n" in asks.out
        assert not any(word in asks.out for word in ("refused", "send nothing", "✗", "to NODE"))
        nobody = await run("plan", "orders", "--to", "mysql-9", *common[1:], env=running.bot.env)
        assert nobody.out.count("“mysql-9” is not a node of this database") == 1
        assert "; name one of mysql-2 (cln-ouhutv702), mysql-3 (cln-ouhutv703)\n" in nobody.out
        assert nobody.out.endswith("\n  ✗ candidate_known: as said above\n")
        needless = await run("plan", "orders", "--to", "cln-ouhutv701", *common, env=running.bot.env)
        assert (needless.code, json.loads(needless.out)["verdict"]) == (0, "not_needed")
        unknown = await run("plan", "ordres", *common, env=running.bot.env)
        assert (unknown.code, unknown.err) == (1, "ordres: no such database; did you mean orders?\n")
        assert running.cloud.submissions_seen == 0


async def test_status_and_audit_tell_what_was_done() -> None:
    async with world() as running:
        await approved(running)
        await running.told("succeeded")
        common = ("--config", str(running.bot.config))
        history = json.loads((await run("history", "--json", *common, env=running.bot.env)).out)
        (operation,) = history["operations"]
        assert set(operation) == {
            *("id", "database", "shard", "status", "job_id", "candidate", "primary_before", "primary_now"),
            *("requested_by", "approved_by", "requested_at", "ended_at", "reason", "detail"),
        }
        assert operation["status"] == "succeeded"
        assert operation["primary_now"] == operation["candidate"] == "cln-ouhutv702"
        assert operation["approved_by"] == [running.demo.approver.id]
        one = await run("status", operation["id"], *common, env=running.bot.env)
        assert (one.code, operation["id"] in one.out) == (0, True)
        assert (await run("status", "SW-000000", *common, env=running.bot.env)).code == 1
        intact = await run("audit", "verify", *common, env=running.bot.env)
        assert (intact.code, "intact" in intact.out) == (0, True)
        assert (await run("history", "nowhere", *common, env=running.bot.env)).code == 1
        cut = await run("audit", "verify", "--head", "0" * 64, *common, env=running.bot.env)
        assert cut.code == 4


async def test_before_the_first_serve_there_is_nothing_to_show(tmp_path: Path) -> None:
    async with world() as running:
        config = tmp_path / "other.toml"
        text = running.bot.config.read_text(encoding="utf-8")
        config.write_text(text.replace("/switchover.db", "/another.db"), encoding="utf-8")
        common = ("--json", "--config", str(config))
        for command in ("status", "history"):
            printed = await run(command, *common, env=running.bot.env)
            assert (printed.code, json.loads(printed.out)) == (0, {"operations": []})
            assert (await run(command, "nowhere", *common, env=running.bot.env)).code == 1
        sharded = await run("plan", "orders", "--shard", "a", *common, env=running.bot.env)
        assert (sharded.code, json.loads(sharded.out)["verdict"]) == (3, "refused")


async def test_a_switchover_is_requested_in_the_form_from_a_thread() -> None:
    async with world() as running:
        rita, space = running.demo.requester, running.demo.workspace
        root = space.post(running.demo.channel, "carl", "orders is slow")
        await running.slack.message_shortcut(rita, root, "switchover_here")
        view = await space.wait_for(lambda: space.modal(rita))
        found = await running.slack.suggest(rita, view, "database", "ord")
        assert [option["value"] for option in found.json["options"]] == ["orders"]
        await running.slack.choose(rita, view, "database", "orders")

        def picker() -> View | None:
            now = space.modal(rita)
            return now if now and any(b.get("block_id") == "node" for b in now.payload["blocks"]) else None

        view = await space.wait_for(picker)
        asked = {"database": "orders", "node": "cln-ouhutv702", "reason": "disk"}
        amir = running.demo.approver
        await running.slack.command(amir, running.demo.channel, "freeze orders because audit")
        await space.wait_for(lambda: space.ephemerals(amir), timeout=PATIENCE)
        refused = await running.slack.submit(rita, view, asked)
        assert "Frozen (orders): audit" in refused.json["errors"]["database"]
        await running.slack.command(amir, running.demo.channel, "unfreeze orders")
        await space.wait_for(lambda: space.ephemerals(amir)[1:], timeout=PATIENCE)
        receipt = await running.slack.submit(rita, view, asked)
        await running.slack.again(receipt)
        card = await running.card_in("awaiting_approval", *ENDS)
        assert (status_of(card), card.thread_ts) == ("awaiting_approval", root.ts)
        assert len(space.with_metadata("switchover_operation", key="card")) == 1
        await running.slack.click(running.demo.approver, card, "approve")
        await running.told("succeeded")
        assert primary(running) == ["cln-ouhutv702"]

"""The ways that an operation takes when it does not simply succeed; on each, events are committed that no other has."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.core.operation import Status
from bot.sandbox.clouds import CLUSTER, CloudSetup, documents_on_huawei_dds, orders_on_qingcloud
from bot.sandbox.faults import Fault
from bot.sandbox.huawei_dds import EXAMPLE_USER, SWITCHOVER, SimulatedHuaweiDds
from bot.sandbox.qingcloud import SUBMIT, SimulatedQingCloud
from bot.sandbox.stack import PATIENCE
from bot.sandbox.switchovers import Ending, Timings
from tests.crash.lives import QUICK, TRACKING, Lives

SLOW = Timings(working=0.1, roles=3600, done=3600)
SOON = "The switchover of orders starts"  # what the thread is told five minutes before
NO_CALLS = "orders waits to be read"
WAITS = "Waiting for approval: "
HELD, LET_GO = "This switchover of orders may not start for now", "lifted what held orders"
LAPSED_WITHIN = 300.0
"""Seconds within which a request that never arrived is known not to count any more: 90 and a slow machine's."""


def orders(timings: Timings = QUICK) -> CloudSetup:
    return orders_on_qingcloud(SimulatedQingCloud(timings=timings))


def orders_with_one_call() -> CloudSetup:
    """A cloud whose every reading takes more calls than the bot may make."""
    cloud = orders()

    def configured(url: str) -> str:
        return cloud.config(url).replace(
            'provider = "qingcloud"', 'provider = "qingcloud"\ncalls_per_hour = 1'
        )

    return dataclasses.replace(cloud, config=configured)


def sessions_by_iam_user() -> CloudSetup:
    """A cloud whose requests may be let through for who knows how long."""
    cloud = documents_on_huawei_dds(SimulatedHuaweiDds(timings=QUICK))
    user = EXAMPLE_USER

    def configured(url: str) -> str:
        lines = cloud.config(url).splitlines()
        kept = [line for line in lines if not line.startswith(("access_key", "secret_key"))]
        at = kept.index('provider = "huawei-dds"') + 1
        login = [
            f'iam_endpoint = "{url}"',
            f'domain = "{user.domain}"',
            f'username = "{user.username}"',
            f'password = "{user.password}"',
        ]
        return "\n".join([*kept[:at], *login, *kept[at:]])

    return dataclasses.replace(cloud, config=configured)


def qingcloud(world: Lives) -> SimulatedQingCloud:
    assert isinstance(world.cloud.app, SimulatedQingCloud)
    return world.cloud.app


# --- what people do, and what happens to them ---


async def press(world: Lives, action: str) -> None:
    """The approver presses a button of the card as it is."""
    card = world.stack.card()
    assert card is not None
    await world.insist(lambda: world.stack.slack.click(world.stack.demo.approver, card, action))


async def approved(world: Lives) -> None:
    await world.approve(await world.request())


async def denied(world: Lives) -> None:
    """The bot may not read what is to be switched."""
    qingcloud(world).faults.set("DescribeClusters", Fault.code(1400), times=None)
    await world.request()


async def primary_already(world: Lives) -> None:
    world.scene = dataclasses.replace(world.scene, asked="orders to mysql-1")
    await world.request()


async def rejected(world: Lives) -> None:
    await world.request()
    await press(world, "reject")


async def cancelled(world: Lives) -> None:
    card = await world.request()
    await world.insist(lambda: world.stack.slack.click(world.stack.demo.requester, card, "cancel"))


async def cancelled_while_it_waits(world: Lives) -> None:
    """Its thread hears that there are no calls left to read with."""
    people = world.stack.demo
    await world.insist(lambda: world.stack.slack.command(people.requester, people.channel, world.scene.asked))
    space = world.stack.demo.workspace
    await space.wait_for(
        lambda: any(NO_CALLS in each.text for each in world.stack.replies()), timeout=PATIENCE
    )
    card = world.stack.card()
    assert card is not None
    await world.insist(lambda: world.stack.slack.click(world.stack.demo.requester, card, "cancel"))


async def expired(world: Lives) -> None:
    await world.request()


async def moved_meanwhile(world: Lives) -> None:
    """The cloud makes another node the primary between the request and its approval."""
    card = await world.request()
    qingcloud(world).failover(CLUSTER, qingcloud(world).clusters[CLUSTER].nodes[2].id)
    world.before = list(world.scene.primaries())
    await world.approve(card)


async def throttled(world: Lives) -> None:
    qingcloud(world).faults.set(SUBMIT, Fault.http(429, retry_after="1"))
    await approved(world)


async def refused_by_the_cloud(world: Lives) -> None:
    qingcloud(world).faults.set(SUBMIT, Fault.code(1400))
    await approved(world)


async def lost_on_its_way(world: Lives) -> None:
    qingcloud(world).faults.set(SUBMIT, Fault.drop(accepted=False))
    await approved(world)


async def lost_for_an_iam_user(world: Lives) -> None:
    assert isinstance(world.cloud.app, SimulatedHuaweiDds)
    world.cloud.app.faults.set(SWITCHOVER, Fault.drop(accepted=False))
    await approved(world)


async def job_fails(world: Lives) -> None:
    qingcloud(world).next_outcome(Ending.UNCHANGED, word="failed")
    await approved(world)


async def job_lies(world: Lives) -> None:
    qingcloud(world).next_outcome(Ending.UNCHANGED)
    await approved(world)
    await world.stack.told(Status.NEEDS_ATTENTION)


async def acknowledged(world: Lives) -> None:
    await job_lies(world)
    await press(world, "acknowledge")


async def put_right_by_hand(world: Lives) -> None:
    """Somebody does at the console what the job did not, and asks the bot to look again."""
    await job_lies(world)
    qingcloud(world).failover(CLUSTER, str(world.scene.candidate))
    await press(world, "check_again")


async def typed(world: Lives, text: str) -> None:
    """The approver types something, and reads the answer."""
    people, space = world.stack.demo, world.stack.demo.workspace
    before = len(space.ephemerals(people.approver))
    await world.insist(lambda: world.stack.slack.command(people.approver, people.channel, text))
    await space.wait_for(lambda: len(space.ephemerals(people.approver)) > before, timeout=PATIENCE)


async def held_for_a_while(world: Lives) -> None:
    """While its request waits, whose thread hears of each hold, and of the end of each, once."""
    card = await world.request()
    for text in ("freeze orders because release", "unfreeze orders", "halt because incident", "resume"):
        await typed(world, text)
    space = world.stack.demo.workspace
    await space.wait_for(lambda: WAITS in getattr(world.stack.card(), "text", ""), timeout=PATIENCE)

    def heard() -> list[str]:
        replies = [reply.text for reply in world.stack.replies()]
        return [words for text in replies for words in (HELD, LET_GO) if words in text]

    # What may be on its way is looked for after a while; by then it must not be overtaken by the approval.
    await space.wait_for(lambda: heard() == [HELD, LET_GO] * 2, timeout=PATIENCE)
    await world.approve(card)
    await world.stack.told(Status.SUCCEEDED)
    assert heard() == [HELD, LET_GO] * 2


async def scheduled(world: Lives) -> None:
    world.scene = dataclasses.replace(world.scene, asked="orders to mysql-2 in 5s")
    await world.approve(await world.request())


async def reminded(world: Lives) -> None:
    """It is to start in a little more than the five minutes before which the thread is told."""
    world.scene = dataclasses.replace(world.scene, asked="orders to mysql-2 in 315s")
    await world.approve(await world.request())
    await world.stack.card_in(Status.SCHEDULED)
    space = world.stack.demo.workspace
    await space.wait_for(lambda: any(SOON in each.text for each in world.stack.replies()), timeout=PATIENCE)
    card = world.stack.card()
    assert card is not None
    await world.insist(lambda: world.stack.slack.click(world.stack.demo.requester, card, "cancel"))


async def reviewed(world: Lives) -> None:
    """Nobody approves it, and somebody else looks at it afterwards."""
    world.scene = dataclasses.replace(
        world.scene, asked="emergency orders to mysql-2 because the disk is gone"
    )
    people = world.stack.demo
    await world.insist(lambda: world.stack.slack.command(people.requester, people.channel, world.scene.asked))
    await world.stack.told(Status.SUCCEEDED)
    await press(world, "review")


@dataclass(frozen=True)
class Way:
    """A way off the main path.

    Attributes:
        events: What is committed on it and is died at, before and after.
        act: What people do, and what happens to them.
        end: Where it leads.
        unrecorded: Where it leads when it dies before the commit, if elsewhere: an answer of the cloud is lost then.
        cloud: Where it is played: the first scene of a fresh cloud.
        in_vain: How many requests reach the cloud and begin nothing; where the answer is not lost.
        within: How long it may take, in seconds.
    """

    events: tuple[str, ...]
    act: Callable[[Lives], Awaitable[None]]
    end: Status
    unrecorded: Status | None = None
    cloud: Callable[[], CloudSetup] = orders
    tracking: str = TRACKING
    policy: str = ""
    in_vain: int = 0
    within: float = 120.0


VERIFIED_SOON = f'{TRACKING}\nverify_timeout = "2s"'
WAYS = {
    "not readable": Way(("planning_failed",), denied, Status.REFUSED),
    "no calls left": Way(
        ("calls_awaited",), cancelled_while_it_waits, Status.CANCELLED, cloud=orders_with_one_call
    ),
    "not needed": Way(("planned",), primary_already, Status.NOT_NEEDED),
    "rejected": Way(("rejected",), rejected, Status.REJECTED),
    "cancelled": Way(("cancelled",), cancelled, Status.CANCELLED),
    "expired": Way(("expired",), expired, Status.EXPIRED, policy='approval_ttl = "3s"'),
    "no longer as approved": Way(("recheck_refused",), moved_meanwhile, Status.REFUSED),
    "throttled": Way(
        ("submission_not_accepted",), throttled, Status.SUCCEEDED, unrecorded=Status.IN_DOUBT, in_vain=1
    ),
    "refused by the cloud": Way(
        ("submission_refused",), refused_by_the_cloud, Status.FAILED, unrecorded=Status.IN_DOUBT, in_vain=1
    ),
    "never arrived": Way(
        ("submission_absent",),
        lost_on_its_way,
        Status.FAILED,
        in_vain=1,
        within=LAPSED_WITHIN,
    ),
    "nobody can tell": Way(
        ("doubt_remained",),
        lost_for_an_iam_user,
        Status.NEEDS_ATTENTION,
        cloud=sessions_by_iam_user,
        in_vain=1,
    ),
    "takes too long": Way(
        ("deadline_passed",),
        approved,
        Status.NEEDS_ATTENTION,
        cloud=lambda: orders(SLOW),
        tracking=f'{TRACKING}\ndeadline = "3s"',
    ),
    "job failed": Way(("roles_unchanged",), job_fails, Status.FAILED),
    "acknowledged": Way(
        ("roles_unproven", "acknowledged"), acknowledged, Status.CLOSED, tracking=VERIFIED_SOON
    ),
    "held for a while": Way(("frozen", "unfrozen", "halted", "resumed"), held_for_a_while, Status.SUCCEEDED),
    "scheduled": Way(("start_reached",), scheduled, Status.SUCCEEDED),
    "reminded": Way(("start_near",), reminded, Status.CANCELLED),
    "reviewed": Way(("reviewed",), reviewed, Status.SUCCEEDED, policy='break_glass = ["*"]'),
    "put right by hand": Way(
        ("roles_confirmed",), put_right_by_hand, Status.SUCCEEDED, tracking=VERIFIED_SOON
    ),
}

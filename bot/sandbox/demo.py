"""``switchover demo --auto``: switchovers on every cloud, each from the slash command to the verified end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.core.operation import ENDS, Status
from bot.sandbox.clouds import CloudSetup, Scene, demo_clouds
from bot.sandbox.server import must_be_free
from bot.sandbox.slack import Message
from bot.sandbox.slack.transcript import live
from bot.sandbox.stack import CONSOLE_SCRIPT, PATIENCE, Stack, Starter, stack, status_of
from handlers.texts import FALLBACK

Write = Callable[[str], None]


async def demo(
    clouds: Sequence[CloudSetup] | None = None,
    *,
    port: int = 0,
    write: Write = print,
    starter: Starter = CONSOLE_SCRIPT,
    locale: str = FALLBACK,
) -> bool:
    """Plays every scene and prints the threads as they grow.

    Args:
        clouds: The clouds and their scenes; those of the demonstration unless told otherwise.
        port: The bot's port, 0 for a free one.
        write: Takes the transcript, a few lines at a time.
        starter: Starts the bot's process.
        locale: The language of what the bot posts.

    Returns:
        True only if every switchover ended succeeded, the roles moved as asked, and each cloud saw exactly one
        submission for each of its scenes.

    Raises:
        ConfigError: The port is taken.
    """
    must_be_free(port)
    clouds = demo_clouds() if clouds is None else clouds
    simulated = ", ".join(f"a simulated {cloud.name}" for cloud in clouds)
    write(f"Starting a simulated Slack, {simulated}, and the real bot as a process of its own …")
    async with stack(clouds, port=port, starter=starter, locale=locale) as world:
        write(f"The bot listens at {world.bot.url}. What follows is #orders-oncall as people see it.")
        with world.demo.workspace.on_change(live(world.demo.workspace, write)):
            played = [await _play(world, cloud, scene, write) for cloud in clouds for scene in cloud.scenes]
        code = await world.bot.stop()
    write(f"\nThe bot drained and exited with {code}.")
    counted = [_counted(cloud, write) for cloud in clouds]
    good = all(played) and all(counted) and code == 0
    write("Every switchover succeeded and was verified." if good else "NOT every switchover succeeded.")
    return good


async def _play(world: Stack, cloud: CloudSetup, scene: Scene, write: Write) -> bool:
    write(f"\n━━ {cloud.name}: {scene.title} ━━\n")
    before = list(scene.primaries())
    try:
        status = status_of(await _switchover(world, scene, write))
    except TimeoutError as error:
        status = f"nothing in time ({error})"
    now = list(scene.primaries())
    moved = scene.as_asked(before, now)
    good = moved and status == Status.SUCCEEDED
    write(f"\n{'✔' if good else '✖'} {cloud.name}: {scene.title}")
    write(f"  the cloud's primary before: {', '.join(before)}; now: {', '.join(now) or 'none'}")
    write(f"  the card ended as {status}; the roles are {'' if moved else 'NOT '}as asked")
    return good


async def _switchover(world: Stack, scene: Scene, write: Write) -> Message:
    """The card at its end, or where it is left to people."""
    people = world.demo
    write(f"» @{people.requester.name} types: /switchover {scene.asked}\n")
    operation = await world.request(scene.asked)
    card = await world.card_in(Status.AWAITING_APPROVAL, *ENDS, operation=operation)
    if status_of(card) in ENDS:
        return card
    if scene.tries_own_approval:
        write(f"\n» @{people.requester.name} presses Approve on their own request\n")
        await _told_alone(world, card)
    write(f"\n» @{people.approver.name}, of @{people.approvers.handle}, presses Approve\n")
    await world.slack.click(people.approver, card, "approve")
    return await world.told(*ENDS, Status.NEEDS_ATTENTION, operation=operation)


async def _told_alone(world: Stack, card: Message) -> None:
    """The requester presses Approve and is answered, seen by nobody else."""
    people, space = world.demo, world.demo.workspace
    before = len(space.ephemerals(people.requester))
    await world.slack.click(people.requester, card, "approve")
    await space.wait_for(lambda: space.ephemerals(people.requester)[before:], timeout=PATIENCE)


def _counted(cloud: CloudSetup, write: Write) -> bool:
    seen, accepted = cloud.app.submissions_seen, cloud.app.submissions_accepted
    write(
        f"What the simulated {cloud.name} saw: submissions received {seen}, accepted {accepted}, "
        f"expected {len(cloud.scenes)}; calls in all {len(cloud.app.calls)}"
    )
    return seen == accepted == len(cloud.scenes)

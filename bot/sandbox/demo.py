"""``switchover demo --auto``: one switchover per cloud, from the slash command to the verified end, as it happens."""

from __future__ import annotations

from collections.abc import Callable

from bot.sandbox.slack.transcript import live
from bot.sandbox.stack import CLUSTER, PATIENCE, Stack, stack, status_of


async def demo(*, port: int = 0, write: Callable[[str], None] = print) -> bool:
    """Plays it and prints the thread as it grows; True only if every switchover ended succeeded and verified.

    Args:
        port: The bot's port, 0 for a free one.
        write: Takes the transcript, a few lines at a time.
    """
    write("Starting a simulated Slack, a simulated QingCloud, and the real bot as a process of its own …")
    async with stack(port=port) as world:
        write(f"The bot listens at {world.bot.url}. What follows is #orders-oncall as people see it.\n")
        with world.demo.workspace.on_change(live(world.demo.workspace, write)):
            verified = await _qingcloud(world, write)
        code = await world.bot.stop()
    write(f"\nThe bot drained and exited with {code}.")
    write("Every switchover succeeded and was verified." if verified else "NOT every switchover succeeded.")
    return verified and code == 0


async def _qingcloud(world: Stack, write: Callable[[str], None]) -> bool:
    people, cluster = world.demo, world.cloud.clusters[CLUSTER]
    before, candidate = cluster.primaries[0], cluster.nodes[1].id
    asked = f"orders to {cluster.nodes[1].name} because the primary's disk is failing"
    write(f"» @{people.requester.name} types: /switchover {asked}\n")
    await world.slack.command(people.requester, people.channel, asked)
    card = await world.card_in("awaiting_approval")
    write(f"\n» @{people.requester.name} presses Approve on their own request\n")
    await world.slack.click(people.requester, card, "approve")
    await people.workspace.wait_for(lambda: people.workspace.ephemerals(people.requester), timeout=PATIENCE)
    write(f"\n» @{people.approver.name}, of @{people.approvers.handle}, presses Approve\n")
    await world.slack.click(people.approver, card, "approve")
    await world.told("succeeded", "failed", "refused", "needs_attention")
    return _verdict(world, before, candidate, write)


def _verdict(world: Stack, before: str, candidate: str, write: Callable[[str], None]) -> bool:
    cloud, cluster = world.cloud, world.cloud.clusters[CLUSTER]
    card = world.card()
    status = "missing" if card is None else status_of(card)
    write("\nWhat the simulated QingCloud saw:")
    write(f"  primary before {before}, now {', '.join(cluster.primaries)}")
    write(f"  submissions received {cloud.submissions_seen}, accepted {cloud.submissions_accepted}")
    write(f"  calls in all {len(cloud.calls)}; the card ended as {status}")
    moved = cluster.primaries == [candidate]
    return status == "succeeded" and moved and cloud.submissions_seen == cloud.submissions_accepted == 1

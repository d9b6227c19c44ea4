"""What goes wrong around the bot: clouds, Slack, clocks, and where its process dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from random import Random

from bot.core.model import Target
from bot.sandbox.faults import Fault
from bot.sandbox.huawei_dds.model import LIST_INSTANCES, LIST_TASKS, PROMOTE, SHOW_JOB, SWITCHOVER
from bot.sandbox.slack.faults import Fault as SlackFault
from bot.sandbox.slack.workspace import Workspace
from bot.sandbox.switchovers import Ending
from tests.simulation.clouds import HUAWEI, QINGCLOUD, Clouds, from_the_console, promote_anybody
from tests.simulation.loop import Time
from tests.simulation.trace import Trace

QINGCLOUD_READS = ("DescribeClusters", "DescribeClusterNodes", "DescribeClusterDisplayTabs", "DescribeJobs")
HUAWEI_READS = (LIST_INSTANCES, SHOW_JOB, LIST_TASKS)
METHODS = ("chat.postMessage", "chat.update", "users.info", "usergroups.users.list", "*", "respond")
READS_OF_SLACK = ("conversations.history", "conversations.replies", "auth.test")
BOUNDARIES = {
    "before a commit": (6, 45),
    "after a commit": (6, 45),
    "before a submission leaves": (3, 1),
    "after a submission was answered": (4, 1),
    "amid a submission": (2, 1),
    "before a read leaves": (1, 12),
    "after a read was answered": (1, 12),
    "before a call to Slack": (2, 12),
    "amid a call to Slack": (3, 12),
    "after Slack answered": (4, 12),
}
"""How often the process dies there, and after how many passages at most."""
AMBUSH = {
    "before a commit": (4, 40),
    "after a commit": (4, 40),
    "before a submission leaves": (5, 1),
    "after a submission was answered": (7, 1),
    "amid a submission": (4, 1),
    "before a read leaves": (1, 8),
    "after a read was answered": (1, 8),
    "before a call to Slack": (1, 8),
    "amid a call to Slack": (2, 8),
    "after Slack answered": (2, 8),
}
"""The same where all the trouble is around one submission."""
FAR = timedelta(minutes=4)
"""So far a clock may be off."""
SET_ANEW = 0.5
"""In how many of the histories with two processes the database's clock is set anew."""


class Weather:
    """Bad weather, driven by dice.

    Args:
        clouds: Where it goes wrong.
        workspace: The same.
        time: Whose machine's clock jumps.
        dice: Decides what goes wrong.
        trace: Notes and counts it.
    """

    def __init__(self, clouds: Clouds, workspace: Workspace, time: Time, dice: Random, trace: Trace) -> None:
        self._clouds = clouds
        self._workspace = workspace
        self._time = time
        self._dice = dice
        self._trace = trace

    def crashes(self, where: Mapping[str, tuple[float, int]]) -> list[tuple[str, int]]:
        """Where the process will die, life after life."""
        number = self._dice.choices((0, 1, 2, 3, 4), weights=(2, 4, 3, 2, 1))[0]
        weights = [weight for weight, _ in where.values()]
        names = self._dice.choices(list(where), weights=weights, k=number)
        return [(name, self._dice.randint(1, where[name][1])) for name in names]

    async def ambush(self) -> None:
        """What goes wrong with the first submission is decided before anybody asks for it."""
        if self._dice.random() < 0.7:
            await self._submission()
        if self._dice.random() < 0.3:
            await self._outcome_changes()

    def climate(self) -> None:
        """What lasts for the whole history."""
        lag = self._dice.choice((0, 0, 3, 15))
        self._clouds.qingcloud.job_list_lag = timedelta(seconds=lag)
        self._clouds.huawei.job_visible_after = timedelta(seconds=lag)
        for cloud in (self._clouds.qingcloud, self._clouds.huawei):
            if self._dice.random() < 0.35:
                self._outcome(cloud)

    async def change(self) -> None:
        """Something goes wrong now."""
        turn = self._dice.choices(
            (
                *(
                    self._submission,
                    self._cloud_read,
                    self._cloud_away,
                    self._outcome_changes,
                    self._failover,
                ),
                *(self._console, self._slack_call, self._slack_outage, self._clock, self._moody_slack),
            ),
            weights=(7, 3, 1, 3, 2, 1, 5, 1, 1, 2),
        )[0]
        await turn()

    def clear(self) -> None:
        """Everything works again; clocks stay as they are."""
        self._clouds.qingcloud.faults.clear()
        self._clouds.huawei.faults.clear()
        self._clouds.unreachable.clear()
        self._workspace.faults.clear()

    # --- the clouds ---

    async def _submission(self) -> None:
        """The next submission, at either cloud, is answered badly."""
        name = self._dice.choice(list(_SUBMISSIONS))
        fault = _SUBMISSIONS[name]
        self._note(f"submission: {name}")
        self._clouds.qingcloud.faults.set("RunClusterCustomService", fault)
        ours = Fault.error(403, "DBS.200019") if name == "busy" else fault
        self._clouds.huawei.faults.set(self._dice.choice((SWITCHOVER, PROMOTE)), ours)

    async def _cloud_read(self) -> None:
        """A few reads are answered badly."""
        name = self._dice.choice(list(_READS))
        times = self._dice.choice((1, 2, 6))
        self._note(f"reads: {name}")
        self._clouds.qingcloud.faults.set(self._dice.choice(QINGCLOUD_READS), _READS[name], times=times)
        self._clouds.huawei.faults.set(self._dice.choice(HUAWEI_READS), _READS[name], times=times)

    async def _cloud_away(self) -> None:
        """Nobody listens at a cloud's address for a while."""
        host = self._dice.choice((QINGCLOUD, HUAWEI))
        self._note("cloud away")
        self._clouds.unreachable.add(host)
        await asyncio.sleep(self._dice.choice((3, 15, 80)))
        self._clouds.unreachable.discard(host)

    async def _outcome_changes(self) -> None:
        self._outcome(self._dice.choice((self._clouds.qingcloud, self._clouds.huawei)))

    def _outcome(self, cloud: object) -> None:
        """The next switchover ends otherwise than asked."""
        ending = self._dice.choice(list(Ending))
        # A job that says it failed changes nothing any more: else nobody could ever say so.
        late = self._clouds.qingcloud.timings.roles > self._clouds.qingcloud.timings.done
        says_so = self._dice.random() < 0.5 or (late and ending is not Ending.UNCHANGED)
        self._note(f"outcome: {ending}{'' if says_so else ', its job says otherwise'}")
        good = ending is Ending.MOVED or late
        if cloud is self._clouds.qingcloud:
            word = "successful" if good is says_so else "failed"
            self._clouds.qingcloud.next_outcome(ending, word=word)
        else:
            word = "Completed" if good is says_so else "Failed"
            self._clouds.huawei.next_outcome(ending, word=word)

    async def _failover(self) -> None:
        self.fail_over()

    def fail_over(self, where: Target | None = None) -> None:
        """A cloud makes another node the primary, anywhere or at one place."""
        target, node = promote_anybody(self._dice, self._clouds, where)
        self._note(f"failover of {target}")
        self._trace.add("cloud", f"{target} fails over to {node} by itself")

    async def _console(self) -> None:
        if where := from_the_console(self._dice, self._clouds):
            self._note("console")
            self._trace.add("cloud", f"somebody switches {where} at the console")

    # --- Slack ---

    async def _slack_call(self) -> None:
        """A few calls of one method go wrong."""
        name = self._dice.choice(list(_SLACK))
        method = self._dice.choices((*METHODS, *READS_OF_SLACK), weights=(8, 3, 1, 1, 2, 1, 2, 2, 0.3))[0]
        self._note(f"Slack: {name}", f"{method}: {name}")
        self._workspace.faults.once(method, *[_SLACK[name]] * self._dice.choice((1, 1, 2, 4)))

    async def _slack_outage(self) -> None:
        """Slack is away for minutes."""
        fault = self._dice.choice(
            (SlackFault.status_code(503), SlackFault.rate_limited(20), SlackFault.hang(), SlackFault.drop())
        )
        self._note("Slack: outage")
        self._workspace.faults.start_outage(fault)
        await asyncio.sleep(self._dice.choice((10, 60, 240)))
        self._workspace.faults.outage = None

    async def _moody_slack(self) -> None:
        """Every post is made, and its answer lost, for a while."""
        self._note("Slack: answers of posts lost")
        fault = self._dice.choice(
            (SlackFault.drop(processed=True), SlackFault.status_code(500, processed=True))
        )
        self._workspace.faults.always("chat.postMessage", fault)
        await asyncio.sleep(self._dice.choice((5, 20, 60)))
        self._workspace.faults.clear("chat.postMessage")

    # --- time ---

    async def _clock(self) -> None:
        by = timedelta(seconds=self._dice.choice((-100, -30, -3, 2, 25, 100)))
        if abs(self._time.skew + by) < FAR:  # or nothing that Slack signs would be taken
            self._note("clock jump", f"the machine's clock jumps by {by.total_seconds():+.0f} s")
            self._time.jump(by)

    def _note(self, kind: str, words: str = "") -> None:
        self._trace.count(kind)
        self._trace.add("weather", words or kind)


class DatabaseClock:
    """The clock that replicas share, set anew now and then, in some histories.

    Args:
        time: Whose.
        dice: Decides when, and by how much.
        trace: Notes and counts it.
        set_anew: Sets it.
    """

    def __init__(self, time: Time, dice: Random, trace: Trace, set_anew: Callable[[timedelta], None]) -> None:
        self._time = time
        self._dice = dice
        self._trace = trace
        self._set_anew = set_anew

    async def go_on(self) -> None:
        """Sets it until it is cancelled."""
        if self._dice.random() >= SET_ANEW:
            return
        while True:
            await asyncio.sleep(self._dice.choice((2.0, 5.0, 10.0, 30.0)) * self._dice.uniform(0.5, 1.5))
            by = timedelta(seconds=self._dice.choice((-200, -100, -30, -3, 2, 25, 100, 200)))
            if abs(self._time.drift + by) < FAR:
                self._trace.count("database clock jump")
                self._trace.add("weather", f"the database's clock jumps by {by.total_seconds():+.0f} s")
                self._set_anew(by)


_SUBMISSIONS = {
    "answer lost, accepted": Fault.drop(accepted=True),
    "lost": Fault.drop(accepted=False),
    "hangs, accepted": Fault.hang(accepted=True),
    "hangs": Fault.hang(accepted=False),
    "500, accepted": Fault.http(500, accepted=True),
    "502": Fault.http(502),
    "503, accepted": Fault.http(503, accepted=True),
    "429": Fault.http(429, retry_after="4"),
    "busy": Fault.code(5300),
    "5100, accepted": Fault.code(5100, accepted=True),
    "5000": Fault.code(5000),
    "garbage, accepted": Fault.body(b"{nonsense", accepted=True),
    "no job id": Fault.without("job_id"),
    "slow": Fault.slow(6.0),
    "too slow": Fault.slow(14.0),
}
_READS = {
    "500": Fault.http(500),
    "429": Fault.http(429, retry_after="2"),
    "drop": Fault.drop(accepted=False),
    "hang": Fault.hang(accepted=False),
    "garbage": Fault.body(b"\x00<html>"),
    "slow": Fault.slow(5.0),
}
_SLACK = {
    "429": SlackFault.rate_limited(3),
    "500": SlackFault.status_code(500),
    "500 with effect": SlackFault.status_code(500, processed=True),
    "hang": SlackFault.hang(),
    "hang with effect": SlackFault.hang(processed=True),
    "drop": SlackFault.drop(),
    "drop with effect": SlackFault.drop(processed=True),
    "internal_error": SlackFault.slack_error("internal_error"),
    "slow": SlackFault.slow(4.0),
}

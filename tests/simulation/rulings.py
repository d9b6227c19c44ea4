"""The policy in force at the moment of acting decides, also after the configuration was changed."""

from __future__ import annotations

import re
from collections.abc import Callable

from bot.core import events as e
from tests.simulation.policies import Rulebook, Rules
from tests.simulation.standing import Standings

ACTED_WITHIN = 25.0
"""Seconds from looking at the policy to recording what was decided by it: clouds and Slack are asked between."""

REMEMBERED = 30.0
"""Seconds for which it is remembered who is in a group, where somebody clicks."""


POLLED = 130.0
"""Seconds within which a job is asked for at least once."""
NOT_CONFIGURED, NOT_LET_IN = "looked-not-configured", re.compile(r'\bdenied\\*"')
"""What is said where a database is not known at all, and where credentials are wrong."""


class Rulings:
    """Judges every event of the trail by the configurations that were in force just then.

    Args:
        violated: Told of every promise that is broken.
        standings: Who counted when.
        elapsed: Seconds since the history began.
        rulebook: What was configured when.
        asked_about: Whether the bot has tried to ask a cloud for a job since a second.
    """

    def __init__(
        self,
        violated: Callable[[str, str], None],
        standings: Standings,
        elapsed: Callable[[], float],
        rulebook: Rulebook,
        asked_about: Callable[[str, float], bool],
    ) -> None:
        self._violated = violated
        self._standings = standings
        self._elapsed = elapsed
        self._rulebook = rulebook
        self._asked_about = asked_about
        self._requests: dict[str, e.Requested] = {}
        self._jobs: dict[str, str] = {}

    def happened(self, operation: str, event: e.Event) -> None:
        """A row about an operation."""
        match event:
            case e.Requested():
                self._requests[operation] = event
                self._judge(operation, "requested", lambda _: True)
            case e.Planned(needed=needed):
                self._judge(operation, "planned", lambda rules: self._needed(operation, rules) == needed)
            case e.Approved():
                self._judge(operation, "approved", lambda rules: self._may_approve(event, rules))
            case e.SubmissionStarted(needed=needed):
                self._judge(operation, "sent", lambda rules: self._needed(operation, rules) == needed)
            case e.SubmissionAccepted(job_id=str(job)):
                self._jobs[operation] = job
            case e.DeadlinePassed():
                self._polled(operation)
            case _:
                pass
        self._let_in(operation, event)
        self._known(operation, event)

    def _let_in(self, operation: str, event: e.Event) -> None:
        """The credentials are right, so nothing is refused for them: where a token has ended, there is another."""
        refusals = (e.PlanningFailed, e.RecheckRefused, e.SubmissionRefused)
        if isinstance(event, refusals) and NOT_LET_IN.search(str(event.detail)):
            self._violated("credentials_suffice", f"{operation} was refused: {event.detail}")

    def _known(self, operation: str, event: e.Event) -> None:
        """A process still looks at what it has sent when its database is taken out of the configuration."""
        database = self._requests[operation].database
        if NOT_CONFIGURED in str(getattr(event, "detail", "")) and self._rulebook.known(database):
            self._violated("removed_is_tracked", f"nobody looked for the submission of {operation}")

    def _polled(self, operation: str) -> None:
        database, job = self._requests[operation].database, self._jobs.get(operation)
        since = self._elapsed() - POLLED
        if job is None or not self._rulebook.known(database):
            return
        if not any(self._asked_about(what, since) for what in (job, "/auth/tokens")):
            self._violated("removed_is_tracked", f"nobody asked for the job of {operation}, {job}")

    def _judge(self, operation: str, what: str, agrees: Callable[[Rules], bool]) -> None:
        database = self._requests[operation].database
        lately = self._rulebook.lately(database, ACTED_WITHIN)
        if not any(agrees(rules) for rules in lately):
            rules = " or ".join(map(str, lately)) or f"{database} not configured"
            self._violated("policy_in_force", f"{operation} was {what} with {rules}")

    def _needed(self, operation: str, rules: Rules) -> int:
        return 0 if self._requests[operation].emergency else rules.approvals

    def _may_approve(self, event: e.Approved, rules: Rules) -> bool:
        now = self._elapsed()
        counted = self._standings.counted(rules.approvers, event.by, now - ACTED_WITHIN - REMEMBERED, now)
        return counted and (event.needed, event.self_approval) == (rules.approvals, rules.self_approval)

"""Jobs: their state, and which of them a submission of unknown outcome started.

A job's ``directive`` is the whole request, passwords included: it is looked into here, never kept or shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import unquote

from bot.core.model import Evidence, Job, JobId, JobState, Reason
from providers.qingcloud.answers import Payload, text
from providers.qingcloud.signer import unstamp

# "done with failure" is in the SDKs and the API specification, not in the documentation's table.
STATES = {
    "pending": JobState.RUNNING,
    "working": JobState.RUNNING,
    "successful": JobState.DONE,
    "failed": JobState.FAILED,
    "done with failure": JobState.FAILED,
}
EARLY = timedelta(seconds=60)  # how much older than its time stamp a job may look, the clocks being two
CLOSE = timedelta(seconds=5)  # the same for a job that carries no mark of its request
_CLUSTER = "cl-"  # what every cluster's id starts with; a node's starts with cln-
SKEW_ALLOWED = timedelta(hours=1)  # how far the clock may have been set since an earlier life of ours sent it
DRIFT = timedelta(seconds=5)  # how far a correction of the clock that was learned anew may be off


def as_job(row: Payload) -> Job | None:
    """A job as we see it; None for a row without an id. An unknown status is RUNNING, its word kept."""
    job_id, word = text(row, "job_id"), text(row, "status")
    if not job_id:
        return None
    state = STATES.get(word.strip().casefold(), JobState.RUNNING)
    detail = text(row, "error_codes")[:200] if state is JobState.FAILED else ""
    return Job(JobId(job_id), state, word[:64], detail)


def created(row: Payload) -> datetime | None:
    """When the job was made, None where that can't be read."""
    return unstamp(text(row, "create_time"))


def clusters(row: Payload) -> list[str]:
    """The clusters that the job works on: ids in one string, separated by spaces; a list is understood too."""
    ids = row.get("resource_ids")
    words = ids if isinstance(ids, list) else text(row, "resource_ids").split()
    return [word for word in words if isinstance(word, str) and word.startswith(_CLUSTER)]


class _Match(StrEnum):
    OURS = "ours"  # it carries our mark
    PLAUSIBLE = "plausible"  # it asks for the same at the same time, and carries no mark at all
    UNDECIDED = "undecided"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Sought:
    """What a submission looked like, as far as a job can show it.

    Attributes:
        cluster: On which cluster.
        action: Which API action.
        service: Which custom service.
        role: For which AppCenter role.
        node: Which node it wanted as primary.
        signed_at: The ``time_stamp`` it carried: by our clock, which may be ahead of the provider's, as only a
            stamp that is too old is refused (ret_code 1300).
        sent_at: When it was sent, by the provider's clock.
        exact: This process sent it, so that both times are surely right.
        corrected: A correction of the clock is in force, and after a restart it was learned anew.
        valid_for: How long after ``signed_at`` it may have been accepted.
        signature: The signature of this very request, had it been signed at a given time.
        own_key: Whether a key id is the account's.
        others: Jobs that are known to be of other submissions.
    """

    cluster: str
    action: str
    service: str
    role: str
    node: str
    signed_at: datetime
    sent_at: datetime
    exact: bool
    corrected: bool
    valid_for: timedelta
    signature: Callable[[datetime], str]
    own_key: Callable[[str], bool]
    others: Collection[JobId]

    def match(self, row: Payload) -> _Match:
        """Whether the submission started this job. Somebody else's request for the same node is FOREIGN.

        What a row leaves out tells nothing: it is FOREIGN only for what it does say.
        """
        at = created(row)
        if text(row, "job_action") not in (self.action, "") or text(row, "job_id") in self.others:
            return _Match.FOREIGN
        directive = _object(row.get("directive")) or {}
        same = self._asks_the_same(clusters(row), directive)
        if same is False:
            return _Match.FOREIGN
        stamped = unstamp(text(directive, "time_stamp"))
        if same and stamped is not None:
            return self._stamped(directive, stamped, at)
        if self._at_another_time(at):
            return _Match.FOREIGN
        return self._unmarked(at) if same else _Match.UNDECIDED

    def _at_another_time(self, at: datetime | None, allowed: timedelta = timedelta(0)) -> bool:
        """Whether what was made then, by the provider's clock, can't be of this request.

        One that was signed ahead of that clock is accepted for as much longer, wherever it is on the way.
        """
        allowed += EARLY
        latest = max(self.sent_at, self.signed_at) + self.valid_for
        return at is not None and not self.sent_at - allowed <= at <= latest + allowed

    def _asks_the_same(self, named: Sequence[str], directive: Payload) -> bool | None:
        """Whether it asks for what the submission asked for; None where it does not say enough."""
        on = {*named, text(directive, "cluster")} - {""}
        service = text(directive, "service")
        node = text(_object(directive.get("service_params")) or {}, "node_id")
        key = text(directive, "access_key_id")
        differs = (
            (bool(on) and self.cluster not in on)
            or service not in (self.service, "")
            or node not in (self.node, "")
            or text(directive, "role") not in (self.role, "")
            or (bool(key) and not self.own_key(key))
        )
        if differs:
            return False
        return True if on and service and node else None

    def _unmarked(self, at: datetime | None) -> _Match:
        if at is None:
            return _Match.UNDECIDED
        return _Match.PLAUSIBLE if at >= self.sent_at - CLOSE else _Match.FOREIGN

    def _stamped(self, directive: Payload, stamped: datetime, at: datetime | None) -> _Match:
        signature = unquote(text(directive, "signature"))
        genuine = signature == self.signature(stamped)
        if stamped == self.signed_at:
            return _Match.OURS if genuine or not signature else _Match.UNDECIDED
        if self.exact or self._at_another_time(at, SKEW_ALLOWED):
            return _Match.FOREIGN
        # Signed by this bot, for this plan; after a restart the correction of the clock may be another one.
        if self.corrected and abs(stamped - self.signed_at) <= DRIFT:
            return _Match.OURS if genuine else _Match.UNDECIDED
        return _Match.UNDECIDED if genuine else _Match.FOREIGN


def _object(value: Any) -> Payload | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def evidence(rows: Sequence[Payload], sought: Sought, *, whole: bool, still_valid: bool) -> Evidence:
    """What the job list proves.

    Args:
        rows: The jobs that were read.
        sought: The submission that is looked for.
        whole: The list was read as far back as the submission.
        still_valid: By the provider's clock the request could still be accepted.
    """
    found: dict[_Match, list[JobId]] = {match: [] for match in _Match}
    seen = {found_job.id: found_job for row in rows if (found_job := as_job(row)) is not None}
    for row in rows:
        match, job_id = sought.match(row), JobId(text(row, "job_id"))
        if job_id in seen:
            found[match].append(job_id)
        elif match is not _Match.FOREIGN:  # whatever it is called
            found[_Match.UNDECIDED].append(JobId("?"))
    ours, plausible, undecided = (found[match] for match in (_Match.OURS, _Match.PLAUSIBLE, _Match.UNDECIDED))
    # One that moved to the next page while the pages were read is there twice.
    candidates = list(dict.fromkeys(ours or [*plausible, *undecided]))
    if len(candidates) == 1 and not (undecided and not ours):
        found_one = _looked("found", seen, job=candidates[0])
        return Evidence(seen[candidates[0]], searched=True, summary=found_one)
    if candidates:
        names = ", ".join(candidates)
        return Evidence(None, searched=False, summary=_looked("ambiguous", seen, jobs=names))
    if not whole:
        return Evidence(None, searched=False, summary=_looked("in-part", seen))
    if still_valid:
        return Evidence(None, searched=False, summary=_looked("too-early", seen))
    return Evidence(None, searched=True, summary=_looked("none", seen))


def _looked(what: str, seen: Collection[JobId], **found: str) -> Reason:
    return Reason.of(f"looked-{what}", count=len(seen), **found)

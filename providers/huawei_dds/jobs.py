"""Jobs: their state, and which of them a submission of unknown outcome started."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from bot.core.model import Evidence, Job, JobId, JobState, Reason
from providers.huawei_dds.answers import UNREADABLE
from providers.wording import shown

Text = str | None

SWITCH_PRIMARY = "SwitchPrimary"  # what the job list calls a switchover
STATES = {"completed": JobState.DONE, "failed": JobState.FAILED}
STAMP = "%Y-%m-%dT%H:%M:%S%z"
EARLY = timedelta(seconds=5)  # how much older than its request a job may look where the clocks are compared
UNCOMPARED = timedelta(seconds=30)  # the same where the provider's time is not known


class Owner(msgspec.Struct):
    """The instance as a single job names it."""

    id: Text = None


class JobRow(msgspec.Struct):
    """What is wanted of a job; the single job (v3) and the list (v3.1) name time and instance differently."""

    id: Text = None
    name: Text = None
    status: Text = None
    fail_reason: Text = None
    created: Text = None
    created_at: Text = None
    instance_id: Text = None
    instance: Owner | None = None

    @property
    def on(self) -> str:
        """The instance it works on, "" where it does not say."""
        return self.instance_id or (self.instance.id if self.instance else "") or ""


class SingleJob(msgspec.Struct):
    """The answer to one id; ``job`` is missing as long as the id is not visible."""

    job: JobRow | None = None


class JobPage(msgspec.Struct):
    """A page of the list. An answer without ``jobs`` is no list, and proves nothing."""

    jobs: list[msgspec.Raw]

    def rows(self) -> tuple[list[JobRow], bool]:
        """The rows that could be read, and whether these are all: one broken row does not spoil the others."""
        found = []
        for raw in self.jobs:
            try:
                found.append(msgspec.json.decode(raw, type=JobRow))
            except UNREADABLE:
                continue
        return found, len(found) == len(self.jobs)


def as_job(row: JobRow) -> Job | None:
    """A job as we see it; None for a row without an id. An unknown status is RUNNING, its word kept.

    ``ended`` proves nothing: the documentation's running job has one.
    """
    if not row.id:
        return None
    word = row.status or ""
    state = STATES.get(word.strip().casefold(), JobState.RUNNING)
    detail = shown(row.fail_reason) if state is JobState.FAILED else ""
    return Job(JobId(row.id), state, word[:64], detail)


def created(row: JobRow) -> datetime | None:
    """When the job was made, None where that can't be read."""
    text = row.created_at or row.created or ""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def stamp(at: datetime) -> str:
    """A time as the list's ``start_time`` and ``end_time`` want it."""
    return at.astimezone(UTC).strftime(STAMP)


@dataclass(frozen=True, slots=True)
class Sought:
    """What the job of a submission looks like, as far as the list can show it.

    Attributes:
        instance: On which instance.
        since: No earlier than this, by the provider's clock.
        doubtful_since: From here on, should the clocks have been otherwise then than they are now.
        until: No later than this.
        foreign: Jobs that are known to be of other submissions.
        adoptable: A job on this instance can only be of this submission: it starts one, and the instance has
            no other shards, of which jobs don't tell.
        listed: It would have left a job. The promotion of a chosen node answers with none, and nothing says that
            the list shows one: what is not there proves nothing about it.
    """

    instance: str
    since: datetime
    doubtful_since: datetime
    until: datetime
    foreign: Collection[JobId]
    adoptable: bool
    listed: bool = True

    def may_be(self, row: JobRow) -> bool:
        """Whether it may be the one. What a row leaves out does not rule it out."""
        at = created(row)
        return (
            row.on in (self.instance, "")
            and (at is None or self.doubtful_since <= at <= self.until)
            and JobId(row.id or "") not in self.foreign
        )

    def fits(self, row: JobRow) -> bool:
        """Whether nothing speaks against it, and it says enough for that."""
        at = created(row)
        return self.adoptable and bool(row.id and row.on) and at is not None and at >= self.since


def evidence(rows: Sequence[JobRow], sought: Sought, *, whole: bool, still_valid: bool) -> Evidence:
    """What the job list proves. A job does not say who asked for it, nor for which shard.

    Args:
        rows: The jobs that were read, those that the list was asked for.
        sought: The submission that is looked for.
        whole: The list was read to its end, and all of it was understood.
        still_valid: By the provider's clock the request could still be accepted.
    """
    possible = [row for row in rows if sought.may_be(row)]
    # One that moved to the next page while the pages were read is there twice.
    if len({row.id for row in possible}) == 1 and all(sought.fits(row) for row in possible) and whole:
        job = as_job(possible[-1])
        if job is not None:
            return Evidence(job, searched=True, summary=_looked("found", rows, job=job.id))
    if possible:
        names = ", ".join(row.id or "?" for row in possible)
        return Evidence(None, searched=False, summary=_looked("ambiguous", rows, jobs=names))
    if not whole:
        return Evidence(None, searched=False, summary=_looked("in-part", rows))
    if not sought.listed:
        return Evidence(None, searched=False, summary=_looked("may-leave-none", rows))
    if still_valid:
        return Evidence(None, searched=False, summary=_looked("too-early", rows))
    return Evidence(None, searched=True, summary=_looked("none", rows))


def _looked(what: str, rows: Sequence[JobRow], **found: str) -> Reason:
    return Reason.of(f"looked-{what}", count=len(rows), **found)

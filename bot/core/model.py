"""Values: what a cluster looks like, what a plan is, what a provider's job says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from bot.errors import ProviderError

OperationId = NewType("OperationId", str)
NodeId = NewType("NodeId", str)
JobId = NewType("JobId", str)
UserId = NewType("UserId", str)


class Role(StrEnum):
    """What a node is to its cluster. Providers map their own words to these."""

    PRIMARY = "primary"
    REPLICA = "replica"
    HIDDEN = "hidden"  # a member that can never become primary (backups)
    READ_ONLY = "read_only"  # the same, serving reads
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Reason:
    """A sentence to be: a code of the message catalogue and what to fill in. The core never writes prose."""

    code: str
    params: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, code: str, **params: object) -> Reason:
        """A reason whose parameters are shown as ``str()`` gives them; None becomes ""."""
        return cls(code, tuple((key, "" if value is None else str(value)) for key, value in params.items()))

    def __getitem__(self, key: str) -> str:
        return dict(self.params)[key]

    def also(self, **params: str) -> Reason:
        """The same with more to fill in, where it has nothing of that name itself."""
        return Reason(self.code, tuple((params | dict(self.params)).items()))


def nested(reasons: Iterable[Reason]) -> str:
    """Several sentences as one parameter of another."""
    return json.dumps([[each.code, each.params] for each in reasons], ensure_ascii=False)


def unnested(value: str) -> tuple[Reason, ...]:
    """What ``nested`` made one of; nothing of any other text."""
    try:
        found = [(code, [(name, text) for name, text in params]) for code, params in json.loads(value)]
    except (ValueError, TypeError, RecursionError):
        return ()
    texts = [text for code, params in found for text in (code, *(one for pair in params for one in pair))]
    if not all(isinstance(text, str) for text in texts):
        return ()
    return tuple(Reason(code, tuple(params)) for code, params in found)


def in_words(error: ProviderError) -> str:
    """What a provider's error says, as sentences in a sentence: in any language where the words are ours.

    Of an error without a meaning the words may be anybody's, and are shown as they are.
    """
    code, values = error.meaning or ("cloud-said", {"said": error.message})
    return nested([Reason.of(code, **values)])


@dataclass(frozen=True, slots=True)
class Target:
    """What one switchover acts on: a configured database, and its shard where it has several."""

    database: str
    shard: str | None = None

    def __str__(self) -> str:
        return f"{self.database}/{self.shard}" if self.shard else self.database


@dataclass(frozen=True, slots=True)
class Node:
    """A member of a cluster as one reading showed it.

    ``healthy`` and ``lag`` are None where the provider does not say.
    """

    id: NodeId
    name: str
    address: str
    role: Role
    healthy: bool | None
    lag: timedelta | None = None

    def answers_to(self, text: str) -> bool:
        """Whether a person who typed ``text`` means this node: by id, name or address."""
        return text.casefold() in {self.id.casefold(), self.name.casefold(), self.address.casefold()} - {""}


@dataclass(frozen=True, slots=True)
class Topology:
    """One reading of a cluster, or of one shard of it.

    Attributes:
        shard: The shard's canonical id, whatever a person typed for it; None where there are no shards.
        shard_name: What people call the shard, "" where it has no name.
        idle: No action is under way on the cluster.
        obstacle: Why this cluster takes no switchover now ("cluster is suspended"), "" when it does.
        state: The provider's own words for the cluster's state, for people.
        read_at: When it was read.
        cloud_at: What the provider's own clock showed then, None where it did not tell. Ours may be set meanwhile.
    """

    nodes: tuple[Node, ...]
    idle: bool
    obstacle: str
    state: str
    read_at: datetime
    shard: str | None = None
    shard_name: str = ""
    cloud_at: datetime | None = None

    @property
    def primary(self) -> Node | None:
        """The primary, if exactly one node says that it is; with none or several, nobody is."""
        found = [node for node in self.nodes if node.role is Role.PRIMARY]
        return found[0] if len(found) == 1 else None

    def node(self, node_id: str | None) -> Node | None:
        """The member with this id, if there is one."""
        return next((node for node in self.nodes if node.id == node_id), None)

    @property
    def members(self) -> tuple[tuple[NodeId, Role], ...]:
        """Who is in the cluster and as what, in a fixed order: the identity that an approval binds to."""
        return tuple(sorted((node.id, node.role) for node in self.nodes))


def label(database: str, shard: str | None, topology: Topology | None) -> str:
    """What people call a target: a shard by its name, where a reading told it."""
    name = topology.shard_name if topology else ""
    return f"{database}/{name}" if shard and name else str(Target(database, shard))


class CandidateRule(StrEnum):
    """Whether a provider can be told which node becomes primary."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    CHOSEN_BY_CLOUD = "chosen_by_cloud"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a provider can do, as data.

    Attributes:
        candidate: Whether the candidate must, may or can't be named.
        reports_lag: Whether readings carry replication lag.
        shards: Whether its clusters may have shards.
        jobs_per_call: How many jobs one ``jobs`` request covers.
        submission_valid_for: How long after its signing time a submission may still be accepted;
            None where it never surely dies, so that absence can never be concluded.
    """

    candidate: CandidateRule
    reports_lag: bool
    shards: bool
    jobs_per_call: int
    submission_valid_for: timedelta | None


@dataclass(frozen=True, slots=True)
class Call:
    """The provider call a plan stands for, in words for the card; part of the fingerprint.

    ``warning`` is what a person must know before approving: a code of the message catalogue without its
    ``warning-``, in which "_" stands for "-"; "" if nothing.
    """

    summary: str
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was approved, exactly: apply refuses anything that differs from it."""

    database: str
    shard: str | None
    candidate: NodeId | None  # None: the cloud chooses
    primary: NodeId | None
    members: tuple[tuple[NodeId, Role], ...]
    call: Call
    overrides: tuple[str, ...] = ()  # checks that may fail, of an emergency

    @property
    def fingerprint(self) -> str:
        """What an approval is bound to. Lag and health are not in it, identity is."""
        parts: list[object] = [self.database, self.shard, self.candidate, self.primary, self.members]
        parts += [self.call.summary, self.overrides]
        return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()

    @property
    def target(self) -> Target:
        return Target(self.database, self.shard)


class JobState(StrEnum):
    """A provider's job, in our words. An unknown word of a provider is RUNNING: never taken for an end."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """What a provider says of a job: ``word`` is its own status word, ``detail`` its reason for a failure."""

    id: JobId
    state: JobState
    word: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a provider found when asked whether a submission of unknown outcome had arrived.

    Attributes:
        job: The job that this submission started, if one was found.
        searched: The job list was really read; False makes an absent job prove nothing.
        summary: What was looked at, and what it shows.
    """

    job: Job | None
    searched: bool
    summary: Reason

"""From what somebody asked to an operation: who may, when it is to start, what stands in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import structlog

from bot.core import events as e
from bot.core.answers import Answer, AskAgain, ChooseNode, ShowPlan, Tell
from bot.core.commands import Origin, RequestSwitchover
from bot.core.machine import Limits, open_operation
from bot.core.model import CandidateRule, OperationId, Reason, Target, Topology, UserId
from bot.core.names import named_in, names_operation
from bot.core.operation import REPLANNED, UNSENT, Operation, Status
from bot.core.policy import ANYONE, Policy, Standing, may_break_glass, may_cancel, may_reject, may_request
from bot.core.preflight import OVERRIDABLE, Outcome, candidates
from bot.core.schedule import Start, instant, zone_named
from bot.errors import Chosen, DirectoryUnavailable, Locked, Misconfigured, ProviderError, Refused
from bot.ports import Clock, Directory, InboxItem, Reply, Store
from bot.service.catalogue import Catalogue, CatalogueHolder, Database
from bot.service.choosing import CHOICE_LIFE, made
from bot.service.hindrances import cooling, hindrance
from bot.service.naming import read_named
from bot.service.people import standing
from bot.service.planning import plan_on, provider_said, refusal

LOOK_LIMIT = 3.0
"""Seconds that a request waits for a reading of what it names before its card is posted: a cloud that hangs holds
up no card."""

READING_SHARE = 0.8
"""How much of the time for which a delivery is claimed may go into reading: what comes of it needs the rest."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _When:
    """When it is to start, None: at once; and the zone in which that was meant."""

    at: datetime | None = None
    zone: str = ""


class Requests:
    """Makes operations of requests, or says why not.

    Args:
        store: Where operations live.
        directory: Who people are.
        catalogue: The configuration in force.
        clock: The time.
        new_id: Makes operation ids.
    """

    def __init__(
        self,
        *,
        store: Store,
        directory: Directory,
        catalogue: CatalogueHolder,
        clock: Clock,
        new_id: Callable[[], OperationId],
    ) -> None:
        self._store = store
        self._directory = directory
        self._catalogue = catalogue
        self._clock = clock
        self._new_id = new_id
        self._whole: set[str] = set()
        """Databases that had no shards when they were read last."""

    async def take(
        self,
        item: InboxItem,
        command: RequestSwitchover,
        limits: Limits,
        *,
        follows: Operation | None = None,
        back_of: OperationId | None = None,
        besides: Answer | None = None,
    ) -> Answer | None:
        """Opens an operation, and with it finishes the item; or the answer why not.

        Args:
            item: The delivery; who sent it is the requester.
            command: What is asked.
            limits: The configured times.
            follows: The operation whose button asked; the new one is posted where that one's card is, and takes back
                what that one was to take back.
            back_of: What it is to take back, if that is something else.
            besides: What the requester alone is told where an operation is opened.
        """
        made_already = await self._chosen(command)
        current = self._catalogue.current
        database = current.databases.get(command.database)
        if made_already is not None or database is None:
            return made_already or _no_such_database(current, command)
        follows = follows or await self._followed(command)
        place = item.origin.place if follows is None else follows.place
        if not current.takes_requests(place.channel) and not command.dry_run:
            return Tell(Reason.of("wrong-channel"))
        denied = await self._denied(item.origin, command, database.policy) or _ill_formed(item, command)
        if denied is not None:
            return Tell(denied)
        when = await self._when(item, command.start, follows)
        if isinstance(when, Reason):
            return Tell(when)
        hindered = await self._hindered(database, command, when)
        if command.dry_run:
            return await self._dry_run(database, command, limits, when, hindered)
        if hindered is not None:
            return Tell(hindered)
        meant = command if follows is None else replace(command, follows=follows.id)
        seen = await self._holder(item.origin, database, command) or await self._look(
            database, command, limits
        )
        answer = _unclear(item, database, meant, when, seen)
        if answer is not None:
            return answer
        requested = e.Requested(
            at=self._clock.now(),
            id=self._new_id(),
            database=command.database,
            shard=command.shard,
            node=command.node,
            reason=command.reason,
            by=item.origin.user,
            team=item.origin.team,
            place=place,
            start_at=when.at,
            zone=when.zone,
            emergency=command.emergency,
            # In one order wherever they are named: they are part of what the plan is known by.
            overrides=tuple(sorted(set(command.overrides))),
            follows=None if follows is None else follows.id,
            back_of=back_of or (None if follows is None else follows.back_of),
            choice=command.choice,
        )
        told = [] if besides is None else [besides]
        if command.choice is not None:
            told.append(made(requested, item.origin.place, seen if isinstance(seen, Topology) else None))
        return await self._open(item, command, requested, database, told)

    async def _followed(self, command: RequestSwitchover) -> Operation | None:
        """The operation whose button led to a choice, if it can be: anybody can send any choice."""
        op = await self._store.load(command.follows) if command.follows else None
        return op if op is not None and op.database == command.database and op.status in REPLANNED else None

    async def _denied(self, origin: Origin, command: RequestSwitchover, policy: Policy) -> Reason | None:
        entries = policy.break_glass if command.emergency else policy.requesters
        who = await standing(self._directory, entries, origin.user, origin.team)
        return may_break_glass(policy, who) if command.emergency else may_request(policy, who)

    async def _when(self, item: InboxItem, start: Start | None, follows: Operation | None) -> _When | Reason:
        """The start that is meant, counted from when the request came in, however late it is worked on.

        One that is taken over from another operation is still meant where it was typed.
        """
        if start is None:
            return _When()
        person = await self._directory.person(item.origin.user, item.origin.team or None)
        zone = zone_named(person.timezone)
        if zone is None and start.clock is not None:
            return Reason.of("zone-unknown", zone=person.timezone)
        name = "UTC" if zone is None else person.timezone
        at = instant(start, asked_at=item.received_at, zone=zone or UTC, zone_name=name)
        if isinstance(at, Reason):
            return at
        if at <= self._clock.now():
            return Reason.of("start-in-the-past", when=at.isoformat())
        return _When(at, name if follows is None else follows.zone)

    async def _hindered(self, database: Database, command: RequestSwitchover, when: _When) -> Reason | None:
        target, now = Target(database.name, command.shard), self._clock.now()
        return await hindrance(
            self._store, database, target, now, emergency=command.emergency, start_at=when.at
        )

    async def _dry_run(
        self,
        database: Database,
        command: RequestSwitchover,
        limits: Limits,
        when: _When,
        hindered: Reason | None,
    ) -> Answer:
        try:
            topology = await self._read(database, command, limits)
        except TimeoutError:
            return Tell(
                Reason.of("unreadable", name=database.name), Reason.of("reading-slow", name=database.name)
            )
        except (Refused, Misconfigured) as error:
            return Tell(Reason.of("not-plannable", name=database.name), provider_said(error))
        except ProviderError as error:
            return Tell(Reason.of("unreadable", name=database.name), provider_said(error))
        if isinstance(topology, AskAgain):
            return topology
        planning = plan_on(database, topology, command.node, command.overrides)
        holder = await self._open_on(planning.plan.target)
        if hindered is None and holder is not None:
            hindered = Reason.of("locked", database=database.name, holder=holder.id)
        if hindered is None and not command.emergency:
            start_at = when.at or self._clock.now()
            hindered = await cooling(self._store, database, planning.plan.target, start_at)
        outcome, detail = planning.verdict.outcome, refusal(planning.verdict, emergency=command.emergency)
        if hindered is not None and outcome is not Outcome.NOT_NEEDED:
            outcome, detail = Outcome.REFUSED, hindered
        return ShowPlan(
            database=database.name,
            shard=planning.topology.shard,
            outcome=outcome,
            candidate=planning.verdict.candidate,
            checks=planning.verdict.checks,
            detail=detail,
            topology=planning.topology,
            call=planning.plan.call,
            start_at=when.at,
        )

    async def _chosen(self, command: RequestSwitchover) -> Tell | None:
        """What whoever presses a chooser is told that has made its operation, whatever stands in the way by now."""
        operation = None if command.choice is None else await self._store.made_of(command.choice)
        return None if operation is None else _chosen_already(operation)

    async def _holder(self, origin: Origin, database: Database, command: RequestSwitchover) -> Tell | None:
        op = await self._open_on(Target(command.database, command.shard))
        return None if op is None else await self._locked(origin, database, command, op.id)

    async def _open_on(self, target: Target) -> Operation | None:
        """What holds a database, or a shard of one."""
        found = await self._store.operations(open_only=True, database=target.database)
        return next((op for op in found if op.target == target), None)

    async def _look(
        self, database: Database, command: RequestSwitchover, limits: Limits
    ) -> Topology | AskAgain | None:
        """What is there, what the asker is asked instead, or nothing where it can't be read for now."""
        try:
            return await self._read(database, command, limits)
        except (ProviderError, TimeoutError):
            return None  # planning reads again, with patience, and says in the thread what is wrong

    async def _read(
        self, database: Database, command: RequestSwitchover, limits: Limits
    ) -> Topology | AskAgain:
        """As ``read_named``, for as long as the request can wait.

        Raises:
            ProviderError: As ``read_named``.
            TimeoutError: The cloud takes longer.
        """
        seconds = READING_SHARE * limits.lease.total_seconds()
        if not command.dry_run and not self._leaves_open(database, command):
            seconds = min(LOOK_LIMIT, seconds)
        async with asyncio.timeout(seconds):
            found = await read_named(database, command)
        if isinstance(found, Topology) and found.shard is None:
            self._whole.add(database.name)
        elif isinstance(found, Topology) or found.problem.code == "which-shard":
            self._whole.discard(database.name)  # it is another cluster now, under this name
        return found

    def _leaves_open(self, database: Database, command: RequestSwitchover) -> bool:
        """Whether a node or a shard may still be to be chosen: unread, all would see a card that is refused."""
        capabilities = database.provider.capabilities
        no_node = command.node is None and capabilities.candidate is CandidateRule.REQUIRED
        no_shard = command.shard is None and capabilities.shards and database.name not in self._whole
        return no_node or no_shard

    async def _open(
        self,
        item: InboxItem,
        command: RequestSwitchover,
        requested: e.Requested,
        database: Database,
        told: Sequence[Answer],
    ) -> Answer | None:
        replies = [Reply(item.origin, each) for each in told]
        try:
            await self._store.open(
                open_operation(requested), due_at=requested.at, item_id=item.id, replies=replies
            )
        except Locked as error:
            return await self._locked(item.origin, database, command, error.holder)
        except Chosen as error:
            return _chosen_already(error.made)
        log.info("requested", operation=requested.id, database=requested.database)
        return None

    async def _locked(
        self, origin: Origin, database: Database, command: RequestSwitchover, holder: str
    ) -> Tell:
        """Who holds the database, and what can be done about that, by whoever asks or by whom.

        An emergency is told that it pushes nothing aside: not even what only starts in a month. Of two presses
        of one chooser at once, the one that is late is not told to withdraw what the other has made.
        """
        chosen = await self._chosen(command)
        if chosen is not None:
            return chosen
        op = await self._store.load(holder)
        asked = str(Target(command.database, command.shard))
        text = Reason.of("locked", database=asked if op is None else op.label, holder=holder)
        if op is None or not op.open:
            return Tell(text)
        if op.status is Status.NEEDS_ATTENTION:
            mine = await self._may(origin, database.policy, may_reject)
            return Tell(text, Reason.of("locked-needs-you" if mine else "locked-needs-attention", id=holder))
        if op.status not in UNSENT:
            return Tell(text, Reason.of("locked-tracked", id=holder))
        may_withdraw = partial(may_cancel, requested_by=op.requested_by)
        if await self._may(origin, database.policy, may_withdraw, op.requested_by):
            code = "locked-for-emergency-cancel" if command.emergency else "locked-cancel"
            return Tell(text, Reason.of(code, id=holder))
        approvers = ",".join(entry for entry in database.policy.approvers if entry != ANYONE)
        code = "locked-for-emergency" if command.emergency else "locked-may-cancel"
        return Tell(text, Reason(code, (("id", holder), ("by", op.requested_by), ("approvers", approvers))))

    async def _may(
        self,
        origin: Origin,
        policy: Policy,
        rule: Callable[[Policy, Standing], Reason | None],
        *others: UserId,
    ) -> bool:
        """Whether the asker may do something themselves, that the approvers may, and the others by name.

        Nothing is decided by it: where Slack can't say, they are told whom to ask.
        """
        try:
            who = await standing(self._directory, (*others, *policy.approvers), origin.user, origin.team)
        except DirectoryUnavailable:
            return False
        return rule(policy, who) is None


def _no_such_database(catalogue: Catalogue, command: RequestSwitchover) -> Tell | AskAgain:
    """What to type instead of a database that nobody has; no emergency is made up.

    A choice was pressed, not typed, and no other database is meant by it. Where another one is named besides, or an
    operation, it may be no name that was mistyped, but a word for the opposite.
    """
    problem, near = catalogue.unknown(command.database), catalogue.nearest(command.database)
    if command.choice is not None:
        return Tell(problem)
    besides = f"{command.node or ''} {command.shard or ''}"
    other = {*named_in(besides, catalogue.databases)} - {near} or names_operation(
        f"{besides} {command.reason}"
    )
    sure = near and not other and not command.emergency
    return AskAgain(problem, replace(command, database=near) if sure else None)


def _unclear(
    item: InboxItem,
    database: Database,
    command: RequestSwitchover,
    when: _When,
    seen: Topology | Answer | None,
) -> Answer | None:
    """What the asker alone is asked: for a name that is there, or which of several nodes that fit is meant.

    What is no reading is the answer already.
    """
    if not isinstance(seen, Topology):
        return seen
    capabilities = database.provider.capabilities
    if command.node is not None or capabilities.candidate is not CandidateRule.REQUIRED:
        return None
    found = candidates(seen, None, capabilities=capabilities, policy=database.policy)
    if not found.choices:
        return None
    # The choice comes later, and the start is meant from now.
    start = None if when.at is None else Start(at=when.at)
    meant = replace(command, start=start, choice=e.Choice(item.id, item.received_at))
    return ChooseNode(meant, found.choices)


def _chosen_already(operation: str) -> Tell:
    return Tell(Reason.of("chosen-already", id=operation))


def _ill_formed(item: InboxItem, command: RequestSwitchover) -> Reason | None:
    """What makes no sense as a request, whoever asks and whatever the cluster is like."""
    if command.choice is not None and item.received_at - command.choice.asked_at > CHOICE_LIFE:
        return Reason.of("choice-too-old", minutes=int(CHOICE_LIFE.total_seconds() // 60))
    if not command.emergency:
        return Reason.of("overrides-need-emergency") if command.overrides else None
    unknown = [name for name in command.overrides if name not in OVERRIDABLE]
    if unknown:
        return Reason.of("not-overridable", asked=", ".join(unknown), known=", ".join(OVERRIDABLE))
    if command.start is not None:
        return Reason.of("emergency-starts-at-once")
    return None if command.reason.strip() else Reason.of("reason-needed")

"""What people ask, worked off the inbox: each item ends in one transaction with its effect or its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from bot.core import events as e
from bot.core.answers import (
    Answer,
    ChooseNode,
    DatabaseLine,
    ShardLine,
    ShowDatabases,
    ShowOperations,
    ShowPlan,
    Tell,
)
from bot.core.commands import (
    Act,
    Action,
    ListDatabases,
    Origin,
    RequestSwitchover,
    ShowHelp,
    ShowHistory,
    ShowStatus,
)
from bot.core.machine import Limits, decide, next_due, open_operation
from bot.core.model import CandidateRule, OperationId, Reason, Target, Topology
from bot.core.operation import Operation, Status
from bot.core.policy import Policy, Standing, may_approve, may_cancel, may_reject, may_request
from bot.core.preflight import candidates
from bot.errors import (
    DirectoryUnavailable,
    IllegalTransition,
    Locked,
    ProviderError,
    Stale,
    StoreUnavailable,
)
from bot.ports import Clock, Directory, InboxItem, Message, MessageKind, Reply, Store
from bot.service.catalogue import Catalogue, CatalogueHolder, Database
from bot.service.hindrances import hindrance
from bot.service.people import standing
from bot.service.planning import make_plan, provider_said

ATTEMPTS = 4
"""How often an item is tried before its asker is told that it can't be done now."""
READ_TOGETHER = 8
"""How many databases ``list`` reads at a time."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Done:
    """The item has had its effect, in a transaction that finished it."""


class Desk:
    """Works off recorded deliveries. An item worked on twice has one effect: the store finishes it once.

    Args:
        store: Where deliveries, operations and answers live.
        directory: Who people are.
        catalogue: The configuration in force.
        clock: The time.
        new_id: Makes operation ids.
        limits: The configured times.
        wake: Told after every change.
    """

    def __init__(
        self,
        *,
        store: Store,
        directory: Directory,
        catalogue: CatalogueHolder,
        clock: Clock,
        new_id: Callable[[], OperationId],
        limits: Limits,
        wake: Callable[[], None],
    ) -> None:
        self._store = store
        self._directory = directory
        self._catalogue = catalogue
        self._clock = clock
        self._new_id = new_id
        self.limits = limits
        self._wake = wake

    async def work(self, item: InboxItem) -> None:
        """Gives one claimed item its effect or its answer.

        Raises:
            StoreUnavailable: Nothing was recorded; the claim runs out and the item is due again.
        """
        try:
            result = await self._handle(item)
        except Stale:
            return  # finished by another worker
        except DirectoryUnavailable as error:
            log.warning("directory_unavailable", item=item.id, reason=str(error))
            await self._try_later(item, Tell(Reason.of("who-unknown")))
            return
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("item_broke", item=item.id, attempts=item.attempts)
            await self._try_later(item, Tell(Reason.of("internal-error", id=f"in-{item.id}")))
            return
        if not isinstance(result, _Done):
            await self._finish(item, result)
        self._wake()

    async def undeliverable(self, message: Message, error: str) -> None:
        """A card that can't be posted: what nobody can see, nobody can approve, so it is withdrawn.

        The requester hears of it as of every end: the publisher tells directly what can't be posted.

        Raises:
            StoreUnavailable: Nothing was recorded.
        """
        op = message.operation
        if op is None or message.kind is not MessageKind.CARD:
            return
        detail = Reason.of("cancelled-undeliverable", error=error, channel=op.place.channel)
        for _ in range(ATTEMPTS):
            fresh = await self._store.load(op.id)
            if fresh is None:
                return
            try:
                decision = decide(fresh, e.Cancelled(self._clock.now(), None, detail))
                await self._store.commit([decision], due_at=None)
            except Stale:
                continue
            except IllegalTransition:
                return  # sent already: it is still tracked, and told where it can be
            self._wake()
            return

    async def _finish(self, item: InboxItem, answer: Answer) -> None:
        await self._store.finish_item(item.id, [Reply(item.origin, answer)], self._clock.now())

    async def _try_later(self, item: InboxItem, answer: Answer) -> None:
        if item.attempts >= ATTEMPTS:
            await self._finish(item, answer)
            self._wake()
        else:
            pause = timedelta(seconds=0.5 * 2 ** (item.attempts - 1))
            await self._store.postpone_item(item, self._clock.now() + pause)

    async def _handle(self, item: InboxItem) -> Answer | _Done:
        command, origin = item.command, item.origin
        match command:
            case RequestSwitchover():
                return await self._request(item, command)
            case Act():
                return await self._act(item, command)
            case ListDatabases() | ShowStatus() | ShowHistory() | ShowHelp():
                who = await standing(self._directory, (), origin.user, origin.team)
                if not who.member:
                    return Tell(Reason.of("deny-not-a-member"))
                return await self._show(command)

    # --- requests ---

    async def _request(self, item: InboxItem, command: RequestSwitchover) -> Answer | _Done:
        current = self._catalogue.current
        database = current.databases.get(command.database)
        if database is None:
            nearest = current.nearest(command.database)
            return Tell(Reason.of("unknown-database", name=command.database, nearest=nearest))
        if not _takes_requests(current, item.origin.place.channel) and not command.dry_run:
            return Tell(Reason.of("wrong-channel"))
        origin, policy = item.origin, database.policy
        who = await standing(self._directory, policy.requesters, origin.user, origin.team)
        denied = may_request(policy, who)
        if denied is not None:
            return Tell(denied)
        if command.dry_run:
            return await self._dry_run(database, command)
        held = await self._held(database, command)
        if held is not None:
            return held
        choice = await self._choice(database, command)
        return choice if choice is not None else await self._open(item, command)

    async def _held(self, database: Database, command: RequestSwitchover) -> Answer | None:
        target = Target(command.database, command.shard)
        hindered = await hindrance(self._store, database, target, self._clock.now())
        if hindered is not None:
            return Tell(hindered)
        for op in await self._store.operations(open_only=True, database=command.database):
            if op.target == target:
                return _locked(command.database, op.id)
        return None

    async def _dry_run(self, database: Database, command: RequestSwitchover) -> Answer:
        try:
            planning = await make_plan(database, Target(database.name, command.shard), command.node)
        except ProviderError as error:
            return Tell(Reason.of("unreadable", name=database.name), provider_said(error))
        return ShowPlan(
            database=database.name,
            shard=planning.topology.shard,
            outcome=planning.verdict.outcome,
            candidate=planning.verdict.candidate,
            checks=planning.verdict.checks,
            detail=planning.verdict.detail,
            topology=planning.topology,
            call=planning.plan.call,
        )

    async def _choice(self, database: Database, command: RequestSwitchover) -> Answer | None:
        """The chooser, where the cloud must be told a node, none was named and several fit."""
        capabilities = database.provider.capabilities
        if command.node is not None or capabilities.candidate is not CandidateRule.REQUIRED:
            return None
        try:
            topology = await database.provider.observe(Target(database.name, command.shard))
        except ProviderError:
            return None  # planning reads again, with patience, and says in the thread what is wrong
        found = candidates(topology, None, capabilities=capabilities, policy=database.policy)
        if not found.choices:
            return None
        return ChooseNode(database.name, command.shard, command.reason, found.choices)

    async def _open(self, item: InboxItem, command: RequestSwitchover) -> Answer | _Done:
        now = self._clock.now()
        decision = open_operation(
            e.Requested(
                at=now,
                id=self._new_id(),
                database=command.database,
                shard=command.shard,
                node=command.node,
                reason=command.reason,
                by=item.origin.user,
                team=item.origin.team,
                place=item.origin.place,
            )
        )
        try:
            await self._store.open(decision, due_at=now, item_id=item.id)
        except Locked as error:
            return _locked(command.database, error.holder)
        log.info("requested", operation=decision.after.id, database=command.database)
        return _Done()

    # --- clicks ---

    async def _act(self, item: InboxItem, act: Act) -> Answer | _Done:
        for _ in range(ATTEMPTS):
            op = await self._store.load(act.operation)
            if op is None:
                return Tell(Reason.of("unknown-operation", id=act.operation))
            policy = self._catalogue.current.policy_for(op.database)
            who = await standing(self._directory, policy.approvers, item.origin.user, item.origin.team)
            denied = await self._hindered(op) if act.action is Action.APPROVE and op.open else None
            denied = _denied(op, act.action, policy, who) or denied
            if denied is not None:
                return Tell(denied)
            try:
                return await self._apply(item, op, act.action, policy)
            except Stale:
                continue  # two clicks in the same moment: look again at what is true now
        raise Stale

    async def _hindered(self, op: Operation) -> Reason | None:
        database = self._catalogue.current.databases.get(op.database)
        if database is None:
            return Reason.of("database-removed", name=op.database)
        return await hindrance(self._store, database, op.target, self._clock.now(), besides=op.id)

    async def _apply(self, item: InboxItem, op: Operation, action: Action, policy: Policy) -> Answer | _Done:
        now = self._clock.now()
        if action is Action.CHECK_AGAIN:
            return await self._check_again(op, now)
        try:
            decision = decide(op, _event(action, now, item.origin, policy))
        except IllegalTransition:
            return Tell(_too_late(op, action))
        due = next_due(decision.after, now, self.limits, looked=False)
        await self._store.commit([decision], due_at=due, item_id=item.id)
        log.info(e.event_name(decision.event), operation=op.id, status=decision.after.status)
        return _Done()

    async def _check_again(self, op: Operation, now: datetime) -> Answer:
        if not op.open:
            return Tell(_too_late(op, Action.CHECK_AGAIN))
        # While a request is under way a look can only call it in doubt; its answer comes by itself.
        if op.status is not Status.STARTING:
            await self._store.postpone({op.id: (op.version, now)}, until=None)
        return Tell(Reason.of("checking-again", id=op.id))

    # --- showing ---

    async def _show(self, command: ListDatabases | ShowStatus | ShowHistory | ShowHelp) -> Answer:
        match command:
            case ListDatabases():
                return await self._list()
            case ShowStatus(name=name):
                return await self._status(name)
            case ShowHistory(database=database):
                return await self._history(database)
            case ShowHelp():
                return command

    async def _list(self) -> Answer:
        together = asyncio.Semaphore(READ_TOGETHER)
        under_way = await self._store.operations(open_only=True, limit=1000)

        async def line(database: Database) -> DatabaseLine:
            async with together:
                return await _line(database, [op for op in under_way if op.database == database.name])

        databases = self._catalogue.current.databases
        lines = await asyncio.gather(*(line(databases[name]) for name in sorted(databases)))
        return ShowDatabases(tuple(lines))

    async def _status(self, name: str | None) -> Answer:
        if name is None:
            return ShowOperations(tuple(await self._store.operations(open_only=True)))
        if name in self._catalogue.current.databases:
            found = await self._store.operations(open_only=True, database=name)
            return ShowOperations(tuple(found), name)
        op = await self._store.load(name.upper())
        if op is not None:
            return ShowOperations((op,), op.id)
        nearest = self._catalogue.current.nearest(name)
        return Tell(Reason.of("unknown-database", name=name, nearest=nearest))

    async def _history(self, database: str | None) -> Answer:
        if database is not None and self._catalogue.current.tracked(database) is None:
            nearest = self._catalogue.current.nearest(database)
            return Tell(Reason.of("unknown-database", name=database, nearest=nearest))
        found = await self._store.operations(open_only=False, database=database, limit=20)
        ended = tuple(op for op in found if not op.open)
        return ShowOperations(ended, database or "", past=True)


def _takes_requests(catalogue: Catalogue, channel: str) -> bool:
    """Whether a request may be made there: never in a direct message, where nobody else sees the card."""
    if channel.startswith("D"):
        return False
    return not catalogue.channels or channel in catalogue.channels


async def _line(database: Database, under_way: Sequence[Operation]) -> DatabaseLine:
    busy = {op.shard: op.id for op in under_way}
    line = DatabaseLine(database.name, database.description, "")
    try:
        readings = await database.provider.survey(database.name)
    except ProviderError as error:
        return replace(line, problem=provider_said(error), operation=next(iter(busy.values()), ""))
    shards = tuple(_shard_line(reading.shard, reading, busy) for reading in readings if reading.shard)
    listed = {shard.operation for shard in shards}
    elsewhere = next((operation for operation in busy.values() if operation not in listed), "")
    primary = "" if shards else _primary(readings[0])
    return replace(line, primary=primary, operation=elsewhere, shards=shards)


def _shard_line(shard: str, reading: Topology, busy: Mapping[str | None, str]) -> ShardLine:
    # While a request is being planned it has no more than what was typed, id or name.
    operation = busy.get(shard) or busy.get(reading.shard_name, "")
    return ShardLine(shard, reading.shard_name, _primary(reading), operation)


def _primary(reading: Topology) -> str:
    primary = reading.primary
    if primary is None:
        return ""
    return f"{primary.name} ({primary.id})" if primary.name else primary.id


def _locked(database: str, holder: str) -> Answer:
    return Tell(Reason.of("locked", database=database, holder=holder))


def _denied(op: Operation, action: Action, policy: Policy, who: Standing) -> Reason | None:
    """Why this person may not do this; the state is looked at first, so that a late click is told so."""
    match action:
        case Action.APPROVE:
            if op.status is not Status.AWAITING_APPROVAL:
                return _too_late(op, action) if who.member else Reason.of("deny-not-a-member")
            return may_approve(policy, who, requested_by=op.requested_by, approved_by=op.approved_by)
        case Action.REJECT | Action.ACKNOWLEDGE:
            return may_reject(policy, who)
        case Action.CANCEL:
            return may_cancel(policy, who, requested_by=op.requested_by)
        case Action.CHECK_AGAIN:
            return None if who.member else Reason.of("deny-not-a-member")


def _event(action: Action, now: datetime, origin: Origin, policy: Policy) -> e.Event:
    match action:
        case Action.APPROVE:
            return e.Approved(now, origin.user, policy.approvals, policy.self_approval)
        case Action.REJECT:
            return e.Rejected(now, origin.user)
        case Action.ACKNOWLEDGE:
            return e.Acknowledged(now, origin.user)
        case _:
            return e.Cancelled(now, origin.user)


def _too_late(op: Operation, action: Action) -> Reason:
    if action is Action.APPROVE and op.status is Status.PLANNING:
        return Reason.of("not-ready-for-approval", id=op.id)
    if action is Action.APPROVE and op.status is Status.AWAITING_APPROVAL:
        return Reason.of("approval-expired", id=op.id)
    if not op.open:
        return Reason.of("already-decided", id=op.id, status=op.status)
    return Reason.of("too-late", id=op.id, status=op.status)

"""The composition root: the only module that knows handlers, providers, storage and configuration together."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import structlog
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette

from bot import config
from bot.accounts import Accounts
from bot.config import PolicySettings, Settings
from bot.core.machine import Limits
from bot.core.model import OperationId, Reason, Topology
from bot.core.operation import Status
from bot.core.policy import Policy
from bot.errors import ConfigError, MaybeRecorded, NoDatabase, ProviderError, StoreUnavailable, Unreadable
from bot.failpoints import hit
from bot.ports import Answered, Body, Clock, Dispatch, Provider, ProviderType, Storage
from bot.scheduler import Crew, LoopLag, Rush, Setback, Sweeps, Ticker
from bot.service.catalogue import Catalogue, CatalogueHolder, Database
from bot.service.desk import Desk
from bot.service.duties import Duties
from bot.service.foresight import Foresight
from bot.service.heads import HourlyHead
from bot.service.home import Lobby
from bot.service.offering import Offering
from bot.storage import SqlStore, connect
from bot.system import SharedClock, SystemClock, new_operation_id
from bot.telemetry import Metrics, configure_logging
from bot.web import Ingress, Rejection, create_app, parse
from handlers import grammar
from handlers.answers import parse_choice
from handlers.app import SlackApp
from handlers.directory import SlackDirectory
from handlers.envelopes import Envelopes
from handlers.forms import Forms
from handlers.homes import HomeKeeper
from handlers.listeners import Listeners
from handlers.publisher import Publisher
from handlers.reachability import IDENTITY, slack_problem, socket_problem, token_problem
from handlers.slack_client import Done, SlackClient
from handlers.socket_mode import SocketMode
from handlers.web_sockets import Dialer, WebSockets
from handlers.wording import Wording
from providers.registry import PROVIDERS

log = structlog.get_logger()

TICK = timedelta(milliseconds=500)
HOMES = timedelta(seconds=2)
HOUSEKEEPING = timedelta(seconds=5)
RETENTION = timedelta(hours=1)
KEEP_INBOX = timedelta(hours=48)
CREW = 64
FORMS = 64
FORMS_CLOSE = 1.0
"""Seconds that forms which are being filled get, while draining: nothing is lost with them."""
LAST_ACKS = 4.0
"""Seconds that envelopes which were read get, while draining, to be answered: Slack waits three."""
DRAIN_MARGIN = 5.0
SLACK_CALL_LIMIT = 7.0
TAKEN_OVER = frozenset({"slack.channels", "database.lease"})
"""Keys of sections that need a restart which don't."""
RECORD_AGAIN = 1.0
"""Seconds until a configuration is recorded again of which nobody knows whether the trail has it."""
ADJUSTED = timedelta(seconds=10)
"""How often the clock is set by the one that the replicas share: when the database has moved, its clock may have."""
LAST_WORDS = 5.0
"""Seconds that the publisher gets, while draining, to say what is decided already."""


def load_settings(path: Path) -> Settings:
    """Reads the configuration against the registered providers and the environment.

    Raises:
        ConfigError: Every problem at once.
    """
    return config.load(path, env=os.environ, provider_types=PROVIDERS)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The world that the bot is composed into; the defaults are the real one, a simulation brings its own.

    Attributes:
        clock: The time.
        machine: The time by which Slack's signatures are judged, where it is another; Slack's clock is as right as
            most machines', and not asked for what replicas share.
        keep_time: Sets the clock by the one that the replicas share; None: there is none but the machine's.
        new_id: Makes operation ids.
        random: A number from 0 to 1, for jitter.
        providers: The clouds, each with its way to the network.
        slack_session: Makes the HTTP session to Slack; takes ``timeout``.
        web_sockets: Makes what connects to Slack in Socket Mode; takes ``secure``.
        logging: Told of the secrets that a reload brings; as ``configure_logging``.
        settings: Reads the configuration anew for a reload; as ``load_settings``.
        tick: How often the sweeps run by themselves; None: twice a second, and not more seldom than polls are
            due; that of Home tabs every two seconds.
        housekeeping: How often the gauges are set, and how soon after the hour the audit trail's head is told.
        retention: How often what is kept for long enough is deleted.
    """

    clock: Clock = field(default_factory=SystemClock)
    machine: Clock | None = None
    keep_time: Callable[[], Awaitable[None]] | None = None
    new_id: Callable[[], OperationId] = new_operation_id
    random: Callable[[], float] = random.random
    providers: Mapping[str, ProviderType] = field(default_factory=lambda: PROVIDERS)
    slack_session: Callable[..., aiohttp.ClientSession] = aiohttp.ClientSession
    web_sockets: Callable[..., Dialer] = WebSockets
    logging: Callable[..., None] = configure_logging
    settings: Callable[[Path], Settings] = load_settings
    tick: timedelta | None = None
    housekeeping: timedelta = HOUSEKEEPING
    retention: timedelta = RETENTION


REAL = Surroundings()


def limits_of(settings: Settings) -> Limits:
    """The configured times as the machine knows them."""
    tracking = settings.tracking
    return Limits(
        poll_interval=tracking.poll_interval,
        max_poll_interval=tracking.max_poll_interval,
        deadline=tracking.deadline,
        verify_timeout=tracking.verify_timeout,
        settle_time=tracking.settle_time,
        lease=settings.database.lease,
    )


def policy_of(name: str, settings: PolicySettings) -> Policy:
    """A configured policy as the core knows it."""
    return Policy(
        name=name,
        approvers=settings.approvers,
        approvals=settings.approvals,
        requesters=settings.requesters,
        self_approval=settings.self_approval,
        approval_ttl=settings.approval_ttl,
        max_lag=settings.max_lag,
        allow_unknown_primary=settings.allow_unknown_primary,
        cooldown=settings.cooldown,
        break_glass=settings.break_glass,
    )


def freezes_of(settings: PolicySettings) -> Callable[[datetime], Reason | None]:
    """Tells which of a policy's freezes is in force at a time, and until when."""
    windows = [(entry.starts(), entry) for entry in settings.freeze]

    def frozen(now: datetime) -> Reason | None:
        for starts, entry in windows:
            start = starts.first(now - entry.duration + timedelta(microseconds=1))
            if start is not None and start <= now:
                until = (start + entry.duration).astimezone(entry.zone)
                return Reason.of("frozen", reason=entry.reason, until=until.isoformat(timespec="minutes"))
        return None

    return frozen


def build_catalogue(settings: Settings, providers: Mapping[str, Provider]) -> Catalogue:
    """What may be switched, under which policy."""
    databases = {
        database.name: Database(
            name=database.name,
            description=database.description,
            account=database.account,
            provider=providers[database.account],
            policy=policy_of(database.policy, settings.policies[database.policy]),
            frozen=freezes_of(settings.policies[database.policy]),
        )
        for database in settings.databases.values()
    }
    return Catalogue(databases, frozenset(settings.slack.channels))


@asynccontextmanager
async def catalogue_for(settings: Settings) -> AsyncIterator[Catalogue]:
    """The catalogue alone, for commands that only read the clouds."""
    accounts = Accounts(REAL.providers, REAL.clock, Metrics())
    try:
        yield build_catalogue(settings, accounts.prepare(settings))
    finally:
        await accounts.close()


@dataclass(frozen=True, slots=True)
class Seen:
    """What only the network can tell.

    Attributes:
        problems: What is wrong, a line each.
        databases: The databases that could be read, with their shards where they have any.
        slack: Whose token it is, as ``auth.test`` says; empty where it does not.
    """

    problems: Sequence[str]
    databases: Mapping[str, Sequence[Topology]]
    slack: Mapping[str, Any]


async def look_live(settings: Settings) -> Seen:
    """Reads every database, and asks Slack whose tokens these are."""
    problems, databases = [], {}
    async with catalogue_for(settings) as catalogue:
        for database in catalogue.databases.values():
            try:
                databases[database.name] = await database.provider.survey(database.name)
            except ProviderError as error:
                problems.append(f"databases.{database.name}: {error.message}")
    client = slack_client(settings, Metrics())
    try:
        outcome = await client.call(IDENTITY)
        problems.append(token_problem(client, outcome))
    finally:
        await client.close()
    if settings.slack.mode == "socket":
        opener = opening_client(settings, Metrics())
        try:
            problems.append(await socket_problem(opener))
        finally:
            await opener.close()
    told = outcome.data if isinstance(outcome, Done) else {}
    return Seen([problem for problem in problems if problem], databases, told)


def slack_client(settings: Settings, metrics: Metrics, around: Surroundings = REAL) -> SlackClient:
    """The one client of Slack's Web API; to be made while the event loop runs."""
    return _client_with(settings.slack.bot_token, settings, metrics, around)


def opening_client(settings: Settings, metrics: Metrics, around: Surroundings = REAL) -> SlackClient:
    """What asks Slack for connections in Socket Mode, with the app-level token; made like the other one."""
    return _client_with(settings.slack.app_token, settings, metrics, around)


def _client_with(
    token: SecretStr | None, settings: Settings, metrics: Metrics, around: Surroundings
) -> SlackClient:
    return SlackClient(
        token=token.get_secret_value() if token else "",
        api_url=settings.slack.api_url,
        clock=around.clock,
        observe=metrics.observe_slack,
        time_limit=SLACK_CALL_LIMIT,
        session=around.slack_session,
    )


@asynccontextmanager
async def reading_store(settings: Settings) -> AsyncIterator[SqlStore]:
    """The bot's database, to read from beside a running bot.

    Raises:
        NoDatabase: It is not there.
        StoreUnavailable: It can't be read.
    """
    file = settings.database.file
    if file is not None and not file.exists():
        raise NoDatabase(
            f"database.url: there is no file {file}: name the bot's database with its whole path "
            '("sqlite:////…"), or run this in the folder that the bot is started in; if the bot has '
            "never run, there is nothing to read yet"
        )
    with _naming_the_database(settings):
        store = await connect(settings.database.url.get_secret_value(), migrate=False, read_only=True)
        try:
            yield store
        finally:
            await store.close()


async def upgrade_database(settings: Settings) -> None:
    """Brings the schema up to date; makes the file of SQLite where there is none.

    Raises:
        StoreUnavailable: It can't be reached, or a running bot holds it.
    """
    with _naming_the_database(settings):
        store = await connect(settings.database.url.get_secret_value(), migrate=True)
        await store.close()


@contextlib.contextmanager
def _naming_the_database(settings: Settings) -> Iterator[None]:
    """Whoever types a command may be in another folder, or have another file in mind."""
    try:
        yield
    except StoreUnavailable as error:
        said = _with_the_mend(settings.database.file, error)
        raise StoreUnavailable(f"database.url ({settings.database.place}): {said}") from None


def _with_the_mend(file: Path | None, error: StoreUnavailable) -> str:
    """What is wrong with the database and, unless that is said already, what would mend it."""
    said = str(error)
    if file is not None and not file.parent.is_dir():
        return f"there is no folder {file.parent}: make it, or name a file elsewhere"
    if file is not None and file.is_dir():
        return "it is a folder: name a file"
    if isinstance(error, Unreadable) or (": " in said and "can't be opened" not in said):
        return said
    if file is not None:
        return f"{said}: mend it or its rights, or name another file"
    return f"{said}: see that it runs and lets us in, or mend the address"


# --- serve ---


@dataclass(frozen=True, slots=True)
class _Asked:
    """What signals have asked of this process; asking twice is asking once."""

    stop: asyncio.Event
    reload: asyncio.Event


class Bot:
    """Everything that runs, wired; ``serve`` makes it, lets it run until told to stop, and drains it."""

    def __init__(
        self,
        settings: Settings,
        path: Path,
        store: Storage,
        client: SlackClient,
        metrics: Metrics,
        *,
        around: Surroundings = REAL,
    ) -> None:
        self._path = path
        self._settings = settings
        self._secrets = settings.secrets()
        self._call_timeout = settings.tracking.call_timeout
        self._store = store
        self._client = client
        self._around = around
        self._clock = around.clock
        self._metrics = metrics
        self._accounts = Accounts(around.providers, around.clock, metrics)
        self._catalogue = CatalogueHolder(self._new_catalogue(settings))
        self._accounts.begin()
        self._crew = Crew(CREW)
        self._forms = Crew(FORMS)
        self._listening = Crew(1)
        self._ticker = Ticker(self._clock)
        self._setback = Setback(self._clock)
        self._hastened = False  # what waits, when the clock was last looked at
        self._rush = Rush()
        self._draining = False
        directory = SlackDirectory(client, clock=self._clock)
        self._wording = Wording(settings.slack.locale, command=settings.slack.command)
        limits = limits_of(settings)
        self._desk = Desk(
            store=store,
            directory=directory,
            catalogue=self._catalogue,
            clock=self._clock,
            new_id=around.new_id,
            limits=limits,
            wake=self._wake,
            home_opened=lambda: self._ticker.kick("homes"),
        )
        self._duties = Duties(
            store=store,
            directory=directory,
            catalogue=self._catalogue,
            clock=self._clock,
            limits=limits,
            wake=self._wake,
            submitted=lambda account: metrics.submissions.labels(account).inc(),
        )
        self._head = HourlyHead(store)
        self._publisher = self._make_publisher(client, directory)
        self._lobby = Lobby(
            store=store, homes=store, directory=directory, catalogue=self._catalogue, clock=self._clock
        )
        self._homes = HomeKeeper(
            store=store,
            lobby=self._lobby,
            client=client,
            directory=directory,
            links=self._publisher.links,
            pace=self._publisher.pace,
            circuit=self._publisher.circuit,
            wording=self._wording,
            clock=self._clock,
        )
        self._schedule()
        dispatch = self._make_dispatch(client, directory)
        self._closing = contextlib.AsyncExitStack()
        self._sockets = self._make_sockets(dispatch) if settings.slack.mode == "socket" else None
        self.web = self._make_web(None if self._sockets else self._make_ingress(dispatch))

    def _new_catalogue(self, settings: Settings) -> Catalogue:
        return build_catalogue(settings, self._accounts.prepare(settings))

    def _make_publisher(self, client: SlackClient, directory: SlackDirectory) -> Publisher:
        return Publisher(
            outbox=self._store,
            client=client,
            directory=directory,
            render=self._wording,
            clock=self._clock,
            random=self._around.random,
            undeliverable=self._desk.undeliverable,
            told=self._metrics.status_lag.observe,
        )

    def _make_dispatch(self, client: SlackClient, directory: SlackDirectory) -> Dispatch:
        command, wording = self._settings.slack.command, self._wording
        wording.warm_up()
        forms = Forms(
            client=client,
            offering=Offering(directory=directory, catalogue=self._catalogue),
            foreseen=Foresight(store=self._store, catalogue=self._catalogue, clock=self._clock).hindrance,
            wording=wording,
            crew=self._forms,
            take=self._publisher.pace.take,
            clock=self._clock,
        )
        listeners = Listeners(
            store=self._store,
            clock=self._clock,
            parse=partial(grammar.parse, command=command),
            say=wording,
            parse_choice=parse_choice,
            forms=forms,
            kick=lambda: self._ticker.kick("inbox"),
            directory=directory,
        )
        slack = SlackApp(client=client.web, listeners=listeners)

        async def dispatch(body: Body, headers: dict[str, str]) -> Answered:
            with self._rush:
                return await slack.dispatch(body, headers)

        return dispatch

    def _make_ingress(self, dispatch: Dispatch) -> Ingress:
        secret = self._settings.slack.signing_secret
        return Ingress(
            signing_secret=secret.get_secret_value() if secret else "",
            clock=self._around.machine or self._clock,
            dispatch=dispatch,
            intake_open=lambda: not self._draining,
            observe=self._metrics.ack.observe,
        )

    def _make_sockets(self, dispatch: Dispatch) -> SocketMode:
        around, metrics = self._around, self._metrics
        opener = opening_client(self._settings, metrics, around)
        dialer = around.web_sockets(secure=self._settings.slack.api_url.startswith("https:"))
        self._closing.push_async_callback(opener.close)
        self._closing.push_async_callback(dialer.close)
        envelopes = Envelopes(
            dispatch=dispatch, clock=self._clock, observe=metrics.ack.observe, count=metrics.socket_envelope
        )
        sockets = SocketMode(
            client=opener,
            dialer=dialer,
            envelopes=envelopes,
            parse=_honest,
            clock=self._clock,
            random=around.random,
            watch=metrics,
        )
        metrics.deaf.set_function(sockets.deaf)
        return sockets

    def _make_web(self, ingress: Ingress | None) -> Starlette:
        return create_app(
            ingress=ingress,
            readiness=self._readiness,
            metrics=self._metrics.render,
            metrics_type=self._metrics.content_type,
        )

    def _schedule(self) -> None:
        sweeps = Sweeps(
            store=self._store,
            desk=self._desk,
            duties=self._duties,
            clock=self._clock,
            crew=self._crew,
            rush=self._rush,
        )
        around = self._around
        tick = around.tick or TICK
        self._ticker.add("inbox", tick, sweeps.inbox)
        polls = around.tick or _tick(self._settings)
        self._ticker.add("operations", polls, sweeps.operations)
        self._ticker.add("publish", tick, self._publish)
        self._ticker.add("homes", around.tick or HOMES, self._show_homes)
        self._ticker.add("housekeeping", around.housekeeping, self._keep_house)
        self._ticker.add("retention", around.retention, self._forget_old)
        # Nothing is asked for the machine's own, and what is written while it is ahead for a moment waits for long.
        looked_at = tick if around.keep_time is None else ADJUSTED
        self._ticker.add("clock", around.tick or looked_at, self._keep_time)

    def _wake(self) -> None:
        self._ticker.kick("operations")
        self._ticker.kick("publish")

    async def _publish(self) -> None:
        if await self._publisher.sweep():
            self._ticker.kick("publish")

    async def _show_homes(self) -> None:
        wanted = await self._homes.sweep()
        # In a task of its own: what is stored is shown at once, whatever the clouds do.
        if wanted and self._crew.free:
            self._crew.start(self._read_for_homes(wanted), "home-readings")

    async def _read_for_homes(self, databases: Collection[str]) -> None:
        if await self._lobby.read(databases):
            self._ticker.kick("homes")

    async def _keep_house(self) -> None:
        self._metrics.publish_backlog.set(await self._store.backlog())
        counted = await self._store.count_operations()
        self._metrics.set_operations({status: counted.get(status, 0) for status in Status})
        await self._head.look(self._clock.now())

    async def _keep_time(self) -> None:
        if self._around.keep_time is not None:
            await self._around.keep_time()
        back = self._setback.by()
        if back:
            log.warning(
                "clock_set_back",
                seconds=round(back.total_seconds()),
                why="what waits is due at once",
            )
        # Once more at the next look: what others were just writing was passed over.
        if back or self._hastened:
            await self._store.hasten(self._clock.now())
            self._ticker.kick("inbox")
            self._wake()
        self._hastened = back > timedelta(0)
        self._setback.accept()

    async def _forget_old(self) -> None:
        await self._store.prune(self._clock.now(), KEEP_INBOX)

    async def _readiness(self) -> list[str]:
        reasons = [await self._store.ready()]
        if not self._ticker.running:
            reasons.append("the scheduler is not running")
        if self._draining:
            reasons.append("draining")
        return [reason for reason in reasons if reason]

    async def run(self, server: uvicorn.Server, listener: socket.socket, asked: _Asked) -> None:
        """Serves until asked to stop, then drains: no intake, what is under way finishes, what is decided is told."""
        lag = LoopLag(self._metrics.loop_lag.observe, self._clock)
        sampling = asyncio.create_task(lag.run(), name="loop-lag")
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="web")
        self.start()
        greeting = asyncio.create_task(self._greet_slack(), name="greeting")
        stopping = asyncio.create_task(asked.stop.wait(), name="stop")
        reloading = asyncio.create_task(self._reload_when(asked.reload), name="reload")
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        await self.drain()
        server.should_exit = True
        beside = (sampling, greeting, stopping, reloading)
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        await serving

    async def _greet_slack(self) -> None:
        # Serving does not wait for it: what comes in is recorded, and told once Slack answers.
        problem = await slack_problem(self._client)
        if problem:
            log.warning("slack_problem", problem=problem)

    async def _reload_when(self, asked: asyncio.Event) -> None:
        while await asked.wait():
            asked.clear()
            try:
                await self.reload()
            except Exception:
                # Nobody waits for it, and the next one must still be heard.
                log.exception("reload_broke")

    def start(self) -> None:
        """Lets the sweeps run: what was left behind is taken up, what comes in is worked on."""
        self._ticker.start()
        if self._sockets is not None:
            self._listening.start(self._sockets.run(), "socket-mode")

    async def drain(self) -> None:
        """Takes nothing in any more, lets what is under way finish within its limits, and tells what is decided."""
        log.info("draining")
        self._draining = self._duties.draining = True
        hit("draining")
        if self._sockets is not None:
            self._sockets.stop()
            await self._listening.join(LAST_ACKS)
        within = self._call_timeout.total_seconds() + DRAIN_MARGIN
        await self._ticker.stop(within)
        late = await self._crew.join(within) + await self._forms.join(FORMS_CLOSE)
        with contextlib.suppress(TimeoutError, StoreUnavailable):
            async with asyncio.timeout(LAST_WORDS):
                while await self._publisher.sweep():
                    pass
        log.info("drained", cut_short=late)
        hit("drained")

    async def close(self) -> None:
        """Closes the connections to the clouds, and those in Socket Mode."""
        await self._closing.aclose()
        await self._accounts.close()

    async def reload(self) -> bool:
        """Takes the databases, accounts, policies and times of the file, and says whether they are in force.

        A bad one changes nothing and is reported, and so is one that can't be recorded.
        """
        try:
            # In a thread: files and mounts behind them may be slow, and the loop must go on.
            fresh = await asyncio.to_thread(self._around.settings, self._path)
        except ConfigError as error:
            log.warning("configuration_rejected", problems=list(error.problems))
            return False
        # Those of every reload in between too: what it brought may still be in use, by databases taken out since.
        self._secrets |= fresh.secrets()
        self._around.logging(stream=sys.stderr, secrets=self._secrets)
        old = self._catalogue.current
        retired = {**old.retired, **old.databases}
        new = self._new_catalogue(fresh)
        gone = {name: database for name, database in retired.items() if name not in new.databases}
        # Recorded first: by what the trail does not know, nobody is judged.
        if not await self._recorded(fresh):
            await self._accounts.give_up()
            return False
        self._catalogue.current = replace(new, retired=gone)
        await self._accounts.take_effect(self._catalogue.current)
        self._desk.limits = self._duties.limits = limits_of(fresh)
        self._call_timeout = fresh.tracking.call_timeout
        log.info("configuration_reloaded", databases=len(fresh.databases))
        if keys := _needs_restart(self._settings, fresh):
            log.warning(
                "restart_needed", keys=keys, why="these keys differ from what the bot was started with"
            )
        return True

    async def _recorded(self, fresh: Settings) -> bool:
        """Records a configuration, and says whether the trail has it; if not, the one in force stays so.

        Where the answer to the commit is lost, nobody knows: to take the configuration could be to judge people by
        what the trail does not know, and to leave it could make the last one in the trail another than the one
        in force. So it is recorded again until the database says yes: a second row of the same is no lie.
        """
        in_doubt = False
        while True:
            try:
                await self._store.record_configuration(summary(fresh), self._clock.now())
            except StoreUnavailable as error:
                if not in_doubt and not isinstance(error, MaybeRecorded):
                    # A traceback would say no more.
                    log.error(  # noqa: TRY400
                        "configuration_not_recorded",
                        reason=str(error),
                        why="the one before stays in force: reload again once the database answers",
                    )
                    return False
                if not in_doubt:
                    log.warning(
                        "configuration_in_doubt",
                        reason=str(error),
                        why="the one before stays in force until this one is surely recorded",
                    )
                in_doubt = True
                await self._clock.sleep(RECORD_AGAIN)
            else:
                return True


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: ours drain first."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(path: Path) -> None:
    """Runs the bot until SIGTERM or SIGINT, then drains it. SIGHUP reloads the configuration.

    Raises:
        ConfigError: Every problem of the configuration, before anything was opened.
        StoreUnavailable: The database can't be used.
    """
    settings = load_settings(path)
    configure_logging(stream=sys.stderr, secrets=settings.secrets())
    async with contextlib.AsyncExitStack() as stack:
        asked = stack.enter_context(_signals())
        with _naming_the_database(settings):
            store, around = await _open_store(settings)
        stack.push_async_callback(store.close)
        listener = _listen(settings)
        stack.callback(listener.close)
        metrics = Metrics()
        client = slack_client(settings, metrics)
        stack.push_async_callback(client.close)
        bot = Bot(settings, path, store, client, metrics, around=around)
        stack.push_async_callback(bot.close)
        await store.record_configuration(summary(settings), around.clock.now())
        server = _Server(uvicorn.Config(bot.web, log_config=None, access_log=False, lifespan="off"))
        # What start-up made lives as long as the process: searching it for garbage would stop the loop for 0.1 s.
        gc.collect()
        gc.freeze()
        host, port = listener.getsockname()[:2]
        log.info(
            "listening",
            url=f"http://{_shown_host(host)}:{port}",
            database=settings.database.place,
            databases=len(settings.databases),
        )
        await bot.run(server, listener, asked)
    log.info("stopped")


def _listen(settings: Settings) -> socket.socket:
    host, port = settings.server.host, settings.server.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle off; without it an answer can wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ConfigError(
            [f"server.port: can't listen on {host}:{port} ({error.strerror}): choose another"]
        ) from None
    return listener


async def _open_store(settings: Settings) -> tuple[SqlStore, Surroundings]:
    url = settings.database.url.get_secret_value()
    alone = settings.database.backend == "sqlite"
    store = await connect(
        url,
        migrate=alone or settings.database.migrate_on_start,
        audit_channel=settings.slack.audit_channel,
    )
    try:
        return store, await take_over(store, REAL, alone=alone)
    except BaseException:
        await store.close()
        raise


async def take_over(store: Storage, around: Surroundings, *, alone: bool) -> Surroundings:
    """Makes a store ready for a new process, and gives the surroundings with the clock to go by there.

    Where the process is ``alone``, nobody else holds any claim, and its machine's clock is as good as any.

    Raises:
        StoreUnavailable: It can't be written to, or has another schema.
    """
    problem = await store.ready()
    if problem:
        raise StoreUnavailable(problem)
    if alone:
        await store.release_claims(around.clock.now())
        return around
    shared = SharedClock(around.clock, store.now)
    await shared.adjust()
    await store.hasten(shared.now())
    return replace(around, clock=shared, machine=around.clock, keep_time=shared.adjust)


@contextlib.contextmanager
def _signals() -> Iterator[_Asked]:
    """SIGTERM and SIGINT ask to stop, SIGHUP to reload, from before anything is opened until all of it is closed."""
    loop, asked = asyncio.get_running_loop(), _Asked(asyncio.Event(), asyncio.Event())
    loop.add_signal_handler(signal.SIGTERM, asked.stop.set)
    loop.add_signal_handler(signal.SIGINT, asked.stop.set)
    loop.add_signal_handler(signal.SIGHUP, asked.reload.set)
    try:
        yield asked
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.remove_signal_handler(number)


def _needs_restart(running: Settings, fresh: Settings) -> list[str]:
    """The keys that differ and that only a restart takes over."""
    differ = [
        f"{name}.{key}"
        for name in ("slack", "server", "database")
        for key, value in getattr(running, name)
        if value != getattr(getattr(fresh, name), key)
    ]
    if _tick(running) != _tick(fresh):
        differ.append("tracking.poll_interval")
    return [key for key in differ if key not in TAKEN_OVER]


def _tick(settings: Settings) -> timedelta:
    """How often operations are looked at."""
    return min(TICK, settings.tracking.poll_interval)


def summary(settings: Settings) -> dict[str, str]:
    """What of a configuration goes into the audit trail: who may do what, no secret."""
    summary = {
        f"databases.{name}": f"account {database.account}, policy {database.policy}"
        for name, database in settings.databases.items()
    }
    for name, policy in settings.policies.items():
        summary[f"policies.{name}"] = policy.model_dump_json(by_alias=True)
    return summary


def _honest(text: str) -> dict[str, Any] | None:
    """A message of Socket Mode, held to what the body of a request is held to; None: it is not."""
    try:
        return parse("application/json", text.encode())
    except Rejection:
        return None


def _shown_host(host: str) -> str:
    return f"[{host}]" if ":" in host else host

"""Logs and metrics: one JSON object a line with secrets taken out, and one Prometheus registry."""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from types import TracebackType
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

import structlog
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from structlog.types import EventDict, Processor, WrappedLogger

_MASK = "***"
_QUIET = ("aiohttp.access", "alembic", "apscheduler", "httpcore", "httpx", "uvicorn")
# A shorter "secret" opens no door, is most often a placeholder, and stands in every other word: to mask it
# everywhere would leave no log, and of no error a sentence.
_SHORTEST_SECRET = 4
_SECRET_KEY = re.compile(
    "secret|token|passw|access_?key|private_?key|api_?key|authorization|cookie|credential|response_url",
    re.IGNORECASE,
)
# Slack's tokens are known by sight, also those that nobody registered
_SLACK_TOKEN = re.compile(r"\b(?:xox[a-z](?:\.xox[a-z])?|xapp)-[\w-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x80-\x9f]")


def telling(secret: str) -> re.Pattern[str]:
    """Where a text tells a secret: anywhere; of one of a few characters only where it is quoted."""
    plain = re.escape(secret)
    if len(secret) >= _SHORTEST_SECRET:
        return re.compile(plain)
    return re.compile(rf"(?<=[\"'“`(\[{{=]){plain}(?=[\"'”`)\]}},;]|\s|$)")


class Redactor:
    """A structlog processor that takes secrets out of whatever is rendered: the last defence.

    Args:
        secrets: Values that are replaced wherever they stand, also in longer text, URL-encoded or escaped.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets if len(secret) >= _SHORTEST_SECRET for form in _forms(secret)}
        longest_first = sorted(forms, key=lambda form: (-len(form), form))
        self._secrets = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """The event with nothing secret in it."""
        return {self.text(str(key)): self._named(str(key), value) for key, value in event.items()}

    def text(self, text: str) -> str:
        """A text without secrets."""
        masked = self._secrets.sub(_MASK, text) if self._secrets else text
        return _SLACK_TOKEN.sub(_MASK, masked)

    def _named(self, key: str, value: Any) -> Any:
        if _SECRET_KEY.search(key) and value is not None and not isinstance(value, bool):
            return _MASK
        return self._value(value)

    def _value(self, value: Any) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            text = str(value)
            return value if self.text(text) == text else _MASK
        if isinstance(value, Mapping):
            return {self.text(str(key)): self._named(str(key), item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._value(item) for item in value]
        return self.text(value if isinstance(value, str) else _described(value))


def configure_logging(*, stream: TextIO, secrets: Iterable[str]) -> None:
    """Sends every log line of the process, ours and the libraries', to one stream. May be called again.

    Args:
        stream: Where lines go: readable text if it is a terminal, one JSON object a line if not.
        secrets: Values that must never be seen in them.
    """
    redactor = Redactor(secrets)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    handler = _Handler(stream)
    handler.setFormatter(_formatter(shared, redactor, readable=stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # a reload brings new secrets
    )
    sys.excepthook = _log_crash
    threading.excepthook = _log_thread_crash


def _formatter(shared: list[Processor], redactor: Redactor, *, readable: bool) -> logging.Formatter:
    last: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,  # plain tracebacks: source lines, never locals
        redactor,
    ]
    if readable:
        plain = structlog.dev.plain_traceback  # the exception is text by now
        last += [_harmless, structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]
    else:
        last.append(structlog.processors.JSONRenderer())
    return structlog.stdlib.ProcessorFormatter(processors=last, foreign_pre_chain=shared)


def _harmless(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """What somebody typed must not steer the terminal of whoever reads it."""
    return {
        key: _CONTROL.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else value
        for key, value in event.items()
    }


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # logging's own name
        # logging would print the record with its arguments, which nobody has redacted
        line = {"event": "log_line_broke", "level": "error", "logger": record.name}
        try:
            self.stream.write(json.dumps(line) + self.terminator)
            self.stream.flush()
        except (OSError, ValueError):
            return  # there is no other place to say it


def _log_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("bot").critical("crashed", exc_info=(kind, error, trace))


def _log_thread_crash(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _log_crash(args.exc_type, args.exc_value, args.exc_traceback)


def _forms(secret: str) -> set[str]:
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], repr(secret)[1:-1]}
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), *escaped}


def _described(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001  # a broken repr must not cost the line
        return f"<{type(value).__name__}>"


REMIND = 60.0
"""Seconds between two log lines of what keeps failing for the same reason."""

_PROVIDER_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_ACK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3)
_LOOP_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_STATUS_BUCKETS = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300)


class Reminder:
    """Of a trouble that goes on: said when it begins or changes, and then now and then.

    A line for each try would bury all others.
    """

    def __init__(self) -> None:
        self._said = ""
        self._at = 0.0

    def due(self, why: str, now: float) -> bool:
        """Whether it is to be said, at a time in seconds; it counts as said then."""
        if why == self._said and now - self._at < REMIND:
            return False
        self._said, self._at = why, now
        return True


class Metrics:
    """Every metric of the product, in a registry of its own: two in one process don't meet.

    Attributes:
        operations: How many operations there are, by status; set by ``set_operations``.
        ack: From the arrival of a Slack delivery to its answer.
        provider_request: One request to a cloud.
        slack_request: One request to Slack's Web API.
        status_lag: From the provider's end of a job to the thread being told.
        publish_backlog: Cards and replies that are behind the stored state.
        loop_lag: How late the event loop ran what was due.
        submissions: Requests to switch over that were sent.
        connections: How many connections in Socket Mode there are.
        deaf: For how long none of them has lasted or brought anything.
        reconnects: How often one had to be replaced, by reason.
        envelopes: What came through them, by what became of it.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.operations = Gauge(
            "switchover_operations", "Operations by status", ["status"], registry=registry
        )
        self.ack = Histogram(
            "switchover_ack_seconds",
            "From the arrival of a Slack delivery to its answer",
            buckets=_ACK_BUCKETS,
            registry=registry,
        )
        self.provider_request = Histogram(
            "switchover_provider_request_seconds",
            "Requests to the clouds",
            ["account", "call", "outcome"],
            buckets=_PROVIDER_BUCKETS,
            registry=registry,
        )
        self.slack_request = Histogram(
            "switchover_slack_request_seconds",
            "Requests to Slack's Web API",
            ["method", "outcome"],
            buckets=_PROVIDER_BUCKETS,
            registry=registry,
        )
        # Finding a series by its labels takes longer than counting in it.
        self._provider_series = cache(self.provider_request.labels)
        self._slack_series = cache(self.slack_request.labels)
        self.status_lag = Histogram(
            "switchover_status_lag_seconds",
            "From the provider's end of a job to the thread being told",
            buckets=_STATUS_BUCKETS,
            registry=registry,
        )
        self.publish_backlog = Gauge(
            "switchover_publish_backlog", "Cards and replies behind the stored state", registry=registry
        )
        self.loop_lag = Histogram(
            "switchover_loop_lag_seconds",
            "How late the event loop ran what was due",
            buckets=_LOOP_BUCKETS,
            registry=registry,
        )
        self.submissions = Counter(
            "switchover_submissions", "Requests to switch over that were sent", ["account"], registry=registry
        )
        self.connections = Gauge(
            "switchover_socket_connections", "Connections in Socket Mode", registry=registry
        )
        self.deaf = Gauge(
            "switchover_socket_deaf_seconds",
            "Since there was a connection in Socket Mode that lasted, or brought anything",
            registry=registry,
        )
        self.reconnects = Counter(
            "switchover_socket_reconnects",
            "Connections in Socket Mode that had to be replaced",
            ["reason"],
            registry=registry,
        )
        self.envelopes = Counter(
            "switchover_socket_envelopes",
            "Deliveries through Socket Mode",
            ["outcome"],
            registry=registry,
        )

    def set_operations(self, counts: Mapping[str, int]) -> None:
        """Sets the numbers of operations; to be given every status, those of which there are none included."""
        for status, count in counts.items():
            self.operations.labels(status).set(count)

    def provider_observer(self, account: str) -> Callable[[str, str, float], None]:
        """What is told of every finished call of one account's provider."""
        series = self._provider_series

        def observe(call: str, outcome: str, seconds: float) -> None:
            series(account, call, outcome).observe(seconds)

        return observe

    def observe_slack(self, method: str, outcome: str, seconds: float) -> None:
        """Notes one request to Slack's Web API."""
        self._slack_series(method, outcome).observe(seconds)

    def socket_connections(self, count: int) -> None:
        """Sets the number of connections in Socket Mode."""
        self.connections.set(count)

    def socket_reconnect(self, reason: str) -> None:
        """Notes that one of them had to be replaced."""
        self.reconnects.labels(reason).inc()

    def socket_envelope(self, outcome: str) -> None:
        """Notes what became of what came through one of them."""
        self.envelopes.labels(outcome).inc()

    content_type = CONTENT_TYPE_LATEST

    def render(self) -> bytes:
        """All of them as Prometheus text, whose type is ``content_type``."""
        return generate_latest(self.registry)

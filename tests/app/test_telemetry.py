"""Logs: one JSON object a line with nothing secret in it; metrics: the names of the contract."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from bot.telemetry import Metrics, Redactor, configure_logging

SECRET = "hunter2-and/more"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Broken(io.StringIO):
    def write(self, text: str, /) -> int:
        raise OSError(28, "No space left on device")


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, sys.excepthook, threading.excepthook)
    yield
    root.handlers[:], level, sys.excepthook, threading.excepthook = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    out = io.StringIO()
    configure_logging(stream=out, secrets=[SECRET])
    return out


def refuse(token: str) -> None:
    raise ValueError(f"refused {token}")


def only(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def test_a_line_has_event_level_timestamp_and_what_was_said(stream: io.StringIO) -> None:
    structlog.get_logger("bot.service").info("submission_started", account="qc", n=3, none=None)
    line = only(stream)
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() == timedelta(0)
    assert line == {
        "event": "submission_started",
        "level": "info",
        "logger": "bot.service",
        "account": "qc",
        "n": 3,
        "none": None,
    }


def test_the_operation_is_there_where_it_is_bound(stream: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(operation="SW-7K3M9Q"):
        logging.getLogger("httpx").warning("slow")
    assert only(stream)["operation"] == "SW-7K3M9Q"


def test_extra_of_the_standard_library_is_there(stream: io.StringIO) -> None:
    logging.getLogger("bot").info("polled %s", "twice", extra={"operation": "SW-7K3M9Q"})
    line = only(stream)
    assert (line["event"], line["operation"]) == ("polled twice", "SW-7K3M9Q")


@pytest.mark.parametrize("name", ["slack_bolt", "slack_sdk", "aiohttp", "apscheduler", "uvicorn", "alembic"])
def test_libraries_go_through_the_same_formatter(stream: io.StringIO, name: str) -> None:
    logging.getLogger(f"{name}.some.module").warning("took %s", SECRET)
    line = only(stream)
    assert (line["event"], line["level"]) == ("took ***", "warning")


@pytest.mark.parametrize(
    "name", ["apscheduler.executors.default", "httpx", "uvicorn.access", "aiohttp.access"]
)
def test_chatty_libraries_are_quiet(stream: io.StringIO, name: str) -> None:
    logging.getLogger(name).info("HTTP Request: GET …")
    assert stream.getvalue() == ""


ROOT = Path(__file__).parents[2]
SOURCES = [path for name in ("bot", "handlers", "providers") for path in sorted((ROOT / name).rglob("*.py"))]


LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


def log_calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "logger"), attr=attr)) if (
                attr in LEVELS
            ):
                yield node


def test_every_event_that_we_log_is_a_short_name_and_sentences_are_fields() -> None:
    events = [
        (path.relative_to(ROOT), call.lineno, call.args[0]) for path in SOURCES for call in log_calls(path)
    ]
    assert len(events) > 40
    assert [
        (str(path), line)
        for path, line, event in events
        if not (isinstance(event, ast.Constant) and re.fullmatch("[a-z][a-z_]{2,29}", str(event.value)))
        # the machine's events have names of that kind
        and ast.unparse(event) not in {"e.event_name(event)", "e.event_name(decision.event)"}
    ] == []


def test_a_traceback_is_one_line_without_secrets_or_locals(stream: io.StringIO) -> None:
    try:
        refuse(SECRET)
    except ValueError:
        structlog.get_logger().exception("failed")
    line = only(stream)
    assert "ValueError: refused ***" in line["exception"]
    assert SECRET not in stream.getvalue()


def test_warnings_are_lines_too(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("old", stacklevel=1)
    logging.captureWarnings(capture=False)
    assert only(stream)["logger"] == "py.warnings"


def test_a_crash_is_a_line_without_secrets(stream: io.StringIO) -> None:
    error = ValueError(SECRET)
    sys.excepthook(ValueError, error, None)
    line = only(stream)
    assert (line["event"], line["level"]) == ("crashed", "critical")
    assert SECRET not in stream.getvalue()


def test_a_crashed_thread_is_a_line(stream: io.StringIO) -> None:
    args = threading.ExceptHookArgs((ValueError, ValueError(SECRET), None, None))
    threading.excepthook(args)
    assert only(stream)["event"] == "crashed"


def test_ctrl_c_is_no_crash(stream: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert stream.getvalue() == ""
    assert "KeyboardInterrupt" in capsys.readouterr().err


def test_a_line_that_can_not_be_formatted_shows_no_arguments(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(stream=stream, secrets=[])  # pytest's own handlers have come in since the fixture
    logging.getLogger("bot").error("%d jobs", SECRET)
    assert only(stream)["event"] == "log_line_broke"
    assert capsys.readouterr().err == ""


def test_a_full_disk_stops_nothing() -> None:
    configure_logging(stream=Broken(), secrets=[])
    logging.getLogger("bot").error("lost")


def test_configuring_again_brings_the_new_secrets(stream: io.StringIO) -> None:
    log = structlog.get_logger()
    log.info("first")
    configure_logging(stream=stream, secrets=["another-one"])
    log.info("second another-one")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["first", "second ***"]


def test_a_terminal_gets_readable_text() -> None:
    out = Terminal()
    configure_logging(stream=out, secrets=[SECRET])
    try:
        refuse(SECRET)
    except ValueError:
        structlog.get_logger().exception("failed\x1b[2J", operation="SW-7K3M9Q")
    text = out.getvalue()
    assert "operation=SW-7K3M9Q" in text
    assert "ValueError: refused ***" in text
    assert SECRET not in text
    assert "\x1b" not in text


def redacted(event: dict[str, Any], *secrets: str) -> dict[str, Any]:
    return dict(Redactor(secrets)(None, "info", event))


class Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    "key",
    [
        "bot_token",
        "signing_secret",
        "Password",
        "access_key_id",
        "Authorization",
        "Set-Cookie",
        "response_url",
    ],
)
def test_a_key_named_like_a_secret_is_masked(key: str) -> None:
    assert redacted({"a": {key: ["x"], "b": 1}}) == {"a": {key: "***", "b": 1}}


def test_a_flag_about_a_secret_is_no_secret() -> None:
    assert redacted({"app_token_set": True, "token": None}) == {"app_token_set": True, "token": None}


def test_slack_tokens_are_known_by_sight() -> None:
    text = "xoxb-12-ab and xapp-1-A-b and xoxe.xoxp-1-x"
    assert redacted({"event": text}) == {"event": "*** and *** and ***"}


def test_other_forms_of_a_secret_are_masked() -> None:
    secret = 'p@ss/"word" \\é'
    forms = [
        repr(secret),
        json.dumps(secret),
        "p%40ss/%22word%22%20%5C%C3%A9",
        "p%40ss%2F%22word%22+%5C%C3%A9",
    ]
    for form in forms:
        assert "word" not in str(redacted({"event": form}, secret))


def test_a_number_that_is_a_secret_is_masked() -> None:
    assert redacted({"n": 86753, "m": 3}, "86753") == {"n": "***", "m": 3}


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert redacted({"event": "abcdefgh"}, "abcd", "abcdefgh") == {"event": "***"}


def test_a_secret_too_short_to_be_one_masks_nothing() -> None:
    assert redacted({"event": "a cat"}, "a", "") == {"event": "a cat"}


def test_a_value_that_can_not_be_shown_costs_no_line() -> None:
    assert redacted({"x": Unshowable()}) == {"x": "<Unshowable>"}


def texts_in(value: Any) -> Iterator[str]:
    """Every text, names of fields too."""
    match value:
        case dict():
            yield from (text for pair in value.items() for part in pair for text in texts_in(part))
        case list():
            yield from (text for each in value for text in texts_in(each))
        case str():
            yield value
        case _:
            pass


_secret = st.text(min_size=4, max_size=30).filter(lambda text: len(text.strip("*")) > 3)


@example(secret="text", before="")
@example(secret="event", before="")
@given(secret=_secret, before=st.text(max_size=5))
def test_a_registered_secret_is_never_rendered(secret: str, before: str) -> None:
    out = io.StringIO()
    text = before + secret
    configure_logging(stream=out, secrets=[secret])
    structlog.get_logger("bot").info(
        "said", text=text, nested=[{"x": (text,)}], error=ValueError(text), **{f"k{secret}": 1}
    )
    line = only(out)
    assert len(line) == len({"event", "level", "logger", "timestamp", "text", "nested", "error", "k"})
    assert not [text for text in texts_in(line) if secret in text]


# metrics

HISTOGRAMS = {
    "switchover_ack_seconds": [],
    "switchover_provider_request_seconds": ["account", "call", "outcome"],
    "switchover_slack_request_seconds": ["method", "outcome"],
    "switchover_status_lag_seconds": [],
    "switchover_loop_lag_seconds": [],
}


def filled() -> Metrics:
    metrics = Metrics()
    metrics.set_operations({"running": 2})
    metrics.ack.observe(0.002)
    metrics.provider_observer("qc")("submit", "accepted", 0.3)
    metrics.observe_slack("chat.update", "ok", 0.1)
    metrics.status_lag.observe(3)
    metrics.publish_backlog.set(4)
    metrics.loop_lag.observe(0.01)
    metrics.submissions.labels("qc").inc()
    return metrics


def samples(metrics: Metrics) -> dict[str, dict[str, str]]:
    text = metrics.render().decode()
    return {
        sample.name: {name: value for name, value in sample.labels.items() if name != "le"}
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_metric_of_the_contract_is_rendered() -> None:
    found = samples(filled())
    for name, labels in HISTOGRAMS.items():
        assert sorted(found[f"{name}_bucket"]) == sorted(labels)
        assert f"{name}_count" in found
    assert found["switchover_operations"] == {"status": "running"}
    assert found["switchover_publish_backlog"] == {}
    assert found["switchover_submissions_total"] == {"account": "qc"}
    assert all(name.startswith("switchover_") for name in found)


def test_the_content_type_is_prometheus_text() -> None:
    assert Metrics().content_type.startswith("text/plain; version=")


def test_a_status_nobody_is_in_any_more_counts_nothing() -> None:
    metrics = filled()
    metrics.set_operations({"verifying": 1, "running": 0})
    text = metrics.render().decode()
    assert 'switchover_operations{status="running"} 0.0' in text
    assert 'switchover_operations{status="verifying"} 1.0' in text


def test_two_in_one_process_do_not_meet() -> None:
    filled()
    assert "switchover_submissions_total{" not in Metrics().render().decode()

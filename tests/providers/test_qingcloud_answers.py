"""What answers of QingCloud are taken for."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.model import JobId, JobState
from bot.errors import Misconfigured, OutcomeUnknown, ProviderError, Refused, Throttled, Unavailable
from providers.qingcloud import answers
from providers.qingcloud.jobs import as_job

NO_WAIT = timedelta(0)
AS_PRINTED = """"{u'job_id': u'j-ewfq9j2fivi',
 u'service': u'assignmaster',\x20
 u'ret_code': 0,
 u'role': u'maininstance',
 u'action': u'RunClusterCustomServiceResponse',
 u'cluster_id': u'cl-ouhutv70'}\""""


def accepted(body: bytes, status: int = 200) -> JobId:
    return answers.accepted(status, body, cluster="cl-ouhutv70", retry_after=NO_WAIT)


@pytest.mark.parametrize(
    "text", [AS_PRINTED, AS_PRINTED[1:-1], json.dumps(AS_PRINTED[1:-1]), f"  {AS_PRINTED}\n"]
)
def test_the_vendors_printed_sample_is_understood(text: str) -> None:
    assert accepted(text.encode()) == "j-ewfq9j2fivi"


def test_a_byte_order_mark_does_no_harm() -> None:
    assert accepted(b'\xef\xbb\xbf{"ret_code": 0, "job_id": "j-1"}') == "j-1"


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').getcwd()",
        "{'job_id': __import__('os').getcwd()}",
        "{'ret_code': 0, 'job_id': 'j-' + 'x'}",
        "{" * 1000,
        "{'a':" * 1000 + "1" + "}" * 1000,
        "{-" + "-" * 50_000 + "1: 2}",
        "{'x': '" + "y" * 70_000 + "'}",
        "{1: 2}",
        "{'a', 'b'}",
        "{'\\d': 1",
        '"' + "\\" * 5 + '"',
        "[" * 100_000,
        "1" * 5000,
        "nothing",
        "",
    ],
)
def test_what_is_no_plain_object_is_nothing(text: str) -> None:
    assert answers.payload(text.encode()) is None


@given(st.binary(max_size=300))
def test_no_bytes_surprise_the_parser(body: bytes) -> None:
    found = answers.payload(body)
    assert found is None or isinstance(found, dict)


@given(st.binary(max_size=200), st.sampled_from([200, 204, 302, 400, 404, 429, 500, 503]))
def test_a_submission_gets_a_job_or_one_of_three_errors(body: bytes, status: int) -> None:
    with suppress(Refused, Throttled, OutcomeUnknown):
        assert accepted(body, status)


@pytest.mark.parametrize(
    ("code", "expected"), [("0", 0), (1400, 1400), ("x", None), (True, None), (None, None), (1.0, None)]
)
def test_codes_are_whole_numbers(code: object, expected: int | None) -> None:
    assert answers.ret_code({"ret_code": code}) == expected


READS: list[tuple[int, bytes, type[ProviderError]]] = [
    (200, b'{"ret_code": 1100}', Refused),
    (200, b'{"ret_code": 2100}', Refused),
    (200, b'{"ret_code": 1200}', Misconfigured),
    (200, b'{"ret_code": 1300}', Misconfigured),
    (200, b'{"ret_code": 1400}', Misconfigured),
    (200, b'{"ret_code": 3300}', Misconfigured),
    (200, b'{"ret_code": 2500}', Throttled),
    (429, b"", Throttled),
    (200, b'{"ret_code": 5000}', Unavailable),
    (200, b'{"ret_code": 5100}', Unavailable),
    (200, b'{"ret_code": 5300}', Unavailable),
    (200, b'{"ret_code": 31337}', Unavailable),
    (200, b"<html>", Unavailable),
    (200, b'{"job_set": []}', Unavailable),
    (503, b'{"ret_code": 0}', Unavailable),
    (404, b"<html>", Misconfigured),
    (301, b"", Misconfigured),
]


@pytest.mark.parametrize(("status", "body", "expected"), READS)
def test_reads_fail_by_what_may_be_done_next(status: int, body: bytes, expected: type[ProviderError]) -> None:
    with pytest.raises(ProviderError) as caught:
        answers.read(status, body, retry_after=NO_WAIT)
    assert type(caught.value) is expected


PHRASES = {5000: "internal-error", 5100: "busy-or-timed-out", 5300: "updating", 31337: "unknown-code"}


@pytest.mark.parametrize("code", PHRASES)
def test_what_is_documented_is_not_called_unknown(code: int) -> None:
    """The code itself goes with the error, of reads and of submissions."""
    body = json.dumps({"ret_code": code, "message": "Oops"}).encode()
    for ask in (lambda: accepted(body), lambda: answers.read(200, body, retry_after=NO_WAIT)):
        with pytest.raises(ProviderError) as caught:
            ask()
        assert caught.value.code == str(code)
        assert caught.value.meaning == ("cloud-answered", {"what": PHRASES[code], "said": "Oops"})


def test_the_code_of_an_answer_that_decides_nothing_is_kept() -> None:
    with pytest.raises(OutcomeUnknown) as caught:
        accepted(b'{"ret_code": 5100}', status=500)
    assert (caught.value.code, caught.value.lost) == ("5100", False)


def test_the_providers_words_are_passed_on_without_credentials() -> None:
    said = {"message": "denied,\n signature=abc%3D access_key_id: QYX passwd='hunter2' for cl-1 " + "x" * 999}
    words = answers.words(said)
    assert words.startswith("denied, signature=… access_key_id: …")
    assert "hunter2" not in words
    assert "for cl-1" in words
    assert len(words) <= 300


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("pending", JobState.RUNNING),
        ("working", JobState.RUNNING),
        ("successful", JobState.DONE),
        ("failed", JobState.FAILED),
        ("done with failure", JobState.FAILED),
        ("paused", JobState.RUNNING),
        ("", JobState.RUNNING),
    ],
)
def test_job_words_become_states(word: str, state: JobState) -> None:
    row = {"job_id": "j-1", "status": word, "error_codes": "4711", "directive": '{"passwd":"hunter2"}'}
    job = as_job(row)
    assert job is not None
    assert (job.state, job.word) == (state, word)
    assert job.detail == ("4711" if state is JobState.FAILED else "")
    assert "hunter2" not in repr(job)


def test_a_row_without_an_id_is_no_job() -> None:
    assert as_job({"status": "working"}) is None

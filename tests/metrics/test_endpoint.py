"""How a judge is asked: troubles, the deadline, the key, what is kept."""

import json
import random
import re
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from judge_double import (
    CORRECT,
    KEY,
    SCORES,
    JudgeDouble,
    body,
    completion,
    judged,
    record,
    slow,
    status,
)

from metrics.score import METRICS


@pytest.mark.parametrize("metric", [CORRECT, SCORES])
def test_scoring_again_asks_nothing_in_any_order(metric: str, judge: JudgeDouble, options: dict[str, Any]) -> None:
    rng = random.Random(0)
    rows = [record(n, rng.choice("abc"), rng.choice("abc"), group=f"g{n % 5}", subset=f"t{n % 2}") for n in range(30)]
    first = judged(rows, metric, options)
    asked = len(judge.requests)
    assert asked == len({(row["raw"], row["references"][0]) for row in rows}) <= 9, "a request for each different text"
    again = judged(rng.sample(rows, len(rows)), metric, {**options, "concurrency": 1})
    assert again == first and len(judge.requests) == asked
    assert judged(rows, metric, {**options, "cache": options["cache"] + "2", "concurrency": 1}) == first
    assert len(judge.requests) == 2 * asked
    other = {**options, "model": "another"}
    assert judged(rows, metric, other).signature != first.signature and len(judge.requests) == 3 * asked


def test_what_is_kept_holds_no_key_and_broken_entries_are_asked_again(
    judge: JudgeDouble, options: dict[str, Any]
) -> None:
    rows = [record(n, f"answer {n}", f"answer {n}") for n in range(6)]
    first = judged(rows, CORRECT, options)
    files = sorted(Path(options["cache"]).rglob("*"))
    entries = [file for file in files if file.is_file()]
    assert len(entries) == 6 and all(file.suffix == ".json" for file in entries)
    assert all(KEY not in file.read_text() for file in entries)
    damages = [b"", b"{", b"[]", b"\xff\xfe", b'{"key": "x"}', entries[0].read_bytes()]
    for entry, damage in zip(entries, damages, strict=True):
        entry.write_bytes(damage)
    del judge.requests[:]
    assert judged(rows, CORRECT, options) == first
    assert len(judge.requests) == 6
    assert judged(rows, CORRECT, options) == first and len(judge.requests) == 6


@pytest.mark.parametrize(
    "trouble",
    [
        status(429, Retry_After="0"), status(500), status(503), status(529), status(408), body(b""), body(b"{"), body(b"[]"), body(b"null"),
        body(b'{"choices": []}'), body(b'{"choices": [{"message": null}]}'), body(completion(7)), body(completion("x", usage={"prompt_tokens": "x"})),
        body(b'{"error": "x"}'), status(200, "{" * 9000), status(200, "short", Content_Length="9"),
    ],
)  # fmt: skip
def test_troubles_that_pass(trouble: Any, judge: JudgeDouble, options: dict[str, Any]) -> None:
    judge.script = [trouble, trouble]
    assert judged([record(1, "a", "a")], CORRECT, options).value == 100
    assert len(judge.requests) == 3


def test_a_reply_that_quotes_the_key_is_kept_without_it(judge: JudgeDouble, options: dict[str, Any]) -> None:
    judge.after = body(completion(f"You sent Bearer {KEY}"))
    judged([record(1, "a", "a")], CORRECT, options)
    kept = [file.read_text() for file in Path(options["cache"]).rglob("*.json")]
    assert kept and all(KEY not in text and "Bearer ***" in text for text in kept)


@pytest.mark.parametrize("wait", ["1", format_datetime(datetime.now(UTC) + timedelta(days=1)), "soon", "-5"])
def test_retry_after_is_respected(wait: str, judge: JudgeDouble, options: dict[str, Any]) -> None:
    judge.script = [status(429, Retry_After=wait)]
    started = time.perf_counter()
    only = judged([record(1, "a", "a")], CORRECT, options)
    waited = time.perf_counter() - started
    if "GMT" in wait or "+0000" in wait:
        assert only.value is None and "asks to wait" in str(only.unavailable) and len(judge.requests) == 1
    else:
        assert only.value == 100 and (waited >= 1) == (wait == "1")


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (status(429, "slow down"), "gave no answer in 3 attempts: 429 Too Many Requests slow down, asked about s00"),
        (status(500, "oh\nno"), "gave no answer in 3 attempts: 500 Internal Server Error oh no"),
        (status(401, f"bad key {KEY}"), r"says 401 Unauthorized bad key \*\*\*, asked about"),
        (status(404, "no such model"), "says 404 Not Found no such model"),
        (status(400, "no such option"), "refuses all 3 requests: 400 Bad Request no such option"),
        (status(302, "", Location="http://127.0.0.1:9/"), "says 302 Found"),
        (body(b"<html>"), "the reply '<html>' is no chat completion"),
        (body(f'{{"echo": "Bearer {KEY}"}}'.encode()), r"the reply .*Bearer \*\*\*.* is no chat completion"),
        (status(401, f"{'x' * 290} {KEY}"), r"says 401 Unauthorized x+ \*\*\*"),
        (body(completion("x", usage={"prompt_tokens": -5})), "is no chat completion"),
        (body(completion("x", usage={"prompt_tokens": 10**4000})), "is no chat completion"),
        (slow(0.5), "gave no answer in 3 attempts: timed out"),
    ],
)
def test_troubles_that_stay_leave_no_value(
    trouble: Any, message: str, judge: JudgeDouble, options: dict[str, Any]
) -> None:
    judge.after = trouble
    only = judged([record(n, f"{n}", f"{n}") for n in range(3)], CORRECT, {**options, "timeout": 0.1})
    assert (only.value, only.ci95, only.n, only.details) == (None, None, 3, None)
    assert only.unavailable is not None and KEY not in only.unavailable
    assert re.search(message, only.unavailable), only.unavailable


def test_nobody_there(options: dict[str, Any], judge: JudgeDouble) -> None:
    judge.close()
    only = judged([record(1, "a", "a")], CORRECT, {**options, "retries": 0})
    assert only.value is None and "refused" in str(only.unavailable)


def test_what_was_answered_before_a_trouble_is_kept(judge: JudgeDouble, options: dict[str, Any]) -> None:
    rows = [record(n, f"{n}", f"{n}") for n in range(5)]
    judge.script = [lambda double, request: double.after(double, request)] * 3 + [status(401)]
    assert judged(rows, CORRECT, {**options, "concurrency": 1}).value is None
    assert len(judge.requests) <= 5
    before = len(list(Path(options["cache"]).rglob("*.json")))
    assert before >= 3
    del judge.requests[:]
    assert judged(rows, CORRECT, options).value == 100
    assert len(judge.requests) == 5 - before


def test_one_refused_request_is_unjudged_and_asked_again_later(judge: JudgeDouble, options: dict[str, Any]) -> None:
    rows = [record(1, "x" * 100_000, "a"), record(2, "a", "a")]
    judge.script = [status(413, "too long")]
    only = judged(rows, CORRECT, {**options, "concurrency": 1})
    assert only.details is not None and only.details["unjudged"] == 1 and only.value in (0, 50)
    assert judged(rows, CORRECT, options).value == 50 and len(judge.requests) == 3


def test_the_key_is_in_one_header_only(
    judge: JudgeDouble, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    only = judged([record(1, "a", "a")], CORRECT, options)
    assert [headers["Authorization"] for headers in judge.headers] == [f"Bearer {KEY}"]
    assert KEY not in json.dumps([judge.requests, judge.paths, only.to_dict()])
    assert KEY not in repr(METRICS[CORRECT](options=options)._endpoint())  # type: ignore[attr-defined]
    judged([record(1, "b", "a")], CORRECT, {**options, "key_variable": None})
    assert "Authorization" not in judge.headers[-1]
    monkeypatch.setenv("JUDGE_KEY", f" {KEY}\n")
    judged([record(1, "c", "a")], CORRECT, options)
    assert judge.headers[-1]["Authorization"] == f"Bearer {KEY}"


def test_requests_run_side_by_side_within_bounds(judge: JudgeDouble, options: dict[str, Any]) -> None:
    judge.after = slow(0.05)
    only = judged([record(n, f"{n}", f"{n}") for n in range(20)], CORRECT, {**options, "concurrency": 4})
    assert only.value == 100 and 2 <= judge.most_at_once <= 4


def test_where_replies_are_kept(
    judge: JudgeDouble, options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    judged([record(1, "a", "a")], CORRECT, {**options, "cache": None})
    assert len(list((tmp_path / "xdg/alm-eval/judge").rglob("*.json"))) == 1
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    judged([record(1, "a", "a")], CORRECT, {**options, "cache": None})
    assert len(list((tmp_path / "home/.cache/alm-eval/judge").rglob("*.json"))) == 1
    (tmp_path / "file").touch()
    only = judged([record(1, "a", "a")], CORRECT, {**options, "cache": str(tmp_path / "file")})
    assert only.value is None and "set option cache" in str(only.unavailable)

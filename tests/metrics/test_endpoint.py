"""How a judge is asked: troubles, the deadline, the key, what is kept."""

import json
import os
import random
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import chain, repeat
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
    only_for,
    raw_server,
    record,
    says,
    slow,
    status,
    texts_of,
)  # fmt: skip

from metrics.score import METRICS, Score


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


@pytest.mark.parametrize("wait", ["1", "tomorrow", "soon", "-5", "nan", f"Mon, 1 Jan {9**30} 1:1:1 +{9**30}"])
def test_retry_after_is_respected(wait: str, judge: JudgeDouble, options: dict[str, Any]) -> None:
    tomorrow = format_datetime(datetime.now(UTC) + timedelta(days=1))
    judge.script = [status(429, Retry_After=tomorrow if wait == "tomorrow" else wait)]
    started = time.perf_counter()
    only = judged([record(1, "a", "a")], CORRECT, options)
    waited = time.perf_counter() - started
    if wait == "tomorrow":
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
        (
            status(400, "no such option"),
            r"no verdict on any of the 3 answers .*\(refused: 400 Bad Request no such option\)",
        ),
        (status(302, "", Location="http://127.0.0.1:9/"), "says 302 Found"),
        (status(308, "", Location="http://[/"), "says 308 Permanent Redirect"),
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


def test_broken_parts_of_a_reply_are_tried_again(judge: JudgeDouble, options: dict[str, Any]) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for part in (b"-5\r\nabc\r\n", b"zz\r\n", b"9\r\nshort"):
        with raw_server(lambda part=part: [chunked + part]) as url:  # type: ignore[misc]
            only = judged([record(1, "a", "a")], CORRECT, {**options, "url": url})
            assert "gave no answer in 3 attempts" in str(only.unavailable)
    with raw_server(lambda: [b"\x1b[2J\x07\x00 bell" * 9000]) as url:
        only = judged([record(1, "a", "a")], CORRECT, {**options, "url": url})
        assert str(only.unavailable).isprintable() and len(str(only.unavailable)) < 1000


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
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)  # a container's user that the system does not know
    homeless = judged([record(1, "a", "a")], CORRECT, {**options, "cache": None})
    assert homeless.value is None and "no home folder is known for ~/.cache; write" in str(homeless.unavailable)
    (tmp_path / "file").touch()
    only = judged([record(1, "a", "a")], CORRECT, {**options, "cache": str(tmp_path / "file")})
    assert only.value is None and "set option cache" in str(only.unavailable)


OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = completion("x")


def slowly(*parts: bytes) -> Iterator[bytes]:
    for part in parts:
        for place in range(len(part)):
            time.sleep(0.04)
            yield part[place : place + 1]


@pytest.mark.parametrize(
    "parts",
    [
        lambda: slowly(OK * 9),
        lambda: chain([OK], slowly(b"X: y\r\n" * 9)),
        lambda: chain([OK + b"Content-Length: %d\r\n\r\n" % len(WHOLE)], slowly(WHOLE)),
        lambda: chain([OK + b"Transfer-Encoding: chunked\r\n\r\n"], repeat(b"1\r\n \r\n")),
        lambda: chain([OK + b"Transfer-Encoding: chunked\r\n\r\n"], slowly(b"1\r\n \r\n" * 99)),
        lambda: chain([b"HTTP/1.1 500 No\r\n\r\n"], slowly(WHOLE)),
        lambda: repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
        lambda: slowly(b"HTTP/1.1 100 Continue\r\n\r\n" * 9),
    ],
)  # fmt: skip
def test_no_server_holds_a_request_beyond_its_time(parts: Any, judge: JudgeDouble, options: dict[str, Any]) -> None:
    with raw_server(parts) as url:
        started = time.perf_counter()
        only = judged([record(1, "a", "a")], CORRECT, {**options, "url": url, "timeout": 0.5, "retries": 0})
        assert only.value is None and time.perf_counter() - started < 2
    assert re.search("gave no answer in 1 attempts: (timed out|500 No|the reply .* is no chat)", str(only.unavailable))


def test_what_is_slow_but_in_time_is_read(judge: JudgeDouble, options: dict[str, Any]) -> None:
    with raw_server(lambda: chain(slowly(b"HTTP/1.1 100 Continue\r\n\r\n"), slowly(OK), [b"\r\n" + WHOLE])) as url:
        only = judged([record(1, "a", "a")], CORRECT, {**options, "url": url, "timeout": 30})
    assert "a reply ends with 'x'" in str(only.unavailable)


def test_who_waits_to_try_again_holds_up_nothing(judge: JudgeDouble, options: dict[str, Any]) -> None:
    waits, refuses = status(429, Retry_After="60"), status(401)
    judge.after = lambda double, request: (refuses if texts_of(request)[1][-1][1] == "b" else waits)(double, request)
    rows = [record(1, "a", "a"), record(2, "b", "a")]
    started = time.perf_counter()
    assert "says 401" in str(judged(rows, CORRECT, options).unavailable)
    assert time.perf_counter() - started < 20


def test_what_is_refused_each_time_does_not_cost_the_value(judge: JudgeDouble, options: dict[str, Any]) -> None:
    judge.after = only_for("long", status(400, "too long"))
    rows = [record(1, "long", "a"), record(2, "a", "a")]
    first = judged(rows, CORRECT, options)
    assert (first.value, first.unjudged) == (50, 1)
    assert judged(rows, CORRECT, options) == first and len(judge.requests) == 3


@pytest.mark.parametrize("key", ["1", "e", "EMPTY", "choices"])
def test_a_word_for_a_key_mars_no_reply(
    key: str, judge: JudgeDouble, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", key)
    assert judged([record(1, "a", "a")], SCORES, options).value == 9


def test_a_key_is_found_however_json_writes_it(
    judge: JudgeDouble, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", "ab/cd/efgh")
    for sent in (rb"ab\/cd\/efgh", rb"ab\u002fcd\u002Fefgh", b"ab/cd/efgh"):
        judge.after = body(completion("You sent KEY").replace(b"KEY", sent))
        judged([record(1, f"{sent!r}", "a")], CORRECT, options)
    judge.after = body(rb'{"error": "ab\/cd\/efgh"}')
    only = judged([record(1, "x", "a")], CORRECT, options)
    kept = [file.read_text() for file in Path(options["cache"]).rglob("*.json")]
    assert len(kept) == 3 and all("You sent ***" in text for text in kept)
    assert "***" in str(only.unavailable) and "efgh" not in str(only.unavailable)


def test_two_at_once_go_by_one_reply(judge: JudgeDouble, options: dict[str, Any]) -> None:
    """Two scorings with one cache, and a judge that says something else each time: the numbers agree with the cache."""
    judge.after = lambda double, request: says(f"SCORES NUMBER: 9 {1 + len(double.requests) % 9}")(double, request)
    rows = [record(n, f"{n}", "a") for n in range(40)]
    found: list[Score] = []
    threads = [threading.Thread(target=lambda: found.append(judged(rows, SCORES, options))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asked = len(judge.requests)
    found.append(judged(rows, SCORES, options))
    assert found[0] == found[1] == found[2] and len(judge.requests) == asked
    assert not [path for path in Path(options["cache"]).rglob("*") if "part" in path.name]

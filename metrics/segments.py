"""Who spoke when, as answers and references say it: JSON lists of segments, RTTM lines, STM lines."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metrics.base import MetricError, Row

LATEST = 1e7  # seconds, either side of 0; beyond is no time of a recording


@dataclass(frozen=True)
class Segment:
    """One speaker from `start` to `end` in seconds, with words where they are said."""

    speaker: str
    start: float
    end: float
    words: str = ""


def segments_of(text: str | None, timed: bool = True) -> list[Segment] | None:
    """Segments of a text, None where it cannot be read. Unless they are to be `timed`, all of a JSON list may lack
    start and end; they then stand in order, at 0.

    A JSON list `[{"speaker": "A", "start": 0.0, "end": 1.5, "words": "hello"}, ...]` (`text` may stand for `words`); or
    RTTM, `SPEAKER file 1 onset duration <NA> <NA> A <NA> <NA>`, other kinds of line skipped; or STM, `file 1 A start
    end words`. Comments (`;;`) and empty lines are skipped. One line or segment that cannot be read spoils the text.
    """
    text = (text or "").strip()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return _of_lines(text)
    if not isinstance(found, list):
        return None
    if not timed and all(isinstance(item, dict) and not {"start", "end"} & item.keys() for item in found):
        found = [item | {"start": 0, "end": 0} for item in found]
    return _whole([_of_item(item) for item in found])


def check_segments(row: Row, words: bool) -> None:
    """Raise a MetricError where the reference is not one list of segments, with words if so asked."""
    if len(row.references) != 1:
        raise MetricError(f"{len(row.references)} references; who spoke when has one, a list of segments")
    segments = segments_of(row.references[0], timed=not words)
    if segments is None:
        raise MetricError(
            f"the reference {row.references[0][:80]!r} is no list of segments (JSON, RTTM or STM) with speaker, start"
            " and end in seconds"
        )
    if words and any(not segment.words.strip() for segment in segments):
        raise MetricError("a segment of the reference has no 'words'; each needs what was said")


def regions_of(row: Row) -> list[tuple[float, float]] | None:
    """The scored regions of a recording, field `uem`: [start, end] in seconds or a list of such; None without it."""
    uem = row.fields.get("uem")
    if uem is None:
        return None
    pairs = [uem] if isinstance(uem, list | tuple) and uem and not isinstance(uem[0], list | tuple) else uem
    if isinstance(pairs, list | tuple):
        regions = [_region(pair) for pair in pairs]
        if regions and None not in regions:
            return [region for region in regions if region]
    raise MetricError(f"the field 'uem' is {uem!r}; write [start, end] in seconds, or a list of such")


def _region(pair: Any) -> tuple[float, float] | None:
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        return None
    start, end = map(_seconds, pair)
    return None if start is None or end is None or start >= end else (start, end)


def _of_item(item: Any) -> Segment | None:
    if not isinstance(item, dict):
        return None
    start, end = _seconds(item.get("start")), _seconds(item.get("end"))
    speaker, words = item.get("speaker"), item.get("words", item.get("text", ""))
    if isinstance(words, list) and all(isinstance(word, str) for word in words):
        words = " ".join(words)
    if start is None or end is None or start > end or not isinstance(words, str):
        return None
    return Segment(str(speaker), start, end, words) if isinstance(speaker, str | int) else None


def _of_lines(text: str) -> list[Segment] | None:
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith(";;")]
    if any(line[0] == "SPEAKER" for line in lines):
        return _whole([_of_rttm(line) for line in lines if line[0] == "SPEAKER"])
    return _whole([_of_stm(line) for line in lines]) if lines else None


def _of_rttm(line: Sequence[str]) -> Segment | None:
    if len(line) < 8:
        return None
    start, duration = _number(line[3]), _number(line[4])
    return None if start is None or duration is None or duration < 0 else Segment(line[7], start, start + duration)


def _of_stm(line: Sequence[str]) -> Segment | None:
    if len(line) < 5:
        return None
    start, end = _number(line[3]), _number(line[4])
    words = line[6:] if len(line) > 5 and line[5].startswith("<") and line[5].endswith(">") else line[5:]  # <o,f0,male>
    return None if start is None or end is None or start > end else Segment(line[2], start, end, " ".join(words))


def _whole(segments: list[Segment | None]) -> list[Segment] | None:
    kept = [segment for segment in segments if segment is not None]
    return kept if len(kept) == len(segments) else None


def _number(text: str) -> float | None:
    try:
        return _seconds(float(text))
    except ValueError:
        return None


def _seconds(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not -LATEST <= value <= LATEST:
        return None
    return float(value) if math.isfinite(value) else None

"""Answers with times in them: events and spans, as JSON, as lines of text, or between time stamps."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LONGEST = 1e6
"""Seconds; a time beyond (eleven days) is no time."""

_STAMP = re.compile(r"<\|(\d+(?:\.\d+)?)\|>", re.ASCII)
_TAG = re.compile(r"<\|[^|<>]*\|>")
_FENCE = re.compile(r"```(?:json)?\s*\n(.*)\n```", re.DOTALL)
_NUMBER = r"(\d+(?:\.\d*)?|\.\d+)"
_UNIT = r"(?: ?(?:s|sec|second|seconds))?"
_SPAN = re.compile(rf"{_NUMBER}{_UNIT} ?(?:-|–|—|to) ?{_NUMBER}{_UNIT}(?: ?\( ?{_NUMBER} ?\))?", re.ASCII)
_KEYS = (("event_label", "label", "event"), ("onset", "start"), ("offset", "end"), ("score", "confidence"))


@dataclass(frozen=True)
class Event:
    """What sounds from when to when."""

    label: str
    """Its class; empty for a span without one."""
    onset: float
    """Seconds, 0 or more."""
    offset: float
    """Seconds, not before the onset."""
    score: float | None = None
    """How sure the answer is of it, where it says so."""


def read_events(text: str) -> list[Event] | None:
    """The labelled events of a text, or None where it cannot be read as a whole: nothing is guessed, no part is taken.

    - JSON: a list of `{"event_label": "dog", "onset": 1.2, "offset": 3.4}`, or one of them; `label` or `event`, `start`
      and `end` are read too, further keys are left alone; a Markdown fence around it is removed.
    - Time stamps as Whisper and Qwen-Audio emit them, `<|1.20|>dog<|3.40|><|5.00|>cat<|6.00|>`: a text between two
      stamps that follow each other is an event; other tags and `<|sil|>` are none, nor is text outside of the stamps.
    - Lines (or parts between `;`): `dog: 1.2-3.4`, `dog: 1.2 s to 3.4 s, 5-6`; a bullet may come before.
    - An empty text, `[]` or `none` is no event.
    """
    events = _read(text)
    return events if events is not None and all(event.label for event in events) else None


def read_spans(text: str) -> list[Event] | None:
    """The spans of a text, with a label or without, best first: by score where they have one, else as they stand.

    Beside what `read_events` reads: JSON `[1.2, 3.4]`, `[1.2, 3.4, score]` and lists of them, text `1.2-3.4` or
    `1.2-3.4 (0.9)`, stamps without a text between, `<|1.20|><|3.40|>`. None where the text cannot be read, or where
    some spans have a score and others have none.
    """
    spans = _read(text)
    if not spans or all(span.score is None for span in spans):
        return spans
    if any(span.score is None for span in spans):
        return None
    return sorted(spans, key=lambda span: -(span.score or 0.0))


def _read(text: str) -> list[Event] | None:
    text = text.strip()
    fenced = _FENCE.fullmatch(text) if text.startswith("```") else None
    text = fenced[1].strip() if fenced else text
    if not text or text.casefold().rstrip(".") == "none":
        return []
    if text[0] in "[{":
        return _from_json(text)
    return _from_stamps(text) if _STAMP.search(text) else _from_lines(text)


def _from_json(text: str) -> list[Event] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict) or (isinstance(value, list) and value and not isinstance(value[0], dict | list)):
        value = [value]
    return _all([_event_of(item) for item in value])


def _event_of(item: Any) -> Event | None:
    if isinstance(item, dict):
        label, onset, offset, score = (next((item[key] for key in keys if key in item), None) for keys in _KEYS)
        return _event("" if label is None else label, onset, offset, score)
    if isinstance(item, list) and len(item) in (2, 3):
        return _event("", *item)
    return None


def _from_stamps(text: str) -> list[Event] | None:
    parts = _STAMP.split(text)  # text, time, text, time, ..., text
    times = [float(part) for part in parts[1::2]]
    labels = [_TAG.sub("", part).strip() for part in parts[2:-1:2]]
    if any(labels):
        spans = zip(labels, times, times[1:], strict=False)
        return _all([_event(label, onset, offset) for label, onset, offset in spans if label])
    if len(times) % 2:
        return None
    return _all([_event("", onset, offset) for onset, offset in zip(times[::2], times[1::2], strict=True)])


def _from_lines(text: str) -> list[Event] | None:
    events: list[Event | None] = []
    for line in re.split(r"[\n;]", text):
        words = line.split()
        if words and words[0] in ("-", "*", "•"):
            words = words[1:]
        label, _, spans = " ".join(words).rpartition(":")
        for span in spans.split(",") if words else ():
            found = _SPAN.fullmatch(span.strip())
            events.append(_event(label, *(None if t is None else float(t) for t in found.groups())) if found else None)
    return _all(events)


def _event(label: Any, onset: Any, offset: Any, score: Any = None) -> Event | None:
    """An event, where all of it is sound."""
    times = [_seconds(onset), _seconds(offset)]
    sure = None if score is None else _finite(score)
    if not isinstance(label, str) or times[0] is None or times[1] is None or times[1] < times[0]:
        return None
    return None if score is not None and sure is None else Event(label.strip(), times[0], times[1], sure)


def _seconds(value: Any) -> float | None:
    number = _finite(value)
    return number if number is not None and 0 <= number <= LONGEST else None


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300 or not math.isfinite(value):
        return None
    return float(value)


def _all(events: Sequence[Event | None]) -> list[Event] | None:
    found = [event for event in events if event is not None]
    return found if len(found) == len(events) else None

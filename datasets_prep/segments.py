"""Stretches of long recordings, as tables tell of them: RTTM, and the JSON of WenetSpeech and GigaSpeech."""

import json
import math
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import CorpusError
from datasets_prep.tables import read_lines, with_keys

BLANKS = re.compile(r"[\s,]*")


@dataclass(frozen=True)
class Turn:
    """A speaker's time in a recording, in seconds."""

    recording: str
    speaker: str
    start: float
    end: float


@dataclass(frozen=True)
class Segment:
    """An utterance in a long recording, times in seconds."""

    id: str
    audio: str
    """Id of the recording."""
    path: str
    """Of the recording, as the table has it."""
    start: float
    end: float
    text: str


def read_rttm(tree: Tree, name: str) -> Iterator[Turn]:
    """The SPEAKER lines of an RTTM file, in its order; others are passed over. Raises CorpusError."""
    for number, line in read_lines(tree, name):
        where = f"{name} in {tree.where}, line {number}"
        parts = line.split()
        if parts[0] != "SPEAKER":
            continue
        if len(parts) < 8:
            raise CorpusError(f"{where}: {len(parts)} columns, not the 9 or 10 of RTTM")
        start, duration = (seconds_of(text, where) for text in parts[3:5])
        yield Turn(parts[1], parts[7], start, start + duration)


def read_audios(tree: Tree, name: str, subset: str, text: str) -> Iterator[Segment]:
    """The segments of a subset (with or without braces around its name) in a JSON file whose ``audios`` list them.

    ``text`` is the key of a segment's text. The whole table is too large to be had as objects at once, so it is parsed
    a recording at a time. Raises CorpusError."""
    for number, audio in enumerate(_items(tree, name, "audios"), 1):
        where = f"{name} in {tree.where}, recording {number}"
        entry = with_keys(audio, ["aid", "path", "segments"], where)
        if not isinstance(entry["segments"], list):
            raise CorpusError(f"{where}: 'segments' is no list")
        where = f"{name} in {tree.where}, recording {entry['aid']}"
        for segment in entry["segments"]:
            if subset in _subsets(segment, where):
                yield _segment(entry, segment, text, where)


def _subsets(segment: Any, where: str) -> Collection[str]:
    subsets = with_keys(segment, ["sid", "subsets"], where)["subsets"]
    if not isinstance(subsets, list) or not all(isinstance(subset, str) for subset in subsets):
        raise CorpusError(f"{where}, segment {segment['sid']}: 'subsets' is no list of texts")
    return {subset.strip("{}") for subset in subsets}


def _segment(audio: dict[str, Any], segment: dict[str, Any], text: str, where: str) -> Segment:
    where = f"{where}, segment {segment['sid']}"
    with_keys(segment, ["begin_time", "end_time", text], where)
    for record, key in ((audio, "aid"), (audio, "path"), (segment, "sid"), (segment, text)):
        if not isinstance(record[key], str):
            raise CorpusError(f"{where}: '{key}' is {record[key]!r}, no text")
    start, end = (seconds_of(segment[key], where) for key in ("begin_time", "end_time"))
    if end <= start:
        raise CorpusError(f"{where}: it ends at {end:g} s, not after its start at {start:g} s")
    return Segment(segment["sid"], audio["aid"], inside(audio["path"], where), start, end, segment[text])


def _items(tree: Tree, name: str, key: str) -> Iterator[Any]:
    """The items of the list that the object of a JSON file has by that key, one at a time."""
    text = tree.text(name)
    found = re.search(rf'"{key}"\s*:\s*\[', text)
    if found is None:
        raise CorpusError(f"{name} in {tree.where}: no list '{key}'")
    decoder, place = json.JSONDecoder(), found.end()
    while True:
        blanks = BLANKS.match(text, place)
        place = blanks.end() if blanks else place
        if text[place : place + 1] == "]":
            return
        try:
            item, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"{name} in {tree.where}: not JSON ({error})") from None
        yield item


def seconds_of(value: Any, where: str) -> float:
    """Raises CorpusError for what is no time."""
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise CorpusError(f"{where}: {value!r} is no time in seconds")
    return seconds

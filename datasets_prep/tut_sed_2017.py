"""TUT Sound Events 2017, evaluation: street recordings of minutes, six classes, in windows of 30 s."""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import soundfile

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.records import SOUNDS, compact, event
from datasets_prep.tables import read_headless, stem

BASE = "https://zenodo.org/record/1040179/files"
FOLDER = "TUT-sound-events-2017-evaluation"
AUDIO, META = f"{FOLDER}.audio.zip", f"{FOLDER}.meta.zip"
LABELS = ("brakes squeaking", "car", "children", "large vehicle", "people speaking", "people walking")
WINDOW = 30
SHORTEST = 1.0
"""Seconds; what is left of a recording and shorter is no window."""


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a window of a recording; its events are those of the .ann file, clipped to it."""
    audio = trees[AUDIO]
    tables, recordings = _by_stem(trees[META], (".ann",)), _by_stem(audio, SOUNDS)
    for name in sorted(tables.keys() | recordings.keys()):
        if name not in recordings:
            raise CorpusError(f"{AUDIO} lacks {name}.wav, which {tables[name]} needs; get it again")
        if name not in tables:
            raise CorpusError(f"{META} lacks {name}.ann, which {recordings[name]} needs; get it again")
    for member, content in audio.read(list(recordings.values())):
        name = stem(member)
        events = _events(trees[META], tables[name])
        for start, end in _windows(content, f"{member} in {AUDIO}"):
            yield Row(
                id=f"{name}-{start:03}",
                recordings=(Recording(AUDIO, member, member, float(start), end),),
                references=(compact(_clipped(events, float(start), end)),),
                group=name,
                fields={"duration": round(end - start, 6)},
            )


def _by_stem(tree: Tree, endings: Sequence[str]) -> dict[str, str]:
    """The files with one of these endings. Raises CorpusError where there is none, or two are called the same."""
    found: dict[str, str] = {}
    for name in tree.names:
        if PurePosixPath(name).suffix.lower() in endings and found.setdefault(stem(name), name) != name:
            raise CorpusError(f"{tree.where} holds both {found[stem(name)]} and {name}; keep one")
    if not found:
        raise CorpusError(f"{tree.where} holds no {endings[0]} file; get it again")
    return found


def _events(tree: Tree, name: str) -> list[dict[str, Any]]:
    lines = read_headless(tree, name, ("onset", "offset", "label"))
    return [
        event(line["label"].strip(), line["onset"], line["offset"], LABELS, f"{name}, line {number}")
        for number, line in lines
    ]


def _windows(content: bytes, where: str) -> Iterator[tuple[int, float]]:
    """Start and end of each window, in seconds. Raises CorpusError for a recording that cannot be decoded."""
    try:
        seconds = round(soundfile.info(io.BytesIO(content)).duration, 6)
    except soundfile.LibsndfileError:
        raise CorpusError(f"{where} cannot be decoded; get it again") from None
    start = 0
    while seconds - start >= SHORTEST:
        yield start, min(float(start + WINDOW), seconds)
        start += WINDOW


def _clipped(events: Sequence[Mapping[str, Any]], start: float, end: float) -> list[dict[str, Any]]:
    """The events of a window, times from its start."""
    within = [(found["event_label"], max(found["onset"], start), min(found["offset"], end)) for found in events]
    return [
        {"event_label": label, "onset": round(float(onset - start), 3), "offset": round(float(offset - start), 3)}
        for label, onset, offset in within
        if onset < offset
    ]


CORPUS = Corpus(
    name="tut_sed_2017",
    title="TUT Sound Events 2017, evaluation set",
    tasks=("sed",),
    languages=(),
    home="https://zenodo.org/record/1040179",
    licence="TUT's own, not for commercial use",
    access=Access.open,
    citation=(
        "A. Mesaros, T. Heittola, T. Virtanen: TUT database for acoustic scene classification and sound event "
        "detection. EUSIPCO 2016."
    ),
    archives=(
        Archive(
            AUDIO,
            url=f"{BASE}/{AUDIO}?download=1",
            md5="1d3aa81896be0f142130ca9ca7a2b871",
            unpacked=(FOLDER,),
        ),
        Archive(
            META,
            url=f"{BASE}/{META}?download=1",
            md5="a951598abaea87296ca409e30fb0b379",
            unpacked=(FOLDER,),
        ),
    ),
    splits=(Split("evaluation", (AUDIO, META)),),
    rows=rows,
    layout=f"{FOLDER}/audio/street/<recording>.wav; {FOLDER}/meta/street/<recording>.ann (onset, offset, label; tabs)",
    defects=("eight recordings of three to five minutes, which are cut into windows of 30 s here",),
    unverified=("samples (windows)", "folders of the archives", "hours (published: 29 minutes and 9 seconds)"),
)

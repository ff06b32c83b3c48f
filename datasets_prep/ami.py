"""AMI: meetings of four people; the 16 test meetings in windows of 30 s, for diarization and for overlapped speech."""

import io
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree

import soundfile

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.segments import Turn, read_rttm, seconds_of

MEETINGS = tuple(f"{scenario}{part}" for scenario in ("EN2002", "ES2004", "IS1009", "TS3003") for part in "abcd")
AUDIO = "amicorpus"
TURNS = "AMI-diarization-setup/only_words/rttms/test"
WORDS = "ami_public_manual_1.6.2.zip"
WORDS_FILE = re.compile(r"(?P<meeting>\w+)\.(?P<speaker>[A-Z])\.words\.xml")
WINDOW = 30
"""Seconds."""
PAUSE = 1.0
"""Seconds; a speaker's words with less between them are one segment."""


@dataclass(frozen=True)
class Word:
    """A word, times in seconds from the beginning of the meeting."""

    speaker: str
    start: float
    end: float
    text: str


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a window in which somebody speaks; of ``overlap.test``, in which two do at once."""
    diarized = split.name == "sd.test"
    turns = _turns(trees[TURNS]) if diarized else {}
    words = {} if diarized else _words(trees[WORDS])
    for meeting in [*turns, *words]:
        member = f"{AUDIO}/{meeting}/audio/{meeting}.Mix-Headset.wav"
        seconds = _seconds(trees[AUDIO], member, meeting)
        for start in range(0, math.ceil(seconds), WINDOW):
            length = round(min(float(WINDOW), seconds - start), 3)
            if diarized:
                segments = _within(turns[meeting], start, length)
            else:
                segments = _overlapped([word for word in words[meeting] if 0 <= word.start - start < WINDOW])
                segments = [_timed(segment, start, length) for segment in segments]
            if segments:
                yield Row(
                    id=f"{meeting}-{start:05}",
                    recordings=(Recording(AUDIO, member, member, float(start), round(start + length, 3)),),
                    references=(json.dumps(segments, ensure_ascii=False),),
                    group=meeting,
                    fields={"language": "en"} | ({"uem": [0.0, length]} if diarized else {}),
                )


def _turns(tree: Tree) -> dict[str, list[Turn]]:
    """The turns of each test meeting that has an RTTM file, by their start."""
    found = {}
    for meeting in MEETINGS:
        name = f"{TURNS}/{meeting}.rttm"
        if name in tree.names:
            turns = list(read_rttm(tree, name))
            if strange := {turn.recording for turn in turns} - {meeting}:
                raise CorpusError(f"{name} in {tree.where} tells of {', '.join(sorted(strange))}, not of {meeting}")
            found[meeting] = sorted(turns, key=lambda turn: turn.start)
    return found


def _words(tree: Tree) -> dict[str, list[Word]]:
    """The words of each test meeting that has files of words, by their start."""
    found: dict[str, list[Word]] = {}
    for name in sorted(tree.names):
        path = PurePosixPath(name)
        file = WORDS_FILE.fullmatch(path.name)
        if file and path.parent.name == "words" and file["meeting"] in MEETINGS:
            found.setdefault(file["meeting"], []).extend(_words_of(tree, name, file["speaker"]))
    return {meeting: sorted(words, key=lambda word: word.start) for meeting, words in found.items()}


def _words_of(tree: Tree, name: str, speaker: str) -> Iterator[Word]:
    """The words of a file, without punctuation and without those that have no times."""
    where = f"{name} in {tree.where}"
    try:
        root = ElementTree.fromstring(tree.table(name))
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise CorpusError(f"{where}: not XML ({error})") from None
    for element in root.iter("w"):
        text = (element.text or "").strip()
        times = [element.get(key) for key in ("starttime", "endtime")]
        if element.get("punc") == "true" or not text or times == [None, None]:
            continue
        start, end = (seconds_of(time, f"{where}, word {text!r}") for time in times)
        yield Word(speaker, start, end, text)


def _within(turns: Sequence[Turn], start: int, length: float) -> list[dict[str, Any]]:
    """What of the turns is in a window, times from its start."""
    inside = [turn for turn in turns if turn.end > start and turn.start < start + length]
    segments = [
        _timed({"speaker": turn.speaker, "start": turn.start, "end": turn.end}, start, length) for turn in inside
    ]
    return [segment for segment in segments if segment["end"] > segment["start"]]


def _timed(segment: dict[str, Any], start: int, length: float) -> dict[str, Any]:
    """A segment with its times from the start of a window of that length, hundredths of a second."""
    times = {key: round(min(max(segment[key] - start, 0.0), length), 2) for key in ("start", "end")}
    return segment | times


def _overlapped(words: Sequence[Word]) -> list[dict[str, Any]]:
    """The segments of words in which two speakers' words overlap; none where they do not."""
    if not any(
        one.speaker != other.speaker and one.start < other.end and other.start < one.end
        for one, other in combinations(words, 2)
    ):
        return []
    runs: dict[str, list[list[Word]]] = {}
    for word in words:
        own = runs.setdefault(word.speaker, [])
        if not own or word.start - own[-1][-1].end >= PAUSE:
            own.append([])
        own[-1].append(word)
    found = sorted((run for own in runs.values() for run in own), key=lambda run: run[0].start)
    return [
        {
            "speaker": run[0].speaker,
            "start": run[0].start,
            "end": run[-1].end,
            "words": " ".join(word.text for word in run),
        }
        for run in found
    ]


def _seconds(tree: Tree, member: str, meeting: str) -> float:
    """How long a recording is."""
    if member not in tree.names:
        raise CorpusError(f"{tree.where} lacks {member}, which {meeting} needs")
    try:
        info = soundfile.info(io.BytesIO(tree.table(member)))
    except soundfile.LibsndfileError:
        raise CorpusError(f"{member} in {tree.where} is no sound that can be read; get it again") from None
    return info.frames / info.samplerate


CORPUS = Corpus(
    name="ami",
    title="AMI, test meetings in windows of 30 s",
    tasks=("sd", "osr"),
    languages=("en",),
    home="https://groups.inf.ed.ac.uk/ami/corpus/",
    licence="CC BY 4.0",
    access=Access.open,
    citation=(
        "J. Carletta et al.: The AMI meeting corpus: A pre-announcement. MLMI 2005. F. Landini, J. Profant, M. Diez, "
        "L. Burget: Bayesian HMM clustering of x-vector sequences (VBx) in speaker diarization. Computer Speech & "
        "Language, 2022 (the split and the RTTM files)."
    ),
    archives=(
        Archive(AUDIO, unpacked=(AUDIO,)),
        Archive(TURNS, unpacked=(TURNS,)),
        Archive(
            WORDS,
            url=f"http://groups.inf.ed.ac.uk/ami/AMICorpusAnnotations/{WORDS}",
            unpacked=(WORDS.removesuffix(".zip"),),
        ),
    ),
    splits=(Split("sd.test", (TURNS, AUDIO)), Split("overlap.test", (WORDS, AUDIO))),
    rows=rows,
    layout=(
        "amicorpus/<meeting>/audio/<meeting>.Mix-Headset.wav; AMI-diarization-setup (a repository of BUTSpeechFIT), "
        "only_words/rttms/test/<meeting>.rttm; ami_public_manual_1.6.2.zip, words/<meeting>.<speaker>.words.xml"
    ),
    defects=(
        "the windows are cut without regard to words, so turns break off at their borders",
        "speakers are told apart within a window only: numbers are not those of whole meetings",
        "version 1.6.1 of the words, and the RTTM files with vocal sounds, are other references",
    ),
    unverified=(
        "checksum of the annotations, which are downloaded by http",
        "samples (windows) of each part, which nobody has published; of meetings only those that are there count",
        "whether the annotations have words without times (they are left out)",
    ),
)

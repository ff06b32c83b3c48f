"""Libri2Mix: two readers of LibriSpeech at once; and the mixtures that SUPERB tests diarization on."""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Hub, Recording, Row, Split
from datasets_prep.librispeech import CORPUS as LIBRISPEECH
from datasets_prep.segments import Turn, read_rttm
from datasets_prep.tables import read_lines, stem

MIXTURES = "Libri2Mix/wav16k/max/test/mix_clean"
TEXTS = "test-clean.tar.gz"
SUPERB = "superb-data"
SUPERB_TEST = f"{SUPERB}/sd/test"


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a mixture, with the words of each reader; or, of ``sd.test``, one a recording of the RTTM."""
    yield from _diarized(trees[SUPERB]) if split.name == "sd.test" else _mixed(trees[MIXTURES], trees[TEXTS])


def _mixed(mixtures: Tree, texts: Tree) -> Iterator[Row]:
    said = _transcripts(texts)
    for name in mixtures.names:
        if not name.lower().endswith(".wav"):
            continue
        segments = []
        for utterance in stem(name).split("_"):
            if utterance not in said:
                raise CorpusError(f"{texts.where} has no transcript of {utterance!r}, which {name} is named after")
            segments.append({"speaker": utterance.partition("-")[0], "words": said[utterance]})
        if len(segments) != 2:
            raise CorpusError(f"{mixtures.where} holds {name}, which is not <utterance>_<utterance>.wav")
        yield Row(
            id=stem(name),
            recordings=(Recording(MIXTURES, name, name),),
            references=(json.dumps(segments, ensure_ascii=False),),
            group=segments[0]["speaker"],
            fields={"language": "en"},
        )


def _transcripts(tree: Tree) -> dict[str, str]:
    """The words of every utterance. Raises CorpusError."""
    said = {}
    for name in tree.names:
        if name.endswith(".trans.txt"):
            for number, line in read_lines(tree, name):
                utterance, blank, words = line.partition(" ")
                if not blank or not words.strip():
                    raise CorpusError(f"{name} in {tree.where}, line {number}: no id with a text after one blank")
                said[utterance] = words
    return said


def _diarized(tree: Tree) -> Iterator[Row]:
    members = {
        PurePosixPath(name).stem: name
        for name in tree.names
        if name.startswith(f"{SUPERB_TEST}/") and name.endswith(".wav")
    }
    recordings: dict[str, list[Turn]] = {}
    for turn in read_rttm(tree, f"{SUPERB_TEST}/rttm"):
        recordings.setdefault(turn.recording, []).append(turn)
    for identity, turns in recordings.items():
        turns.sort(key=lambda turn: turn.start)
        segments = [
            {"speaker": turn.speaker, "start": round(turn.start, 3), "end": round(turn.end, 3)} for turn in turns
        ]
        member = members.get(identity, f"{SUPERB_TEST}/wav/{identity}.wav")
        yield Row(
            id=identity,
            recordings=(Recording(SUPERB, member, member),),
            references=(json.dumps(segments, ensure_ascii=False),),
            group=turns[0].speaker,
            fields={"language": "en"},
        )


CORPUS = Corpus(
    name="libri2mix",
    title="Libri2Mix, test, and SUPERB's diarization test",
    tasks=("osr", "sd"),
    languages=("en",),
    home="https://github.com/JorisCos/LibriMix",
    licence="CC BY 4.0 (LibriSpeech, of which it is made); the program that mixes it is MIT (unverified)",
    access=Access.open,
    citation=(
        "J. Cosentino, M. Pariente, S. Cornell, A. Deleforge, E. Vincent: LibriMix: An open-source dataset for "
        "generalizable speech separation. 2020. S. Yang et al.: SUPERB. Interspeech 2021."
    ),
    archives=(
        Archive(MIXTURES, unpacked=(MIXTURES,)),
        LIBRISPEECH.archive(TEXTS),
        Archive(
            SUPERB,
            unpacked=(SUPERB,),
            tops=("sd",),
            nested=("sd/test/wav.zip",),
            hub=Hub("superb/superb-data", files=("sd/test/rttm", "sd/test/wav.zip")),
        ),
    ),
    splits=(Split("test", (MIXTURES, TEXTS), samples=3000), Split("sd.test", (SUPERB,), samples=3002)),
    rows=rows,
    layout=(
        f"what generate_librimix.sh makes: {MIXTURES}/<utterance>_<utterance>.wav, with LibriSpeech's "
        f"test-clean.tar.gz for the words; {SUPERB_TEST}/rttm and wav.zip"
    ),
    defects=("both readers begin at 0 and overlap all the time, as nobody does who talks",),
    unverified=(
        "licences",
        "checksums: the mixtures are made on the spot, and nothing is published to hold them against",
        "how the folders in SUPERB's wav.zip are named (its wavs are found by their names)",
    ),
)

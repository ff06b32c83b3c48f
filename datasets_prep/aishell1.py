"""AISHELL-1 (SLR33): read Mandarin, dev and test."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import read_lines

ARCHIVE = "data_aishell.tgz"
TRANSCRIPT = "data_aishell/transcript/aishell_transcript_v0.8.txt"
TEST_SPEAKERS = {f"S{number:04}" for number in (*range(764, 771), *range(901, 909), *range(912, 917))}
IDENTITY = re.compile(r"BAC\d+(?P<speaker>S\d{4})W\d{4}")


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a recording of the split's folder that has a transcript; the blanks between its words go."""
    tree = trees[ARCHIVE]
    said = _transcripts(tree)
    names: dict[str, str] = {}
    speakers = set(TEST_SPEAKERS if split.name == "test" else ())
    for name in tree.names:
        path = PurePosixPath(name)
        if path.parts[:3] != ("data_aishell", "wav", split.name) or path.suffix.lower() != ".wav":
            continue
        found = IDENTITY.fullmatch(path.stem)
        if found is None:
            raise CorpusError(f"{tree.where} holds {name}, whose name is not BAC<corpus>S<speaker>W<number>.wav")
        names[path.stem] = name
        speakers.add(found["speaker"])
    for identity, text in said.items():  # of all parts: those of a part are told by their speakers
        found = IDENTITY.fullmatch(identity)
        if found and found["speaker"] in speakers:
            speaker = found["speaker"]
            name = names.get(identity, f"data_aishell/wav/{split.name}/{speaker}/{identity}.wav")
            yield Row(
                id=identity,
                recordings=(Recording(ARCHIVE, name, name),),
                references=(text,),
                group=speaker,
                fields={"language": "zh"},
            )


def _transcripts(tree: Tree) -> dict[str, str]:
    """The text of each utterance."""
    said: dict[str, str] = {}
    for number, line in read_lines(tree, TRANSCRIPT):
        identity, *words = line.split()
        if not words:
            raise CorpusError(f"{TRANSCRIPT} in {tree.where}, line {number}: no id with a text after a blank")
        if identity in said:
            raise CorpusError(f"{TRANSCRIPT} in {tree.where}, line {number}: {identity} stands there twice")
        said[identity] = "".join(words)
    return said


CORPUS = Corpus(
    name="aishell1",
    title="AISHELL-1 (SLR33)",
    tasks=("asr",),
    languages=("zh",),
    home="https://www.openslr.org/33",
    licence="Apache-2.0",
    access=Access.open,
    citation=(
        "H. Bu, J. Du, X. Na, B. Wu, H. Zheng: AISHELL-1: An open-source Mandarin speech corpus and a speech "
        "recognition baseline. O-COCOSDA 2017."
    ),
    archives=(
        Archive(
            ARCHIVE,
            url=f"https://www.openslr.org/resources/33/{ARCHIVE}",
            bytes=15_582_913_665,
            md5="2f494334227864a8a8fec932999db9d8",
            unpacked=("data_aishell",),
            tables=("transcript_v0.8.txt",),
            nested=(".tar.gz",),
        ),
    ),
    splits=(Split("dev", (ARCHIVE,), samples=14_326), Split("test", (ARCHIVE,), samples=7176)),
    rows=rows,
    layout=(
        "data_aishell/wav/<speaker>.tar.gz, in each <train, dev or test>/<speaker>/<utterance>.wav; "
        f"{TRANSCRIPT}, a line an utterance: its id, and its words with blanks between"
    ),
    defects=(
        "some recordings have no transcript and are left out, as others do",
        "a few Latin letters are full-width",
        "its character error rate is often printed as WER",
    ),
    unverified=("hours of each split",),
)

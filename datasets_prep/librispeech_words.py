"""LibriSpeech with the times of its words, as an aligner found them: the open stand-in for closed sets of them."""

import csv
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep import librispeech
from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Row, Split
from datasets_prep.tables import read_lines

ALIGNMENTS = "LibriSpeech-Alignments.zip"


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One an utterance of LibriSpeech that has an alignment: words between the times of their borders."""
    archive, tree = split.archives[0], trees[ALIGNMENTS]
    aligned = _aligned(tree, split.name)
    for row in librispeech.rows(split, {archive: trees[archive]}):
        if row.id in aligned:
            yield Row(
                id=row.id,
                recordings=row.recordings,
                references=(aligned[row.id],),
                group=row.group,
                fields={"language": "en", "sentence": row.references[0]},
            )


def _aligned(tree: Tree, split: str) -> dict[str, str]:
    """The stamped text of each utterance."""
    texts: dict[str, str] = {}
    for name in tree.names:
        if split not in PurePosixPath(name).parts or not name.endswith(".alignment.txt"):
            continue
        for number, line in read_lines(tree, name):
            identity, text = _stamped(line, f"{name} in {tree.where}, line {number}")
            if identity in texts:
                raise CorpusError(f"{name} in {tree.where}, line {number}: {identity} stands there twice")
            texts[identity] = text
    return texts


def _stamped(line: str, where: str) -> tuple[str, str]:
    """Id and text of ``<id> ",WORD,,WORD," "0.5,0.9,1.0,1.3,1.5"``: the words, an empty one being silence, and where
    each ends."""
    cells = next(csv.reader([line], delimiter=" ", skipinitialspace=True))
    if len(cells) != 3:
        raise CorpusError(f'{where}: not an id, "words" and "times"')
    words, times = cells[1].split(","), cells[2].split(",")
    if len(words) != len(times):
        raise CorpusError(f"{where}: {len(words)} words and {len(times)} times")
    try:
        ends = [float(time) for time in times]
    except ValueError:
        raise CorpusError(f"{where}: {cells[2]!r} are no times in seconds") from None
    if any(later < earlier for earlier, later in zip([0.0, *ends], ends, strict=False)):
        raise CorpusError(f"{where}: a time lies before the one that it follows")
    pieces = [f"{word or '<|sil|>'}<|{end:.2f}|>" for word, end in zip(words, ends, strict=True)]
    return cells[0], "<|0.00|>" + "".join(pieces)


CORPUS = Corpus(
    name="librispeech_words",
    title="LibriSpeech with word times",
    tasks=("srwt",),
    languages=("en",),
    home="https://github.com/CorentinJ/librispeech-alignments",
    licence="CC BY 4.0 (LibriSpeech); of the alignments unverified",
    access=Access.open,
    citation=(
        "V. Panayotov, G. Chen, D. Povey, S. Khudanpur: LibriSpeech. ICASSP 2015. M. McAuliffe et al.: Montreal Forced "
        "Aligner. Interspeech 2017."
    ),
    archives=(
        *librispeech.CORPUS.archives,
        Archive(
            ALIGNMENTS,
            url="https://drive.google.com/file/d/1WYfgr31T-PPwMcxuAq09XZfHQO5Mw8fE",
            unpacked=("LibriSpeech",),
        ),
    ),
    splits=tuple(Split(split.name, (*split.archives, ALIGNMENTS)) for split in librispeech.CORPUS.splits),
    rows=rows,
    layout=(
        "LibriSpeech's archives, and LibriSpeech/<split>/<speaker>/<chapter>/<speaker>-<chapter>.alignment.txt: an id, "
        "the words and the times at which they end"
    ),
    defects=(
        "the times are an aligner's, not people's: errors of 20 ms are usual",
        "127 utterances of all of LibriSpeech have none and are left out",
    ),
    unverified=("checksums", "samples of each split", "licence of the alignments"),
)

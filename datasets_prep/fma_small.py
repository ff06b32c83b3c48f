"""FMA small: music of eight genres from the Free Music Archive, 30 s each; its test part."""

import csv
import io
from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import only

AUDIO, TABLES = "fma_small.zip", "fma_metadata.zip"
LABELS = ("Electronic", "Experimental", "Folk", "Hip-Hop", "Instrumental", "International", "Pop", "Rock")
COLUMNS = (("set", "subset"), ("set", "split"), ("track", "genre_top"), ("artist", "id"))
HEADER = 3
"""Lines of tracks.csv before its rows: two of names, and that of the index."""


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a track of the subset ``small`` that is of the split."""
    for identity, (subset, part, genre, artist) in _tracks(trees[TABLES]):
        if (subset, part) == ("small", split.name):
            member = f"fma_small/{identity[:3]}/{identity}.mp3"
            yield Row(
                id=identity,
                recordings=(Recording(AUDIO, member, member),),
                references=(genre,),
                group=artist,
            )


def _tracks(tree: Tree) -> Iterator[tuple[str, list[str]]]:
    """Six-digit id and the wanted columns of every track; a column's name is two lines high."""
    name = only(tree, "tracks.csv")
    lines = csv.reader(io.StringIO(tree.text(name).lstrip(), newline=""))
    head = list(zip(next(lines, []), next(lines, []), strict=False))
    for column in COLUMNS:
        if column not in head:
            raise CorpusError(f"{name} in {tree.where} has no column {'/'.join(column)} in its first two lines")
    places = [head.index(column) for column in COLUMNS]
    for line in lines:
        named = bool(line) and not line[0].strip().isdecimal()
        if not any(cell.strip() for cell in line[named:]):  # blank, or the line that names the index
            continue
        if len(line) != len(head) or not line[0].strip().isdecimal():
            raise CorpusError(
                f"{name} in {tree.where}, line {lines.line_num}: no number of a track and {len(head) - 1} columns more"
            )
        yield f"{int(line[0]):06d}", [line[place] for place in places]


CORPUS = Corpus(
    name="fma_small",
    title="FMA small",
    tasks=("mgr",),
    languages=(),
    home="https://github.com/mdeff/fma",
    licence="CC BY 4.0 (metadata); each track its artist's",
    access=Access.open,
    citation="M. Defferrard, K. Benzi, P. Vandergheynst, X. Bresson: FMA: A dataset for music analysis. ISMIR 2017.",
    archives=(
        Archive(AUDIO, url=f"https://os.unil.cloud.switch.ch/fma/{AUDIO}", unpacked=("fma_small",)),
        Archive(TABLES, url=f"https://os.unil.cloud.switch.ch/fma/{TABLES}", unpacked=("fma_metadata",)),
    ),
    splits=(Split("test", (AUDIO, TABLES), samples=800),),
    rows=rows,
    layout="fma_small/<first three digits>/<six digits>.mp3; fma_metadata/tracks.csv, whose header is two lines high",
    labels=LABELS,
    defects=(
        "only SHA-1 checksums are published, which are not held against it",
        "a few tracks are shorter than 30 s or cannot be decoded",
    ),
    unverified=("checksums",),
)

"""AudioSet, evaluation segments: ten seconds of YouTube films, each with one or more of 527 labels."""

import csv
import io
from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.records import clip_of_film, needed, sounds
from datasets_prep.tables import read_csv

BASE = "https://storage.googleapis.com/us_audioset/youtube_corpus/v1/csv"
TABLE, NAMES, AUDIO = "eval_segments.csv", "class_labels_indices.csv", "audio/eval"
COLUMNS = ["YTID", "start_seconds", "end_seconds", "positive_labels"]


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of the table; what has vanished is left out."""
    names = {line["mid"]: line["display_name"] for _, line in read_csv(trees[NAMES], NAMES, ("mid", "display_name"))}
    clips = sounds(trees[AUDIO].names)
    for number, (film, _, _, mids) in _lines(trees[TABLE]):
        where = f"{TABLE}, line {number}"
        labels = [mid.strip() for mid in needed(mids, "positive_labels", where).split(",")]
        for mid in labels:
            if mid not in names:
                raise CorpusError(f"{where}: the label {mid!r} is not in {NAMES}; get both again")
        if (clip := clip_of_film(clips, needed(film, "YTID", where))) is not None:
            yield Row(
                id=film,
                recordings=(Recording(AUDIO, clip, clip),),
                references=tuple(needed(names[mid], f"display_name of {mid}", NAMES) for mid in labels),
                group=film,
            )


def _lines(tree: Tree) -> Iterator[tuple[int, list[str]]]:
    """Number and columns of every line. Lines of the beginning are remarks, the last of which names the columns."""
    header: list[str] = []
    lines = csv.reader(io.StringIO(tree.text(TABLE), newline=""), skipinitialspace=True)
    first = True
    for line in lines:
        if not line or not any(cell.strip() for cell in line):
            continue
        if line[0].startswith("#"):
            header = [cell.strip("# \t") for cell in line]
            continue
        if first and header and (missing := [name for name in COLUMNS if name not in header]):
            raise CorpusError(f"{TABLE} has no column '{missing[0]}'; it has {', '.join(header)}")
        first = False
        if len(line) != len(COLUMNS):
            raise CorpusError(f"{TABLE}, line {lines.line_num}: {len(line)} columns, not {len(COLUMNS)}")
        yield lines.line_num, line


CORPUS = Corpus(
    name="audioset",
    title="AudioSet, evaluation segments",
    tasks=("sec",),
    languages=(),
    home="https://research.google.com/audioset/",
    licence="CC BY 4.0 (labels, unverified); films keep the terms of who uploaded them",
    access=Access.open,
    citation="J. F. Gemmeke et al.: Audio Set: An ontology and human-labeled dataset for audio events. ICASSP 2017.",
    archives=(
        Archive(TABLE, url=f"{BASE}/{TABLE}"),
        Archive(NAMES, url=f"{BASE}/{NAMES}"),
        Archive(AUDIO, unpacked=(AUDIO,)),
    ),
    splits=(Split("eval", (TABLE, NAMES, AUDIO), samples=20_371),),
    rows=rows,
    layout=(
        "eval_segments.csv (YTID, start_seconds, end_seconds, positive_labels), class_labels_indices.csv (index, mid, "
        "display_name), and a folder audio/eval with <YTID>.flac or .wav of those that were still to be had"
    ),
    defects=(
        "clips come from YouTube and vanish: the hub's copy has 17,142 of 20,371; always say how many there were",
        "labels are noisy",
    ),
    unverified=("checksums", "licence", "the folder of recordings"),
)

"""EmoMusic (1000 songs): arousal and valence of songs' excerpts, as people felt them; the evaluation part of 2013."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.members import is_sound
from datasets_prep.records import needed
from datasets_prep.tables import only, read_csv

AUDIO, TABLES = "clips_45sec.tar.gz", "annotations.tar.gz"
BASE = "https://cvml.unige.ch/databases/emoMusic"
MIDDLE = 5.0
"""Of the scale from 1 to 9."""
SET = "Mediaeval 2013 set"
LABELS = tuple(
    f"{arousal} arousal, {valence} valence" for arousal in ("high", "low") for valence in ("positive", "negative")
)


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a song of the evaluation part; the quadrant that the means over all listeners lie in."""
    tables = trees[TABLES]
    parts = _parts(tables)
    wanting = {song for song, part in parts.items() if part == "evaluation"}
    files = {PurePosixPath(name).stem: name for name in trees[AUDIO].names if is_sound(name)}
    name = only(tables, "static_annotations.csv")
    for number, line in read_csv(tables, name, ("song_id", "mean_arousal", "mean_valence")):
        song = line["song_id"].strip()
        if song not in parts:
            raise CorpusError(f"{name} in {tables.where}, line {number}: songs_info.csv has no song {song!r}")
        if parts[song] != "evaluation":
            continue
        wanting.discard(song)
        try:
            arousal, valence = float(line["mean_arousal"]), float(line["mean_valence"])
        except ValueError:
            raise CorpusError(f"{name} in {tables.where}, line {number}: arousal and valence are no numbers") from None
        member = files.get(song, f"clips_45seconds/{song}.mp3")
        quadrant = (
            f"{'high' if arousal > MIDDLE else 'low'} arousal, {'positive' if valence > MIDDLE else 'negative'} valence"
        )
        yield Row(
            id=song,
            recordings=(Recording(AUDIO, member, member),),
            references=(quadrant,),
            group=song,
            fields={"arousal": line["mean_arousal"].strip(), "valence": line["mean_valence"].strip()},
        )
    if wanting:
        raise CorpusError(f"{name} in {tables.where} lacks the song {min(wanting)}, which songs_info.csv names")


def _parts(tree: Tree) -> dict[str, str]:
    """What part each song is of. songs_info.csv pads its cells with tabs and blanks, within quotes and without."""
    name = only(tree, "songs_info.csv")
    lines = csv.reader(io.StringIO(tree.text(name).strip().replace("\t", " "), newline=""), skipinitialspace=True)
    head = [cell.strip() for cell in next(lines, [])]
    for column in ("song_id", SET):
        if column not in head:
            raise CorpusError(f"{name} in {tree.where} has no column '{column}'; it has {', '.join(head) or 'none'}")
    song, part = head.index("song_id"), head.index(SET)
    parts: dict[str, str] = {}
    for line in lines:
        if any(cell.strip() for cell in line):
            where = f"{name} in {tree.where}, line {lines.line_num}"
            if len(line) != len(head):
                raise CorpusError(f"{where}: {len(line)} columns, not {len(head)}")
            identity = needed(line[song].strip(), "song_id", where)
            if line[part].strip() not in ("development", "evaluation"):
                raise CorpusError(f"{where}: the set is {line[part].strip()!r}, neither development nor evaluation")
            if identity in parts:
                raise CorpusError(f"{where}: the song {identity} stands there twice")
            parts[identity] = line[part].strip()
    return parts


CORPUS = Corpus(
    name="emomusic",
    title="EmoMusic (1000 songs), MediaEval 2013's evaluation part",
    tasks=("smer",),
    languages=(),
    home="https://cvml.unige.ch/databases/emoMusic/",
    licence="CC of each song (audio); of the annotations unverified",
    access=Access.open,
    citation=(
        "M. Soleymani, M. Caro, E. Schmidt, C.-Y. Sha, Y.-H. Yang: 1000 songs for emotional analysis of music. "
        "CrowdMM 2013."
    ),
    archives=(
        Archive(AUDIO, url=f"{BASE}/{AUDIO}", unpacked=("clips_45seconds",)),
        Archive(TABLES, url=f"{BASE}/{TABLES}", unpacked=("annotations",), tables=(".csv",)),
    ),
    splits=(Split("evaluation", (TABLES, AUDIO), samples=125),),
    rows=rows,
    layout="clips_45seconds/<song_id>.mp3; annotations/static_annotations.csv and songs_info.csv",
    labels=LABELS,
    defects=("songs_info.csv has tabs within its quotes",),
    unverified=("checksums", "the folder of the clips", "licence of the annotations", "https at its host"),
)

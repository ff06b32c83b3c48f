"""Song Describer: captions of music that people wrote, for tracks of MTG-Jamendo of two minutes."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, Recording, Row, Split
from datasets_prep.members import is_sound
from datasets_prep.tables import read_csv

AUDIO, TABLE = "audio.zip", "song_describer.csv"
BASE = "https://zenodo.org/record/10072001/files"
COLUMNS = ("track_id", "caption", "is_valid_subset", "artist_id", "path")


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a track, with all of its captions in the table's order."""
    tracks: dict[str, list[dict[str, str]]] = {}
    for _, line in read_csv(trees[TABLE], TABLE, COLUMNS):
        if split.name == "all" or line["is_valid_subset"].strip().lower() in ("true", "1"):
            tracks.setdefault(line["track_id"], []).append(line)
    files = files_by_track(trees[AUDIO])
    for track, lines in tracks.items():
        key = track_key(lines[0]["path"])
        member = files.get(key, f"audio/{key}.2min.mp3")
        yield Row(
            id=track,
            recordings=(Recording(AUDIO, member, member),),
            references=tuple(line["caption"] for line in lines),
            group=lines[0]["artist_id"],
        )


def files_by_track(tree: Tree) -> dict[str, str]:
    """Members by ``<folder>/<number of the track>``."""
    return {track_key(name): name for name in tree.names if is_sound(name)}


def track_key(path: str) -> str:
    """``12/345`` of ``audio/12/345.2min.mp3`` and of ``12/345.mp3``."""
    parts = PurePosixPath(path)
    return f"{parts.parent.name}/{parts.name.partition('.')[0]}"


CORPUS = Corpus(
    name="song_describer",
    title="Song Describer dataset",
    tasks=("mc",),
    languages=("en",),
    home="https://zenodo.org/record/10072001",
    licence="CC BY-SA 4.0 (captions); CC of each track (audio)",
    access=Access.open,
    citation=(
        "I. Manco, B. Weck, S. Doh, et al.: The Song Describer dataset: a corpus of audio captions for "
        "music-and-language evaluation. 2023."
    ),
    archives=(
        Archive(TABLE, url=f"{BASE}/{TABLE}"),
        Archive(AUDIO, url=f"{BASE}/{AUDIO}", unpacked=("audio",)),
    ),
    splits=(Split("all", (TABLE, AUDIO), samples=706), Split("valid", (TABLE, AUDIO))),
    rows=rows,
    layout="audio/<two digits>/<track>.2min.mp3; song_describer.csv, a row a caption",
    defects=("the tracks last two minutes: most models hear the beginning",),
    unverified=("checksums", "where in the archive the tracks lie", "samples of the valid part"),
)

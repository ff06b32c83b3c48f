"""MusicCaps: music captions by musicians, for ten seconds of YouTube each; the part that AudioSet evaluates on."""

from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, Recording, Row, Split
from datasets_prep.records import clip_of_film, sounds
from datasets_prep.tables import read_csv

AUDIO, TABLE = "audio", "musiccaps-public.csv"


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a clip of the table whose recording is there: YouTube has lost some."""
    clips = sounds(trees[AUDIO].names)
    for _, line in read_csv(trees[TABLE], TABLE, ("ytid", "caption", "is_audioset_eval")):
        member = clip_of_film(clips, line["ytid"])
        if member is not None and line["is_audioset_eval"].strip().lower() in ("true", "1"):
            yield Row(
                id=line["ytid"],
                recordings=(Recording(AUDIO, member, member),),
                references=(line["caption"],),
                group=line["ytid"],
            )


CORPUS = Corpus(
    name="musiccaps",
    title="MusicCaps, AudioSet's evaluation part",
    tasks=("mc",),
    languages=("en",),
    home="https://huggingface.co/datasets/google/MusicCaps",
    licence="CC BY-SA 4.0 (captions); the audio is its uploaders'",
    access=Access.open,
    citation="A. Agostinelli, T. Denk, Z. Borsos, et al.: MusicLM: Generating music from text. 2023.",
    archives=(
        Archive(TABLE, url="https://huggingface.co/datasets/google/MusicCaps/resolve/main/musiccaps-public.csv"),
        Archive(AUDIO, unpacked=(AUDIO,)),
    ),
    splits=(Split("eval", (TABLE, AUDIO), samples=2858),),
    rows=rows,
    layout="musiccaps-public.csv, and a folder audio with <ytid>.wav (or .flac...): the ten seconds from start_s on",
    defects=(
        "the clips are YouTube's and vanish: of 5,521 others have counted 5,469 to 4,281",
        "several models were trained on all of it, this part too",
    ),
    unverified=("checksums",),
)

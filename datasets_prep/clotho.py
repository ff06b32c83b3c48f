"""Clotho 2.1: sounds of 15 to 30 seconds, described by five people each."""

import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, Recording, Row, Split
from datasets_prep.records import needed
from datasets_prep.tables import read_csv

BASE = "https://zenodo.org/record/4783391/files"
CAPTIONS = tuple(f"caption_{number}" for number in range(1, 6))
# Part: samples, md5 of the sounds, md5 of the captions
PARTS = {
    "evaluation": (1045, "4569624ccadf96223f19cb59fe4f849f", "1b16b9e57cf7bdb7f13a13802aeb57e2"),
    "validation": (1045, "7dba730be08bada48bd15dc4e668df59", "5879e023032b22a2c930aaa0528bead4"),
    "development": (3839, "c8b05bc7acdb13895bb3c6a29608667e", "d4090b39ce9f2491908eebf4d5b09bae"),
}


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of the table of captions."""
    table, audio = split.archives
    members = {_one_form(member): member for member in trees[audio].names}
    for number, line in read_csv(trees[table], table, ("file_name", *CAPTIONS)):
        where = f"{table}, line {number}"
        name = inside(f"{split.name}/{needed(line['file_name'], 'file_name', where)}", table)
        member = members.get(_one_form(name), name)
        identity = PurePosixPath(line["file_name"]).stem
        yield Row(
            id=identity,
            recordings=(Recording(audio, member, member),),
            references=tuple(needed(line[caption], caption, where) for caption in CAPTIONS),
            group=identity,
        )


def _one_form(path: str) -> str:
    """Accented letters as one sign each: macOS writes two, the tables one."""
    return unicodedata.normalize("NFC", path)


def tables(part: str) -> Archive:
    """The captions of a part."""
    name = f"clotho_captions_{part}.csv"
    return Archive(name, url=f"{BASE}/{name}?download=1", md5=PARTS[part][2])


def sounds(part: str) -> Archive:
    """The recordings of a part."""
    name = f"clotho_audio_{part}.7z"
    return Archive(name, url=f"{BASE}/{name}?download=1", md5=PARTS[part][1], unpacked=(part,))


CORPUS = Corpus(
    name="clotho",
    title="Clotho 2.1",
    tasks=("aac",),
    languages=("en",),
    home="https://zenodo.org/record/4783391",
    licence="CC of each file (audio); the captions Tampere University's, not commercial, with attribution",
    access=Access.open,
    citation="K. Drossos, S. Lipping, T. Virtanen: Clotho: an audio captioning dataset. ICASSP 2020.",
    archives=tuple(archive for part in PARTS for archive in (tables(part), sounds(part))),
    splits=tuple(
        Split(part, (tables(part).name, sounds(part).name), samples=samples) for part, (samples, *_) in PARTS.items()
    ),
    rows=rows,
    layout="<part>/*.wav in a 7z; clotho_captions_<part>.csv, with file_name and caption_1 to caption_5",
    defects=(
        "file names hold signs that some systems refuse",
        "captions are of 8 to 20 words: a long answer scores low whatever it says",
        "the evaluation part is the same in the versions 1, 2 and 2.1",
    ),
)

"""Medley-solos-DB: one of eight instruments, alone, for three seconds."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.members import is_sound
from datasets_prep.records import needed
from datasets_prep.tables import read_csv

ARCHIVE, TABLE = "Medley-solos-DB.tar.gz", "Medley-solos-DB_metadata.csv"
BASE = "https://zenodo.org/record/3464194/files"
LABELS = (
    "clarinet", "distorted electric guitar", "female singer", "flute", "piano", "tenor saxophone", "trumpet", "violin",
)  # fmt: skip
SUBSETS = ("test", "train", "training", "valid", "validation")
COLUMNS = ("subset", "instrument", "instrument_id", "song_id", "uuid4")


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a row of the table that is of the test part; the file's name is made of its columns."""
    tree, table = trees[ARCHIVE], trees[TABLE]
    files = {PurePosixPath(name).name.partition(".")[0]: name for name in tree.names if is_sound(name)}
    for number, line in read_csv(table, TABLE, COLUMNS):
        if line["subset"] not in SUBSETS:
            raise CorpusError(f"{TABLE}, line {number}: the subset {line['subset']!r} is none of {', '.join(SUBSETS)}")
        if line["subset"] != "test":
            continue
        if line["instrument_id"] not in map(str, range(len(LABELS))):
            raise CorpusError(f"{TABLE}, line {number}: the instrument_id {line['instrument_id']!r} is none of 0 to 7")
        name = f"Medley-solos-DB_test-{line['instrument_id']}_{line['uuid4']}"
        member = files.get(name, f"audio/{name}.wav")
        yield Row(
            id=line["uuid4"],
            recordings=(Recording(ARCHIVE, member, member),),
            references=(LABELS[int(line["instrument_id"])],),
            group=needed(line["song_id"], "song_id", f"{TABLE}, line {number}"),
        )


CORPUS = Corpus(
    name="medley_solos_db",
    title="Medley-solos-DB",
    tasks=("mic",),
    languages=(),
    home="https://zenodo.org/record/3464194",
    licence="CC BY 4.0",
    access=Access.open,
    citation=(
        "V. Lostanlen, C.-E. Cella: Deep convolutional networks on the pitch spiral for musical instrument "
        "recognition. ISMIR 2016."
    ),
    archives=(
        Archive(
            ARCHIVE,
            url=f"{BASE}/{ARCHIVE}?download=1",
            md5="f5facf398793ef5c1f80c013afdf3e5f",
            unpacked=("audio", "Medley-solos-DB"),
        ),
        Archive(
            TABLE,
            url=f"{BASE}/{TABLE}?download=1",
            md5="fda6a589c56785f2195c9227809c521a",
            also=(f"annotation/{TABLE}",),
        ),
    ),
    splits=(Split("test", (ARCHIVE, TABLE)),),
    rows=rows,
    layout="audio/Medley-solos-DB_<subset>-<instrument>_<uuid4>.wav (.wav.wav in some copies), and a table",
    labels=LABELS,
    unverified=("samples (12,236 are spoken of)", "how the table spells its subsets"),
)

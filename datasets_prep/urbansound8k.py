"""UrbanSound8K: 8,732 sounds of the city of up to four seconds, ten classes, ten folds."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, Recording, Row, Split
from datasets_prep.records import needed
from datasets_prep.tables import only, read_csv, stem

ARCHIVE = "UrbanSound8K.tar.gz"
TABLE = "metadata/UrbanSound8K.csv"
LABELS = (
    "air_conditioner", "car_horn", "children_playing", "dog_bark", "drilling", "engine_idling", "gun_shot",
    "jackhammer", "siren", "street_music",
)  # fmt: skip


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of the table; its recording is in the folder of its fold."""
    tree = trees[ARCHIVE]
    table = only(tree, TABLE)
    folds = {"/".join(PurePosixPath(name).parts[-2:]): name for name in tree.names}
    for number, line in read_csv(tree, table, ("slice_file_name", "fsID", "fold", "class")):
        where = f"{table}, line {number}"
        file, fold = (needed(line[key], key, where) for key in ("slice_file_name", "fold"))
        member = folds.get(f"fold{fold}/{file}", f"{table.removesuffix(TABLE)}audio/fold{fold}/{file}")
        yield Row(
            id=stem(file),
            recordings=(Recording(ARCHIVE, member, member),),
            references=(needed(line["class"], "class", where),),
            group=needed(line["fsID"], "fsID", where),
            fields={"fold": fold},
        )


CORPUS = Corpus(
    name="urbansound8k",
    title="UrbanSound8K",
    tasks=("sec",),
    languages=(),
    home="https://urbansounddataset.weebly.com/",
    licence="CC BY-NC 3.0 (4.0 by another file of it)",
    access=Access.open,
    citation=(
        "J. Salamon, C. Jacoby, J. P. Bello: A dataset and taxonomy for urban sound research. ACM Multimedia 2014."
    ),
    archives=(
        Archive(
            ARCHIVE,
            url="https://zenodo.org/record/1203745/files/UrbanSound8K.tar.gz?download=1",
            md5="9aa69802bbf37fb986f71ec1483a196e",
            unpacked=("UrbanSound8K",),
            tables=(".csv",),
        ),
    ),
    splits=(Split("all", (ARCHIVE,), samples=8732),),
    rows=rows,
    layout=(
        "UrbanSound8K/audio/fold<1-10>/<fsID>-<classID>-<occurrence>-<slice>.wav and "
        "UrbanSound8K/metadata/UrbanSound8K.csv (slice_file_name, fsID, start, end, salience, fold, classID, class)"
    ),
    labels=LABELS,
    defects=(
        "sample rates from 8 to 192 kHz, and depths and channels that differ",
        "clips as short as 0.05 s",
        "clips of one source recording are in one fold: never shuffle folds",
    ),
)

"""OpenMIC-2018: which of 20 instruments are heard in ten seconds; only some were asked about of each clip."""

from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.records import needed
from datasets_prep.tables import only, read_csv, read_lines

ARCHIVE = "openmic-2018-v1.0.0.tgz"
HOME = "openmic-2018"
INSTRUMENTS = (
    "accordion", "banjo", "bass", "cello", "clarinet", "cymbals", "drums", "flute", "guitar", "mallet_percussion",
    "mandolin", "organ", "piano", "saxophone", "synthesizer", "trombone", "trumpet", "ukulele", "violin", "voice",
)  # fmt: skip
LISTS = ("split01_test.csv", "test01.txt")
PRESENT = 0.5
"""From this relevance on an instrument counts as heard."""


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a clip and instrument that was asked about: yes or no."""
    tree = trees[ARCHIVE]
    wanted = _listed(tree)
    table = only(tree, "openmic-2018-aggregated-labels.csv")
    for number, line in read_csv(tree, table, ("sample_key", "instrument", "relevance")):
        where = f"{table} in {tree.where}, line {number}"
        key, instrument = needed(line["sample_key"], "sample_key", where), line["instrument"]
        if key not in wanted:
            continue
        if instrument not in INSTRUMENTS:
            raise CorpusError(f"{where}: {instrument!r} is none of the 20 instruments")
        try:
            present = float(line["relevance"]) >= PRESENT
        except ValueError:
            raise CorpusError(f"{where}: the relevance {line['relevance']!r} is no number") from None
        member = f"{HOME}/audio/{key[:3]}/{key}.ogg"
        yield Row(
            id=f"{key}-{instrument}",
            recordings=(Recording(ARCHIVE, member, member),),
            references=("yes" if present else "no",),
            group=key,
            fields={"instrument": instrument.replace("_", " ")},
        )


def _listed(tree: Tree) -> set[str]:
    """The clips of the test part of the first split."""
    for name in LISTS:
        if found := [path for path in tree.names if path.endswith(f"partitions/{name}")]:
            return {line.partition(",")[0].strip('" \t') for _, line in read_lines(tree, found[0])}
    raise CorpusError(f"{tree.where} holds neither partitions/{LISTS[0]} nor partitions/{LISTS[1]}")


CORPUS = Corpus(
    name="openmic",
    title="OpenMIC-2018",
    tasks=("mic",),
    languages=(),
    home="https://zenodo.org/record/1432913",
    licence="CC BY 4.0",
    access=Access.open,
    citation=(
        "E. Humphrey, S. Durand, B. McFee: OpenMIC-2018: An open dataset for multiple instrument recognition. "
        "ISMIR 2018."
    ),
    archives=(
        Archive(
            ARCHIVE,
            url=f"https://zenodo.org/record/1432913/files/{ARCHIVE}?download=1",
            md5="e4ccf187e2bb5ab2e115416e8aafe7f4",
            unpacked=(HOME,),
            tables=(".csv", ".txt"),
        ),
    ),
    splits=(Split("test", (ARCHIVE,)),),
    rows=rows,
    layout=(
        "openmic-2018/audio/<first three signs>/<sample_key>.ogg, openmic-2018-aggregated-labels.csv, partitions/ with "
        "split01_test.csv or test01.txt"
    ),
    labels=("yes", "no"),
    defects=("most instruments of a clip were never asked about: they are no samples, rather than a no",),
    unverified=(
        "columns of the table of labels",
        "name of the list of the test part",
        "samples (5,085 clips are listed)",
    ),
)

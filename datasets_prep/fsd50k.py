"""FSD50K: sounds of Freesound, each with one or more of 200 labels of AudioSet's ontology."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split, nearest
from datasets_prep.records import needed
from datasets_prep.tables import only, read_csv, read_lines

BASE = "https://zenodo.org/record/4060432/files"
LABELS = "FSD50K.ground_truth.zip"


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of the table of the part; what its labels are one of stands in vocabulary.csv, where it is there."""
    audio, (table, part) = split.archives[0], (split.options["table"], split.options["split"])
    tree = trees[LABELS]
    known = _vocabulary(tree)
    name = only(tree, f"{table}.csv")
    columns = ("fname", "labels", "mids", *(["split"] if part else []))
    for number, line in read_csv(tree, name, columns):
        where = f"{name}, line {number}"
        if part and line["split"] not in ("train", "val"):
            raise CorpusError(f"{where}: the split is {line['split']!r}, which is neither train nor val")
        if part and line["split"] != part:
            continue
        labels = [label.strip() for label in needed(line["labels"], "labels", where).split(",")]
        for label in labels:
            if known and label not in known:
                raise CorpusError(f"{where}: the label {label!r} is not in vocabulary.csv{nearest(label, known)}")
        file = needed(line["fname"], "fname", where)
        member = f"{audio.removesuffix('.zip')}/{file}.wav"
        yield Row(id=file, recordings=(Recording(audio, member, member),), references=tuple(labels), group=file)


def _vocabulary(tree: Tree) -> list[str]:
    """The labels; none where the file is not there. It has lines <number>,<label>,<id>, with a header or without."""
    found = [name for name in tree.names if PurePosixPath(name).name == "vocabulary.csv"]
    lines = [line.split(",") for name in found for _, line in read_lines(tree, name)]
    return [line[1].strip() for line in lines if len(line) == 3 and line[0].strip().isdigit()]


def _audio(part: str, before: int) -> Archive:
    name = f"FSD50K.{part}_audio"
    return Archive(
        f"{name}.zip",
        url=f"{BASE}/{name}.zip?download=1",
        parts=tuple(f"{name}.z{number:02}" for number in range(1, before + 1)),
        unpacked=(name,),
    )


CORPUS = Corpus(
    name="fsd50k",
    title="FSD50K",
    tasks=("sec",),
    languages=(),
    home="https://zenodo.org/record/4060432",
    licence="CC BY 4.0; each clip has its own Creative Commons licence",
    access=Access.open,
    citation=(
        "E. Fonseca, X. Favory, J. Pons, F. Font, X. Serra: FSD50K: An open dataset of human-labeled sound events. "
        "IEEE/ACM Transactions on Audio, Speech, and Language Processing, 2022."
    ),
    archives=(
        _audio("eval", 1),
        _audio("dev", 5),
        Archive(
            LABELS,
            url=f"{BASE}/{LABELS}?download=1",
            md5="ca27382c195e37d2269c4c866dd73485",
            unpacked=("FSD50K.ground_truth",),
        ),
    ),
    splits=(
        Split("eval", ("FSD50K.eval_audio.zip", LABELS), samples=10_231, options={"table": "eval", "split": ""}),
        Split("val", ("FSD50K.dev_audio.zip", LABELS), options={"table": "dev", "split": "val"}),
    ),
    rows=rows,
    layout=(
        "zips in parts (.z01... and .zip): FSD50K.eval_audio/<fname>.wav, FSD50K.dev_audio/<fname>.wav; "
        "FSD50K.ground_truth/eval.csv (fname, labels, mids), dev.csv (and split: train or val), vocabulary.csv"
    ),
    defects=(
        "labels are handed up the ontology: a clip of a Bark is one of Dog, Domestic_animals_and_pets and Animal too",
        "a label with commas has _and_ for them",
    ),
    unverified=(
        "checksums of the recordings (they are published of each part, and only whole archives are checked)",
        "samples of val",
        "whether vocabulary.csv has a header",
    ),
)

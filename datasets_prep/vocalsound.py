"""VocalSound: six sounds of the human voice that are no speech, recorded by the crowd."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split, nearest
from datasets_prep.records import needed, sounds
from datasets_prep.tables import only, read_csv, read_json, with_keys

ARCHIVE = "vs_release_16k.zip"
LABELS = ("Laughter", "Sigh", "Cough", "Throat clearing", "Sneeze", "Sniff")
STEM = re.compile(r"(?P<speaker>[fm]\d+)_\d+_[a-z]+")


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One an entry of the split's list, whose paths are its makers' and whose labels are codes."""
    tree = trees[ARCHIVE]
    members = sounds(tree.names)
    names = _display_names(tree)
    for number, entry in enumerate(_entries(tree, split.options["list"]), 1):
        where = f"{split.options['list']} in {tree.where}, entry {number}"
        with_keys(entry, ("wav", "labels"), where)
        file, label = PurePosixPath(needed(entry["wav"], "wav", where)).name, needed(entry["labels"], "labels", where)
        found = STEM.fullmatch(PurePosixPath(file).stem)
        if found is None:
            raise CorpusError(f"{where}: {file} is not <f or m><speaker>_<number>_<sound>.wav")
        if label not in names:
            raise CorpusError(f"{where}: no label {label!r}{nearest(label, list(names))}")
        member = members.get(PurePosixPath(file).stem, f"audio_16k/{file}")
        yield Row(
            id=PurePosixPath(file).stem,
            recordings=(Recording(ARCHIVE, member, member),),
            references=(names[label],),
            group=found["speaker"],
            fields={"gender": "female" if file.startswith("f") else "male"},
        )


def _entries(tree: Tree, name: str) -> list[Any]:
    path = only(tree, f"datafiles/{name}")
    listed = with_keys(read_json(tree, path), ("data",), f"{path} in {tree.where}")["data"]
    if not isinstance(listed, list):
        raise CorpusError(f"{path} in {tree.where}: 'data' is no list")
    return listed


def _display_names(tree: Tree) -> dict[str, str]:
    """The label of each code."""
    name = only(tree, "class_labels_indices_vs.csv")
    return {line["mid"]: line["display_name"] for _, line in read_csv(tree, name, ("mid", "display_name"))}


CORPUS = Corpus(
    name="vocalsound",
    title="VocalSound",
    tasks=("vsc",),
    languages=(),
    home="https://github.com/YuanGongND/vocalsound",
    licence="CC BY-SA 4.0",
    access=Access.open,
    citation=(
        "Y. Gong, J. Yu, J. Glass: VocalSound: A dataset for improving human vocal sounds recognition. ICASSP 2022."
    ),
    archives=(
        Archive(
            ARCHIVE,
            url=f"https://www.dropbox.com/s/c5ace70qh1vbyzb/{ARCHIVE}?dl=1",
            unpacked=("vs_release_16k",),
            tops=("audio_16k", "datafiles", "meta", "class_labels_indices_vs.csv"),
        ),
    ),
    splits=(
        Split("test", (ARCHIVE,), options={"list": "te.json"}),
        Split("val", (ARCHIVE,), options={"list": "val.json"}),
    ),
    rows=rows,
    layout=(
        "audio_16k/<f or m><speaker>_<number>_<sound>.wav; datafiles/te.json and val.json, lists of paths and codes; "
        "class_labels_indices_vs.csv, the codes' names"
    ),
    labels=LABELS,
    defects=("the paths in the lists are those of its makers' machine: the file's name counts",),
    unverified=("checksums", "samples of each split (3,594 and 1,860 are spoken of)"),
)

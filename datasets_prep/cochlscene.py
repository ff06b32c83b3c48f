"""CochlScene: acoustic scenes recorded by the crowd, 13 classes."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split, nearest

BASE = "https://zenodo.org/records/7080122/files"
ARCHIVE = "CochlScene.zip"
LABELS = (
    "Bus", "Cafe", "Car", "CrowdedIndoor", "Elevator", "Kitchen", "Park", "ResidentialArea", "Restaurant", "Restroom",
    "Street", "Subway", "SubwayStation",
)  # fmt: skip
STEM = re.compile(r".+_(?P<user>user\d+)_(?P<session>.+)_\d+")


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a wav of the split's folder; its label is the name of the folder it is in."""
    tree = trees[ARCHIVE]
    for name in tree.names:
        path = PurePosixPath(name)
        if path.parts[:2] != ("CochlScene", split.options["folder"]) or path.suffix != ".wav":
            continue
        if len(path.parts) != 4:
            raise CorpusError(f"{tree.where} holds {name}, which is not CochlScene/<split>/<label>/<file>.wav")
        label = path.parts[2]
        if label not in LABELS:
            raise CorpusError(
                f"{tree.where} holds the folder {label!r}, which is no label{nearest(label, list(LABELS))}"
            )
        found = STEM.fullmatch(path.stem)
        if found is None:
            raise CorpusError(
                f"{tree.where} holds {name}, whose name is not <label>_user<number>_<session>_<number>.wav"
            )
        yield Row(
            id=path.stem,
            recordings=(Recording(ARCHIVE, name, name),),
            references=(label,),
            group=found["user"],
            fields={"session": found["session"]},
        )


CORPUS = Corpus(
    name="cochlscene",
    title="CochlScene",
    tasks=("asc",),
    languages=(),
    home="https://zenodo.org/records/7080122",
    licence="unverified: see the record",
    access=Access.open,
    citation=(
        "I.-Y. Jeong, J. Park: CochlScene: Acquisition of acoustic scene data using crowdsourcing. APSIPA ASC 2022."
    ),
    archives=(
        Archive(
            ARCHIVE,
            url=f"{BASE}/{ARCHIVE}",
            parts=tuple(f"CochlScene.z{number:02}" for number in range(1, 6)),
            unpacked=("CochlScene",),
        ),
    ),
    splits=(
        Split("val", (ARCHIVE,), options={"folder": "Val"}),
        Split("test", (ARCHIVE,), options={"folder": "Test"}),
    ),
    rows=rows,
    layout=(
        "a zip in six parts, CochlScene.z01 to .z05 and CochlScene.zip: "
        "CochlScene/{Train,Val,Test}/<label>/<label>_user<number>_<session>_<number>.wav, 10 s each"
    ),
    labels=LABELS,
    defects=("unzip cannot read the last part alone",),
    unverified=(
        "licence",
        "checksums",
        "clips of each split",
        "how the paper of Qwen-Audio spelt the labels (these are the folders')",
    ),
)

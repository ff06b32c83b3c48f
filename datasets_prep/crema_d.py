"""CREMA-D: 91 actors say 12 sentences in six emotions."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split, nearest
from datasets_prep.tables import read_csv, stem

EMOTIONS = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
STEM = re.compile(r"(?P<actor>\d{4})_(?P<statement>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?P<level>[A-Z]{1,2})")
POINTER = b"version https://git-lfs"
DEMOGRAPHICS = "VideoDemographics.csv"


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a wav of ``AudioWAV``; its name says actor, sentence, intended emotion and level."""
    ((archive, tree),) = trees.items()
    members = [name for name in tree.names if "AudioWAV" in name.split("/") and name.lower().endswith(".wav")]
    if members and tree.table(members[0]).startswith(POINTER):
        raise CorpusError(f"{members[0]} in {tree.where} only points to a recording; get those by: git lfs pull")
    actors = _actors(tree)
    for name in members:
        found = STEM.fullmatch(stem(name))
        if found is None:
            raise CorpusError(f"{tree.where} holds {name}, whose name is not <actor>_<sentence>_<emotion>_<level>.wav")
        if found["emotion"] not in EMOTIONS:
            hint = nearest(found["emotion"], list(EMOTIONS))
            raise CorpusError(f"{tree.where} holds {name}, whose emotion {found['emotion']!r} is none{hint}")
        known = actors.get(found["actor"], {})
        yield Row(
            id=stem(name),
            recordings=(Recording(archive, name, name),),
            references=(EMOTIONS[found["emotion"]],),
            group=found["actor"],
            fields={"level": found["level"], "statement": found["statement"]} | known,
        )


def _actors(tree: Tree) -> dict[str, dict[str, str]]:
    """Sex and age of each, where the table is there."""
    tables = [name for name in tree.names if PurePosixPath(name).name == DEMOGRAPHICS]
    actors = {}
    for table in tables[:1]:
        for _, line in read_csv(tree, table, ("ActorID", "Age", "Sex")):
            known = {"sex": line["Sex"].strip(), "age": line["Age"].strip()}
            actors[line["ActorID"].strip()] = {key: value for key, value in known.items() if value}
    return actors


def _corpus(archive: Archive) -> Corpus:
    return Corpus(
        name="crema_d",
        title="CREMA-D",
        tasks=("emotion",),
        languages=("en",),
        home="https://github.com/CheyneyComputerScience/CREMA-D",
        licence="ODbL 1.0 (database), DbCL 1.0 (contents)",
        access=Access.open,
        citation=(
            "H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma: CREMA-D: Crowd-sourced emotional "
            "multimodal actors dataset. IEEE Transactions on Affective Computing, 2014."
        ),
        archives=(archive,),
        splits=(Split("all", (archive.name,), samples=7442),),
        rows=rows,
        layout=(
            "the repository, cloned with git lfs: AudioWAV/<actor>_<sentence>_<emotion>_<level>.wav, and "
            "VideoDemographics.csv (ActorID, Age, Sex, Race, Ethnicity)"
        ),
        labels=tuple(EMOTIONS.values()),
        defects=(
            "no official split",
            "a zip that GitHub makes of it holds pointers in place of recordings",
            "what a crowd heard (processedResults/) is often not the emotion that was meant, which is the reference",
        ),
        unverified=("whether 1076_MTI_SAD_XX.wav is silent", "names of packed copies of the repository"),
    )


CORPUS = replace(
    _corpus(Archive("CREMA-D", unpacked=("CREMA-D",), tops=("AudioWAV", DEMOGRAPHICS))),
    copies=tuple(
        _corpus(Archive(f"{name}{ending}", unpacked=(name,), tables=(DEMOGRAPHICS,)))
        for name in ("CREMA-D-master", "CREMA-D", "crema-d-mirror-master", "crema-d-mirror")
        for ending in (".zip", ".tar.gz", ".tar")
    ),
)

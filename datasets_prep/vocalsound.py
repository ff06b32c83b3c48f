"""VocalSound: six sounds that people make with the mouth, recorded by the crowd."""

import re
from collections.abc import Iterator, Mapping

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import only, read_csv, read_json, stem, with_keys

ARCHIVE = "vs_release_16k.zip"
NAMES = "class_labels_indices_vs.csv"
LABELS = {
    "/m/01j3sz": "Laughter",
    "/m/07plz5l": "Sigh",
    "/m/01b_21": "Cough",
    "/m/0dl9sf8": "Throat clearing",
    "/m/01hsr_": "Sneeze",
    "/m/07ppn3j": "Sniff",
}
IDENTITY = re.compile(r"(?P<speaker>(?P<gender>[fm])\d+)_\d+_\w+")
GENDERS = {"f": "female", "m": "male"}


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One an entry of the part's JSON file, the paths in which are its author's: the name of the file counts."""
    tree = trees[ARCHIVE]
    table = only(tree, f"datafiles/{split.options['part']}.json")
    home, where = table.removesuffix(f"datafiles/{split.options['part']}.json"), f"{table} in {tree.where}"
    labels = _labels(tree)
    listed = with_keys(read_json(tree, table), ("data",), where)["data"]
    if not isinstance(listed, list):
        raise CorpusError(f"{where}: 'data' is no list")
    for number, entry in enumerate(listed, 1):
        at = f"{where}, entry {number}"
        entry = with_keys(entry, ("wav", "labels"), at)
        identity = stem(str(entry["wav"]).replace("\\", "/"))
        found = IDENTITY.fullmatch(identity)
        if found is None:
            raise CorpusError(f"{at}: {entry['wav']!r} is not <f or m><speaker>_<number>_<sound>.wav")
        label = str(entry["labels"])
        if label not in labels:
            raise CorpusError(f"{at}: no sound {label!r}; there are {', '.join(labels)}")
        member = f"{home}audio_16k/{identity}.wav"
        yield Row(
            id=identity,
            recordings=(Recording(ARCHIVE, member, member),),
            references=(labels[label],),
            group=found["speaker"],
            fields={"gender": GENDERS[found["gender"]]},
        )


def _labels(tree: Tree) -> dict[str, str]:
    """The displayed name of each label, from the archive's table where it is there."""
    if not any(name == NAMES or name.endswith(f"/{NAMES}") for name in tree.names):
        return LABELS
    return {line["mid"]: line["display_name"] for _, line in read_csv(tree, only(tree, NAMES), ("mid", "display_name"))}


CORPUS = Corpus(
    name="vocalsound",
    title="VocalSound, at 16 kHz",
    tasks=("vsc",),
    languages=(),
    home="https://github.com/YuanGongND/vocalsound",
    licence="CC BY-SA 4.0",
    access=Access.open,
    citation=(
        "Y. Gong, J. Yu, J. Glass: Vocalsound: A dataset for improving human vocal sounds recognition. ICASSP 2022."
    ),
    archives=(
        Archive(
            ARCHIVE,
            url=f"https://www.dropbox.com/s/c5ace70qh1vbyzb/{ARCHIVE}?dl=1",
            also=("vocalsound_16k.zip",),
            unpacked=("vs_release_16k",),
            tops=("audio_16k", "datafiles", NAMES),
        ),
    ),
    splits=(
        Split("test", (ARCHIVE,), options={"part": "te"}),
        Split("val", (ARCHIVE,), options={"part": "val"}),
    ),
    rows=rows,
    layout=(
        "audio_16k/<f or m><speaker>_<number>_<sound>.wav; datafiles/{te,val}.json: data, a list of wav and labels; "
        f"{NAMES}: index, mid, display_name"
    ),
    labels=tuple(LABELS.values()),
    defects=(
        "the paths in its JSON files are of its author's machine",
        "copies on the hub are resampled, and have three to five clips fewer in test and val",
    ),
    unverified=("checksums", "clips of each split (about 3,590 of test, 1,860 of val)"),
)

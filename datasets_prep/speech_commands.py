"""Speech Commands v0.01 and v0.02: a word of 30 or 35, a second each; or the ten commands, silence and other words."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import only, read_lines

BASE = "http://download.tensorflow.org/data"
COMMANDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
TWELVE = (*COMMANDS, "_silence_", "_unknown_")
WORDS: dict[str, tuple[str, ...]] = {
    "v0.01": (
        *COMMANDS, "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "bed", "bird", "cat",
        "dog", "happy", "house", "marvin", "sheila", "tree", "wow",
    ),
}  # fmt: skip
WORDS["v0.02"] = (*WORDS["v0.01"], "backward", "forward", "follow", "learn", "visual")
# Name without .tar.gz: bytes, sha256
PUBLISHED = {
    "speech_commands_v0.01": (None, "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d"),
    "speech_commands_v0.02": (2_428_923_189, "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"),
    "speech_commands_test_set_v0.01": (None, None),
    "speech_commands_test_set_v0.02": (
        112_563_277, "cc2a00c1147c2254e9be3fa0f779d8c17421dc349b86366567a8edfa9acd51df",
    ),
}  # fmt: skip
TWELVE_SAMPLES = {"v0.01": 3081, "v0.02": 4890}


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of ``testing_list.txt``, or one a wav of a test set's archive; the label is its folder's name.

    The archives have no folder of their own, and the same names; what is of one lies in a folder of its name."""
    ((archive, tree),) = trees.items()
    folder = f"{archive.removesuffix('.tar.gz')}/"
    members = {name.removeprefix(folder): name for name in tree.names}
    for path in _testing_list(tree) if split.options["listed"] else members:
        parts = PurePosixPath(path).parts
        if parts[-1].lower().endswith(".wav"):
            if len(parts) != 2:
                raise CorpusError(f"{tree.where} holds {path}, which is not <label>/<file>.wav")
            label, stem = parts[0], re.sub(r"(\.wav)+$", "", parts[1], flags=re.IGNORECASE)
            yield Row(
                id=f"{label}-{stem}",
                recordings=(Recording(archive, members.get(path, path), f"{folder}{path}"),),
                references=(label,),
                group=stem.partition("_nohash_")[0] if "_nohash_" in stem else f"{label}-{stem}",
                fields={"language": "en"},
            )


def _testing_list(tree: Tree) -> Iterator[str]:
    name = only(tree, "testing_list.txt")
    for number, line in read_lines(tree, name):
        path = inside(line.strip(), name)
        if len(PurePosixPath(path).parts) != 2 or not path.endswith(".wav"):
            raise CorpusError(f"{name} in {tree.where}, line {number}: {line!r} is not <word>/<file>.wav")
        yield path


CORPUS = Corpus(
    name="speech_commands",
    title="Speech Commands v0.01 and v0.02",
    tasks=("ks",),
    languages=("en",),
    home="https://www.tensorflow.org/datasets/catalog/speech_commands",
    licence="CC BY 4.0",
    access=Access.open,
    citation="P. Warden: Speech Commands: A dataset for limited-vocabulary speech recognition. 2018.",
    archives=tuple(
        Archive(
            f"{name}.tar.gz",
            url=f"{BASE}/{name}.tar.gz",
            bytes=size,
            sha256=sha256,
            unpacked=(name, f"SpeechCommands/{name}"),
            tables=("testing_list.txt",),
        )
        for name, (size, sha256) in PUBLISHED.items()
    ),
    splits=tuple(
        split
        for version, words in WORDS.items()
        for split in (
            Split(
                f"{version}.test",
                (f"speech_commands_{version}.tar.gz",),
                labels=words,
                options={"listed": "yes"},
            ),
            Split(
                f"{version}.test12",
                (f"speech_commands_test_set_{version}.tar.gz",),
                samples=TWELVE_SAMPLES[version],
                labels=TWELVE,
                options={"listed": ""},
            ),
        )
    ),
    rows=rows,
    layout=(
        "<word>/<speaker>_nohash_<number>.wav, and testing_list.txt with the paths of the test part; the archives of "
        "the test sets: <label>/*.wav, _silence_ and _unknown_ among the labels"
    ),
    defects=(
        "two tests go by the same name: the testing list (all words) and the test set's archive (12 labels)",
        "some files of the test sets' archives end in .wav.wav",
    ),
    unverified=(
        "checksum of speech_commands_test_set_v0.01.tar.gz, which is downloaded by http",
        "bytes of the archives of v0.01",
        "samples of the testing lists",
        "that the published counts of 12 labels are those of the test sets' archives",
    ),
)

"""AISHELL-2, evaluation sets: the same read Mandarin through three channels."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import read_headless

ARCHIVE = "TEST&DEV DATA.zip"
HOME = "AISHELL-DEV-TEST-SET"
CHANNELS = ("mic", "ios", "android")
SAMPLES = {"dev": 2500, "test": 5000}
IDENTITY = re.compile(r"(?P<speaker>.+)W\d+")


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One an utterance of ``trans.txt``, with the recording that ``wav.scp`` names."""
    tree = trees[ARCHIVE]
    folder = _folder(tree, split.options["channel"], split.options["part"])
    paths: dict[str, str] = {}
    for number, line in read_headless(tree, f"{folder}/wav.scp", ("id", "path")):
        if line["id"] in paths:
            raise CorpusError(f"{folder}/wav.scp in {tree.where}, line {number}: {line['id']} stands there twice")
        paths[line["id"]] = line["path"].strip()
    for number, line in read_headless(tree, f"{folder}/trans.txt", ("id", "text")):
        identity, where = line["id"], f"{folder}/trans.txt in {tree.where}, line {number}"
        found = IDENTITY.fullmatch(identity)
        if found is None:
            raise CorpusError(f"{where}: the id {identity!r} is not <speaker>W<number>")
        if identity not in paths:
            raise CorpusError(f"{where}: {folder}/wav.scp names no recording of {identity}")
        member = f"{folder}/{inside(paths[identity], f'{folder}/wav.scp')}"
        yield Row(
            id=identity,
            recordings=(Recording(ARCHIVE, member, member),),
            references=(line["text"],),
            group=found["speaker"],
            fields={"language": "zh"},
        )


def _folder(tree: Tree, channel: str, part: str) -> str:
    """Of a channel, whose name is spelt in more than one way. Raises CorpusError."""
    for name in tree.names:
        parts = PurePosixPath(name).parts
        if len(parts) > 3 and parts[0] == HOME and parts[1].casefold() == channel and parts[2] == part:
            return f"{HOME}/{parts[1]}/{part}"
    raise CorpusError(f"{tree.where} holds no folder {HOME}/<{channel}>/{part}, whatever its case")


CORPUS = Corpus(
    name="aishell2",
    title="AISHELL-2, evaluation sets (AISHELL2-2018A-EVAL)",
    tasks=("asr",),
    languages=("zh",),
    home="https://www.aishelltech.com/aishell_2",
    licence="non-commercial research and education; not to be passed on outside one's institution",
    access=Access.agreement,
    citation="J. Du, X. Na, X. Liu, H. Bu: AISHELL-2: Transforming Mandarin ASR research into industrial scale. 2018.",
    archives=(
        Archive(
            ARCHIVE,
            url="https://aishell-eval.oss-cn-beijing.aliyuncs.com/TEST&DEV%20DATA.zip",
            unpacked=(HOME,),
            nested=(".tar.gz",),
        ),
    ),
    splits=tuple(
        Split(f"{channel}.{part}", (ARCHIVE,), samples=samples, options={"channel": channel, "part": part})
        for channel in CHANNELS
        for part, samples in SAMPLES.items()
    ),
    rows=rows,
    layout=(
        f"{HOME}/<iOS, Android or Mic>/<dev or test>.tar.gz, in each <dev or test>/wav.scp, trans.txt (an id, a tab, "
        "a path or a text) and the recordings"
    ),
    defects=(
        "full-width letters and signs, hyphens and question marks stand in some texts",
        "its character error rate is often printed as WER",
    ),
    unverified=("checksums", "names of the folders of Android and Mic", "hours", "sample rate of each channel"),
)

"""AISHELL-2, evaluation sets: the same read Mandarin through three channels."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.tables import read_lines

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
    for where, identity, path in _read(tree, f"{folder}/wav.scp"):
        if identity in paths:
            raise CorpusError(f"{where}: {identity} stands there twice")
        paths[identity] = path.strip()
    for where, identity, text in _read(tree, f"{folder}/trans.txt"):
        found = IDENTITY.fullmatch(identity)
        if found is None:
            raise CorpusError(f"{where}: the id {identity!r} is not <speaker>W<number>")
        if identity not in paths:
            raise CorpusError(f"{where}: {folder}/wav.scp names no recording of {identity}")
        member = f"{folder}/{inside(paths[identity], f'{folder}/wav.scp')}"
        yield Row(
            id=identity,
            recordings=(Recording(ARCHIVE, member, member[member.index(HOME) :]),),
            references=(text,),
            group=found["speaker"],
            fields={"language": "zh"},
        )


def _read(tree: Tree, name: str) -> Iterator[tuple[str, str, str]]:
    """Place, id, and what stands behind the tab (or blank) after it, of every line. Raises CorpusError."""
    for number, line in read_lines(tree, name):
        where = f"{name} in {tree.where}, line {number}"
        identity, between, rest = line.partition("\t" if "\t" in line else " ")
        if not between or not rest.strip():
            raise CorpusError(f"{where}: not an id and a text with a tab between")
        yield where, identity, rest


def _folder(tree: Tree, channel: str, part: str) -> str:
    """Of a channel, whose name is spelt in more than one way. Raises CorpusError."""
    for name in tree.names:
        parts = PurePosixPath(name).parts
        at = parts.index(HOME) if HOME in parts else len(parts)
        if len(parts) > at + 3 and parts[at + 1].casefold() == channel and parts[at + 2] == part:
            return "/".join(parts[: at + 3])
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

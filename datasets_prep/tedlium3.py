"""TED-LIUM release 3 (SLR51), its legacy dev and test: English talks, cut into segments by STM files."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.segments import seconds_of
from datasets_prep.tables import read_lines

ARCHIVE = "TEDLIUM_release-3.tgz"
FOLDER = "TEDLIUM_release-3"
IGNORED = "ignore_time_segment_in_scoring"
SAMPLES = {"dev": 507, "test": 1155}


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of every ``stm/<talk>.stm``: talk, channel, speaker, start, end, label, text."""
    tree = trees[ARCHIVE]
    _check_tables(tree, split.name)
    for name in tree.names:
        path = PurePosixPath(name)
        if path.parts[:-1] != (FOLDER, "legacy", split.name, "stm") or path.suffix != ".stm":
            continue
        for number, line in read_lines(tree, name):
            if line.lstrip().startswith(";;"):
                continue
            where = f"{name} in {tree.where}, line {number}"
            talk, _, speaker, *times, label, text = _columns(line, where)
            if not (label.startswith("<") and label.endswith(">")):
                raise CorpusError(f"{where}: {label!r} is no label like <o,f0,female>")
            if IGNORED in text.split():
                continue
            start, end = (seconds_of(time, where) for time in times)
            if end <= start:
                raise CorpusError(f"{where}: it ends at {end:g} s, not after its start at {start:g} s")
            member = str(path.parents[1] / f"sph/{talk}.sph")
            yield Row(
                id=f"{talk}-{round(100 * start):07}-{round(100 * end):07}",
                recordings=(Recording(ARCHIVE, member, member, start, end),),
                references=(_cleaned(text),),
                group=speaker,
                fields={"language": "en"},
            )


def _check_tables(tree: Tree, part: str) -> None:
    """Raise CorpusError where a talk of the part has no STM file."""
    for name in tree.names:
        path = PurePosixPath(name)
        table = str(path.parents[1] / f"stm/{path.stem}.stm") if len(path.parts) > 1 else ""
        if path.parts[:-1] == (FOLDER, "legacy", part, "sph") and path.suffix == ".sph" and table not in tree.names:
            raise CorpusError(f"{tree.where} lacks {table}, which {name} needs; get it again")


def _columns(line: str, where: str) -> list[str]:
    parts = line.split(maxsplit=6)
    if len(parts) < 6:
        raise CorpusError(f"{where}: {len(parts)} columns, not talk, channel, speaker, start, end, label and text")
    return parts if len(parts) == 7 else [*parts, ""]


def _cleaned(text: str) -> str:
    """Suffixes joined to their words (``it 's``), without ``<unk>`` and noises in brackets."""
    words = [word for word in text.split() if word != "<unk>" and (word[0], word[-1]) not in (("[", "]"), ("{", "}"))]
    return " ".join(words).replace(" '", "'")


CORPUS = Corpus(
    name="tedlium3",
    title="TED-LIUM release 3 (SLR51), legacy split",
    tasks=("asr",),
    languages=("en",),
    home="https://www.openslr.org/51",
    licence="CC BY-NC-ND 3.0",
    access=Access.open,
    citation=(
        "F. Hernandez, V. Nguyen, S. Ghannay, N. Tomashenko, Y. Estève: TED-LIUM 3: twice as much data and corpus "
        "repartition for experiments on speaker adaptation. SPECOM 2018."
    ),
    archives=(
        Archive(
            ARCHIVE,
            url=f"https://www.openslr.org/resources/51/{ARCHIVE}",
            bytes=54_320_173_876,
            sha256="ad1e454d14d1ad550bc2564c462d87c7a7ec83d4dc2b9210f22ab4973b9eccdb",
            unpacked=(FOLDER,),
            tables=(".stm",),
        ),
    ),
    splits=tuple(Split(name, (ARCHIVE,), samples=samples) for name, samples in SAMPLES.items()),
    rows=rows,
    layout=(
        f"{FOLDER}/legacy/<split>/stm/<talk>.stm (talk, channel, speaker, start, end, label, text), and the talks, "
        f"{FOLDER}/legacy/<split>/sph/<talk>.sph"
    ),
    defects=(
        "54 GB for some four hours of dev and test",
        "lines that say ignore_time_segment_in_scoring, which are left out here and kept in some copies",
        "suffixes are words of their own (it 's), <unk> and [NOISE] stand among the words: mended in the references",
    ),
    unverified=("hours of each split", "words of the references, which depend on the mending"),
)

"""GTZAN: music of ten genres, a thousand excerpts of 30 s; its faults are known, so a filtered part is scored."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.records import sounds
from datasets_prep.tables import read_lines, stem

ARCHIVE = "genres.tar.gz"
LIST = "test_filtered.txt"
LABELS = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
LISTS = "https://raw.githubusercontent.com/coreyker/dnn-mgr/bdad579ea6cb37b665ea6019fe1026a6ce20cbc7/gtzan"


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One an excerpt, all of them or those of the list; the label is the name of its folder."""
    tree = trees[ARCHIVE]
    found = {f"{stem(name)}.wav": name for name in sounds(tree.names).values()}
    wanted = sorted(found) if split.name == "all" else list(_listed(trees[LIST]))
    for name in wanted:
        genre = name.partition(".")[0]
        member = found.get(name, f"genres/{genre}/{name}")
        label = PurePosixPath(member).parent.name
        yield Row(
            id=name.removesuffix(".wav"),
            recordings=(Recording(ARCHIVE, member, member),),
            references=(label,),
            group=name.removesuffix(".wav"),
        )


def _listed(tree: Tree) -> Iterator[str]:
    for number, line in read_lines(tree, tree.names[0]):
        path = PurePosixPath(line.strip())
        if path.parent.name not in LABELS or not path.name.startswith(f"{path.parent.name}.") or path.suffix != ".wav":
            raise CorpusError(f"{tree.where}, line {number}: {line.strip()!r} is not <genre>/<genre>.<number>.wav")
        yield path.name


CORPUS = Corpus(
    name="gtzan",
    title="GTZAN genre collection",
    tasks=("mgr",),
    languages=(),
    home="https://huggingface.co/datasets/marsyas/gtzan",
    licence="none known",
    access=Access.open,
    citation="G. Tzanetakis, P. Cook: Musical genre classification of audio signals. IEEE TSAP 10(5), 2002.",
    archives=(
        Archive(
            ARCHIVE,
            url="https://huggingface.co/datasets/marsyas/gtzan/resolve/main/data/genres.tar.gz",
            md5="5b3d6dddb579ab49814ab86dba69e7c7",
            sha256="24347e0223d2ba798e0a558c4c172d9d4a19c00bb7963fe055d183dadb4ef2c6",
            unpacked=("genres", "Data/genres_original", "genres_original"),
        ),
        Archive(LIST, url=f"{LISTS}/{LIST}"),
    ),
    splits=(Split("filtered", (ARCHIVE, LIST), samples=290), Split("all", (ARCHIVE,), samples=1000)),
    rows=rows,
    layout="genres/<genre>/<genre>.<00000-00099>.wav, and a list of the paths <genre>/<file> of the filtered test part",
    labels=LABELS,
    defects=(
        "repeated excerpts, wrong labels, artists on both sides of a random split: the filtered part avoids them",
        "jazz.00054.wav cannot be decoded in some copies",
    ),
    unverified=("checksums",),
)

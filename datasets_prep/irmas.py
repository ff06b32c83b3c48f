"""IRMAS: the predominant instruments of excerpts of music, 11 of them; its testing part, often several at once."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split, nearest
from datasets_prep.members import is_sound
from datasets_prep.tables import read_lines

NAMES = {
    "cel": "cello", "cla": "clarinet", "flu": "flute", "gac": "acoustic guitar", "gel": "electric guitar",
    "org": "organ", "pia": "piano", "sax": "saxophone", "tru": "trumpet", "vio": "violin",
    "voi": "human singing voice",
}  # fmt: skip
MD5 = ("5a2e65520dcedada565dff2050bb2a56", "afb0c8ea92f34ee653693106be95c895", "9b3fb2d0c89cdc98037121c25bd5b556")
PARTS = tuple(f"IRMAS-TestingData-Part{number}.zip" for number in (1, 2, 3))


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One an excerpt; its instruments stand in the text file beside it, one a line."""
    for archive, tree in trees.items():
        names = set(tree.names)
        for name in tree.names:
            if not is_sound(name):
                continue
            text = str(PurePosixPath(name).with_suffix(".txt"))
            if text not in names:
                raise CorpusError(f"{tree.where} lacks {text}, the instruments of {name}")
            yield Row(
                id=PurePosixPath(name).stem,
                recordings=(Recording(archive, name, name),),
                references=tuple(_instruments(tree, text)),
                group=PurePosixPath(name).stem,
            )
        heard = {str(PurePosixPath(name).with_suffix("")) for name in names if is_sound(name)}
        for text in sorted(name for name in names if name.endswith(".txt") and name.removesuffix(".txt") not in heard):
            if all(line.strip() in NAMES for _, line in read_lines(tree, text)):  # others are remarks
                raise CorpusError(f"{tree.where} lacks {text.removesuffix('.txt')}.wav, which {text} is about")


def _instruments(tree: Tree, name: str) -> Iterator[str]:
    lines = list(read_lines(tree, name))
    if not lines:
        raise CorpusError(f"{name} in {tree.where} names no instrument; get it again")
    for number, line in lines:
        code = line.strip()
        if code not in NAMES:
            raise CorpusError(
                f"{name} in {tree.where}, line {number}: no instrument '{code}'{nearest(code, list(NAMES))}"
            )
        yield NAMES[code]


CORPUS = Corpus(
    name="irmas",
    title="IRMAS, testing part",
    tasks=("mic",),
    languages=(),
    home="https://www.upf.edu/web/mtg/irmas",
    licence="CC BY-NC-SA 3.0",
    access=Access.open,
    citation=(
        "J. Bosch, J. Janer, F. Fuhrmann, P. Herrera: A comparison of sound segregation techniques for predominant "
        "instrument recognition in musical audio signals. ISMIR 2012."
    ),
    archives=tuple(
        Archive(
            name,
            url=f"https://zenodo.org/record/1290750/files/{name}?download=1",
            md5=md5,
            unpacked=(name.removesuffix(".zip"),),
        )
        for name, md5 in zip(PARTS, MD5, strict=True)
    ),
    splits=(Split("test", PARTS, samples=2874),),
    rows=rows,
    layout="three zips, Part<n>/<excerpt>.wav and a text of the same name with a code of an instrument a line",
    labels=tuple(NAMES.values()),
    defects=("several instruments of most excerpts are right answers",),
    unverified=("the folder in each zip",),
)

"""artist20: popular music of 20 artists, whole albums; who sings?"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.members import is_sound

HOME = "artist20"
ARTISTS = (
    "aerosmith", "beatles", "creedence_clearwater_revival", "cure", "dave_matthews_band", "depeche_mode",
    "fleetwood_mac", "garth_brooks", "green_day", "led_zeppelin", "madonna", "metallica", "prince", "queen",
    "radiohead", "roxette", "steely_dan", "suzanne_vega", "tori_amos", "u2",
)  # fmt: skip


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a song; the artist is the folder that its album's folder lies in."""
    tree = trees[HOME]
    for name in tree.names:
        path = PurePosixPath(name)
        if not is_sound(name):
            continue
        if len(path.parts) < 4:
            raise CorpusError(f"{tree.where} holds {name}, which is not <artist>/<album>/<song>.mp3 in a folder")
        artist, album = path.parts[-3], path.parts[-2]
        yield Row(
            id=f"{artist}-{album}-{path.stem}",
            recordings=(Recording(HOME, name, name),),
            references=(artist,),
            group=f"{artist}-{album}",
        )


CORPUS = Corpus(
    name="artist20",
    title="artist20",
    tasks=("sid",),
    languages=("en",),
    home="https://labrosa.ee.columbia.edu/projects/artistid/",
    licence="the albums are copyrighted; audio on request (unverified)",
    access=Access.agreement,
    citation="D. Ellis: Classifying music audio with timbral and chroma features. ISMIR 2007.",
    archives=(Archive(HOME, unpacked=(HOME,)),),
    splits=(Split("all", (HOME,), samples=1413),),
    rows=rows,
    layout="artist20/mp3s-32k/<artist>/<album>/<song>.mp3",
    labels=None,
    defects=("songs of one album sound alike: intervals take an album as one",),
    unverified=("layout", "names of the artists", "the lists of the canonical split, so all songs are taken"),
)

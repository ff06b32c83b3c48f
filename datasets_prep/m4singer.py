"""M4Singer: Mandarin songs by 20 singers, made for singing synthesis; who sings?"""

import zlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.members import is_sound

ARCHIVE = "m4singer.zip"
SHARE = 10
"""One song in so many is of the test part, which this project chose: there is no official one."""


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a phrase of the songs whose folders' checksums choose them."""
    tree = trees[ARCHIVE]
    for name in tree.names:
        path = PurePosixPath(name)
        if not is_sound(name):
            continue
        song = path.parent.name
        singer, sign, title = song.partition("#")
        if not (singer and sign and title):
            raise CorpusError(f"{tree.where} holds {name}, whose folder is not <singer>#<song>")
        if zlib.crc32(song.encode()) % SHARE == 0:
            yield Row(
                id=f"{song}-{path.stem}",
                recordings=(Recording(ARCHIVE, name, name),),
                references=(singer,),
                group=song,
            )


CORPUS = Corpus(
    name="m4singer",
    title="M4Singer",
    tasks=("sid",),
    languages=("zh",),
    home="https://github.com/M4Singer/M4Singer",
    licence="CC BY-NC-SA 4.0",
    access=Access.open,
    citation=(
        "L. Zhang, R. Li, S. Wang, et al.: M4Singer: A multi-style, multi-singer and musical score provided Mandarin "
        "singing corpus. NeurIPS 2022."
    ),
    archives=(
        Archive(
            ARCHIVE, url="https://drive.google.com/file/d/1xC37E59EWRRFFLdG3aJkVqwtLDgtFNqW", unpacked=("m4singer",)
        ),
    ),
    splits=(Split("test", (ARCHIVE,)),),
    rows=rows,
    layout="m4singer/<singer>#<song>/<number>.wav",
    defects=("no split is published: the test part is every song whose name's CRC-32 is a multiple of ten",),
    unverified=("checksums", "layout", "names of the singers", "samples of the test part"),
)

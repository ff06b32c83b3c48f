"""LibriSpeech (SLR12): read English, four evaluation parts."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split

IDENTITY = re.compile(r"\w+-\w+-\w+")
BASE = "https://www.openslr.org/resources/12"
# Name: bytes, md5, sha256, utterances, words of the references
PUBLISHED = {
    "dev-clean": (
        337_926_286, "42e2234ba48799c1f50f24a7926300a1",
        "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3", 2703, 54_402,
    ),
    "dev-other": (
        314_305_928, "c8d0bcc9cca99d4f8b62fcc847357931",
        "12661c48e8c3fe1de2c1caa4c3e135193bfb1811584f11f569dd12645aa84365", 2864, 50_948,
    ),
    "test-clean": (
        346_663_984, "32fa31d27d2e1cad72775fee3f4849a9",
        "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23", 2620, 52_576,
    ),
    "test-other": (
        328_757_843, "fb5a50374b501bb3bac4815ee91d3135",
        "d09c181bba5cf717b3dee7d4d592af11a3ee3a09e08ae025c5506f6ebe961c29", 2939, 52_343,
    ),
}  # fmt: skip


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a line of every ``<speaker>-<chapter>.trans.txt``: an id, a blank, the text."""
    ((archive, tree),) = trees.items()
    for name in tree.names:
        path = PurePosixPath(name)
        if path.parts[:2] != ("LibriSpeech", split.name) or not name.endswith(".trans.txt"):
            continue
        for number, line in enumerate(tree.text(name).split("\n"), 1):
            if not line.strip():
                continue
            identity, blank, text = line.removesuffix("\r").partition(" ")
            if not blank or not IDENTITY.fullmatch(identity):
                raise CorpusError(f"{name} in {tree.where}, line {number}: no id with a text after one blank")
            speaker, chapter, _ = identity.split("-")
            member = str(path.with_name(f"{identity}.flac"))
            yield Row(
                id=identity,
                recordings=(Recording(archive, member, member),),
                references=(text,),
                group=speaker,
                fields={"language": "en", "speaker": speaker, "chapter": chapter},
            )


CORPUS = Corpus(
    name="librispeech",
    title="LibriSpeech (SLR12)",
    tasks=("asr",),
    languages=("en",),
    home="https://www.openslr.org/12",
    licence="CC BY 4.0",
    access=Access.open,
    citation=(
        "V. Panayotov, G. Chen, D. Povey, S. Khudanpur: Librispeech: an ASR corpus based on public domain audio books. "
        "ICASSP 2015."
    ),
    archives=tuple(
        Archive(
            name=f"{name}.tar.gz",
            url=f"{BASE}/{name}.tar.gz",
            bytes=size,
            md5=md5,
            sha256=sha256,
            unpacked=(f"LibriSpeech/{name}",),
            tables=(".trans.txt",),
        )
        for name, (size, md5, sha256, _, _) in PUBLISHED.items()
    ),
    splits=tuple(
        Split(name, (f"{name}.tar.gz",), samples=utterances, words=words)
        for name, (_, _, _, utterances, words) in PUBLISHED.items()
    ),
    rows=rows,
    layout=(
        "LibriSpeech/<split>/<speaker>/<chapter>/<speaker>-<chapter>-<utterance>.flac, and beside them "
        "<speaker>-<chapter>.trans.txt with a line for each: the id, a blank, the text in capitals"
    ),
    defects=("some utterances are longer than 30 s",),
    unverified=("hours of each split", "how many utterances are longer than 30 s"),
)

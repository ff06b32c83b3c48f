"""AudioGrounding, version 2: phrases of captions of AudioCaps, and when what they name sounds."""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.records import compact, needed, read_entries
from datasets_prep.tables import only, with_keys

SPLITS = ("test", "val")
HOMES = ("AudioGrounding", "AudioGrounding_v2", "audio_grounding")
"""What the folder may be called that holds the parts."""


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a phrase that sounds somewhere; one without a stretch of time is left out."""
    ((archive, tree),) = trees.items()
    table = _table(tree, split.name)
    home = table.removesuffix("label.json")
    files = {PurePosixPath(name).name: name for name in tree.names if name.startswith(home)}
    for where, record in read_entries(tree, table, ("audio_id", "phrases")):
        identity = needed(record["audio_id"], "audio_id", where)
        file = f"{identity.removesuffix('.wav')}.wav"
        member = files.get(file, f"{home}audio/{file}")
        if not isinstance(record["phrases"], list):
            raise CorpusError(f"{where}: 'phrases' is no list; get it again")
        for number, said in enumerate(record["phrases"]):
            phrase = with_keys(said, ("phrase", "segments"), f"{where}, phrase {number}")
            if segments := _segments(phrase["segments"], f"{where}, phrase {number}"):
                yield Row(
                    id=f"{identity.removesuffix('.wav')}-{number}",
                    recordings=(Recording(archive, member, member),),
                    references=(compact(segments),),
                    group=identity,
                    fields={"phrase": needed(phrase["phrase"], "phrase", where)},
                )


def _table(tree: Tree, part: str) -> str:
    """The list of a part, which lies in the part's folder, where the archive holds several."""
    tables = [name for name in tree.names if PurePosixPath(name).name == "label.json"]
    return tables[0] if len(tables) == 1 else only(tree, f"{part}/label.json")


def _segments(value: Any, where: str) -> list[list[float]]:
    """Begin and end of each stretch, as they stand. Raises CorpusError for what is none."""
    for pair in value if isinstance(value, list) else [None]:
        numbers = isinstance(pair, list) and all(isinstance(t, int | float) and not isinstance(t, bool) for t in pair)
        if not numbers or len(pair) != 2 or not 0 <= pair[0] <= pair[1]:
            raise CorpusError(f"{where}: {pair!r:.60} is no [onset, offset] in seconds")
    return list(value)


CORPUS = Corpus(
    name="audio_grounding",
    title="AudioGrounding, version 2",
    tasks=("sed",),
    languages=("en",),
    home="https://doi.org/10.5281/zenodo.7269161",
    licence="unverified (its code: MIT)",
    access=Access.open,
    citation=(
        "X. Xu, H. Dinkel, M. Wu, K. Yu: Text-to-audio grounding: Building correspondence between captions and sound "
        "events. ICASSP 2021."
    ),
    archives=tuple(
        Archive(
            f"{part}.zip",
            also=tuple(f"{home}.zip" for home in HOMES),
            unpacked=(part, *(f"{home}/{part}" for home in HOMES)),
        )
        for part in SPLITS
    ),
    splits=tuple(Split(part, (f"{part}.zip",)) for part in SPLITS),
    rows=rows,
    layout=(
        "<part>/audio/Y<film>.wav and <part>/label.json, a list: audiocap_id, audio_id, tokens, phrases (phrase, "
        "start_index, end_index, segments: [[onset, offset], ...])"
    ),
    defects=("the splits and the names of recordings are not those of version 1",),
    unverified=("licence", "names, folders and checksums of the archives", "samples"),
)

"""MUSIC-AVQA: questions about films of music; here those that can be answered by ear, how many and which."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.members import Members
from datasets_prep.records import needed, read_entries

FOLDER = "MUSIC-AVQA"
BASE = "https://raw.githubusercontent.com/GeWu-Lab/MUSIC-AVQA/HEAD"
KEYS = ("video_id", "question_id", "type", "question_content", "templ_values", "anser")
PLACE = re.compile(r"<\w+>")
# Subset: the version of its list, audio questions
SUBSETS = {"test": ("json_update", 1611), "test.original": ("json", 1623)}


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One an entry of the list whose type begins with Audio; its recording, or else its film, is in ``data``."""
    table = split.archives[0]
    members = Members(trees[FOLDER].names)
    for where, record in read_entries(trees[table], table, KEYS):
        kind = _list(record["type"], "type", where)
        if not kind or kind[0] != "Audio":
            continue
        film = needed(record["video_id"], "video_id", where)
        sound, video = (members.find(f"{FOLDER}/data/{each}") for each in (f"audio/{film}.wav", f"video/{film}.mp4"))
        member = video if video in members.names and sound not in members.names else sound
        yield Row(
            id=needed(record["question_id"], "question_id", where),
            recordings=(Recording(FOLDER, member, member),),
            references=(needed(record["anser"], "anser", where),),
            group=film,
            fields={"question": _question(record, where), "question_type": " ".join(map(str, kind))},
        )


def _question(record: Mapping[str, Any], where: str) -> str:
    """The question with its places filled in, in their order."""
    values = iter(_list(record["templ_values"] or "[]", "templ_values", where))
    text = needed(record["question_content"], "question_content", where)
    try:
        return PLACE.sub(lambda place: str(next(values)), text)
    except StopIteration:
        raise CorpusError(f"{where}: templ_values has too few values for {text!r}") from None


def _list(value: Any, what: str, where: str) -> list[Any]:
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise CorpusError(f"{where}: '{what}' is {value!r:.60}, no list")
    return found


def _table(version: str) -> str:
    return f"{FOLDER}/data/{version}/avqa-test.json"


CORPUS = Corpus(
    name="music_avqa",
    title="MUSIC-AVQA, questions of type Audio",
    tasks=("mqa",),
    languages=("en",),
    home="https://gewu-lab.github.io/MUSIC-AVQA/",
    licence="MIT (its repository); films keep their own",
    access=Access.open,
    citation=("G. Li et al.: Learning to answer questions in dynamic audio-visual scenarios. CVPR 2022."),
    archives=(
        *(
            Archive(
                _table(version),
                url=f"{BASE}/data/{version}/avqa-test.json",
                also=(f"data/{version}/avqa-test.json", f"{version}/avqa-test.json"),
            )
            for version, _ in SUBSETS.values()
        ),
        Archive(FOLDER, unpacked=(FOLDER,)),
    ),
    splits=tuple(Split(name, (_table(version), FOLDER), samples=count) for name, (version, count) in SUBSETS.items()),
    rows=rows,
    layout=(
        f"{FOLDER}/data/json_update/avqa-test.json (test) or data/json/avqa-test.json (test.original), lists; "
        f"{FOLDER}/data/audio/<video_id>.wav, or data/video/<video_id>.mp4 (from Google Drive)"
    ),
    defects=(
        "the key of the answer is spelt 'anser'",
        "two versions of the questions: test is the later one",
        "recordings of about a minute",
        "films need ffmpeg",
    ),
    unverified=("checksums", "folders of recordings and films"),
)

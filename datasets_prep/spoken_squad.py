"""Spoken-SQuAD: questions about spoken paragraphs, a recording a sentence; answers are words of the recognised text."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split
from datasets_prep.members import is_sound
from datasets_prep.records import needed
from datasets_prep.tables import read_json, with_keys

TABLE, AUDIO = "spoken_test-v1.1.json", "Spoken-SQuAD_audio.zip"
SENTENCE = re.compile(r"(\d+)_(\d+)_(\d+)")
Sentences = dict[tuple[int, int], dict[int, str]]
"""Article and paragraph, counted from 0: number of the sentence to its recording."""


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a question; all sentences of its paragraph are its clips."""
    found = with_keys(read_json(trees[TABLE], TABLE), ["data"], TABLE)
    sentences = _sentences(trees[AUDIO])
    first = min((number for numbers in sentences.values() for number in numbers), default=0)
    for topic, article in enumerate(_list(found["data"], TABLE)):
        place = f"{TABLE}, article {topic}"
        title = needed(with_keys(article, ["title", "paragraphs"], place)["title"], "title", place)
        for number, paragraph in enumerate(_list(article["paragraphs"], place)):
            where = f"{place}, paragraph {number}"
            asked = _list(with_keys(paragraph, ["qas"], where)["qas"], where)
            names = _in_order(sentences, topic, number, first, where) if asked else []
            clips = tuple(Recording(AUDIO, name, name) for name in names)
            for question in asked:
                record = with_keys(question, ["id", "question", "answers"], where)
                answers = [with_keys(answer, ["text"], where)["text"] for answer in _list(record["answers"], where)]
                if not answers:
                    raise CorpusError(f"{where}: the question {record['id']} has no answer")
                yield Row(
                    id=needed(record["id"], "id", where),
                    recordings=clips,
                    references=tuple(dict.fromkeys(needed(answer, "text", where) for answer in answers)),
                    group=title,
                    fields={"question": needed(record["question"], "question", where)},
                )


def _list(value: Any, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise CorpusError(f"{where}: {value!r:.60} is no list; get the file again")
    return value


def _sentences(tree: Tree) -> Sentences:
    """The recordings of the archive. Train and test count from 0 alike: where a name is in two folders, it is in that
    which is called after the test (or dev) part. Raises CorpusError where that does not tell them apart."""
    places: dict[str, list[str]] = {}
    for name in tree.names:
        path = PurePosixPath(name)
        if is_sound(name) and SENTENCE.fullmatch(path.stem):
            places.setdefault(path.stem, []).append(name)
    found: Sentences = {}
    for stem, names in places.items():
        if len(names) > 1:
            names = [name for name in names if re.search("test|dev", name.lower())]
        if len(names) != 1:
            raise CorpusError(f"{tree.where} holds {stem}.wav in several folders; keep that of the test part")
        topic, paragraph, number = map(int, stem.split("_"))
        found.setdefault((topic, paragraph), {})[number] = names[0]
    return found


def _in_order(sentences: Sentences, topic: int, paragraph: int, first: int, where: str) -> list[str]:
    """The recordings of a paragraph. Raises CorpusError where there is none, or one is missing between two others."""
    numbers = sentences.get((topic, paragraph), {})
    for number in range(first, max(numbers, default=first) + 1):
        if number not in numbers:
            raise CorpusError(f"{AUDIO} lacks {topic}_{paragraph}_{number}.wav, which {where} needs; get it again")
    return [numbers[number] for number in sorted(numbers)]


CORPUS = Corpus(
    name="spoken_squad",
    title="Spoken-SQuAD",
    tasks=("chat",),
    languages=("en",),
    home="https://github.com/chiahsuan156/Spoken-SQuAD",
    licence="unverified (SQuAD is CC BY-SA 4.0)",
    access=Access.open,
    citation=(
        "C.-H. Li, S.-L. Wu, C.-L. Liu, H. Lee: Spoken SQuAD: A study of mitigating the impact of speech recognition "
        "errors on listening comprehension. Interspeech 2018."
    ),
    archives=(
        Archive(TABLE),
        Archive(
            AUDIO,
            url=f"http://speech.ee.ntu.edu.tw/~chiahsuan/Spoken-SQuAD/{AUDIO}",
            unpacked=("Spoken-SQuAD_audio",),
        ),
    ),
    splits=(Split("test", (TABLE, AUDIO), samples=5351),),
    rows=rows,
    layout=(
        "spoken_test-v1.1.json as SQuAD 1.1 has it, and in any folder of the archive "
        "<article>_<paragraph>_<sentence>.wav, counted as in the list"
    ),
    defects=(
        "synthesised speech",
        "paragraphs are longer than 30 s in all",
        "questions whose answer the recogniser missed were left out",
    ),
    unverified=(
        "licence",
        "checksums (the archive comes by http)",
        "folders of the archive",
        "that articles, paragraphs and sentences are counted without a gap",
    ),
)

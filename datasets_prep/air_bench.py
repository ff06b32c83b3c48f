"""AIR-Bench: single-choice questions of 19 tasks (foundation) and open questions (chat) about speech, sound, music."""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from datasets_prep.archives import Tree, inside
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Hub, Recording, Row, Split
from datasets_prep.records import filled, needed, read_entries, text_of

HUB = "qyang1021/AIR-Bench-Dataset"
FOLDER = "AIR-Bench-Dataset"
LETTERS = "abcd"
KEYS = ("path", "question", "answer_gt", "task_name", "dataset_name", "uniq_id")


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One an entry of ``<part>_meta.json``; its recording is in the folder of its task and dataset."""
    ((archive, tree),) = trees.items()
    part = split.options["part"]
    names = set(tree.names)
    keys = (*KEYS, "choice_a", "choice_b") if part == "Foundation" else (*KEYS, "meta_info")
    for where, record in read_entries(tree, f"{archive}/{part}_meta.json", keys):
        task, dataset = (needed(record[key], key, where) for key in ("task_name", "dataset_name"))
        member = inside(f"{archive}/{task}_{dataset}/{needed(record['path'], 'path', where)}", where)
        if task == "Audio_Grounding" and member not in names:  # the list says .wav
            member = str(PurePosixPath(member).with_suffix(".flac"))
        answer = needed(record["answer_gt"], "answer_gt", where)
        fields: dict[str, Any] = {"question": needed(record["question"], "question", where)}
        if part == "Foundation":
            fields["choices"], answer = _choices(record, answer, where)
        else:
            fields |= filled(meta_info=_said(record["meta_info"]))
        yield Row(
            id=needed(record["uniq_id"], "uniq_id", where),
            recordings=(Recording(archive, member, member),),
            references=(answer,),
            group=member,
            fields=fields | {"task_name": task, "dataset_name": dataset},
        )


def _choices(record: Mapping[str, Any], answer: str, where: str) -> tuple[list[str], str]:
    """The choices, and the text of the right one, which the list names by its text, or else by its letter."""
    by_letter = {letter: text_of(record.get(f"choice_{letter}"), where) for letter in LETTERS}
    choices = [text for text in by_letter.values() if text.strip()]
    if answer in choices:
        return choices, answer
    named = by_letter.get(answer.strip().lower(), "")
    if not named:
        raise CorpusError(f"{where}: answer_gt is {answer!r}, which is none of the choices {', '.join(choices)}")
    return choices, named


def _said(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


CORPUS = Corpus(
    name="air_bench",
    title="AIR-Bench",
    tasks=("chat",),
    languages=("en",),
    home="https://github.com/OFA-Sys/AIR-Bench",
    licence="CC BY-NC 4.0 (the hub's card); sources keep their own",
    access=Access.open,
    citation=(
        "Q. Yang et al.: AIR-Bench: Benchmarking large audio-language models via generative comprehension. ACL 2024."
    ),
    archives=tuple(
        Archive(f"{FOLDER}/{part}", unpacked=(f"{FOLDER}/{part}",), hub=Hub(HUB, files=(f"{part}/*",)))
        for part in ("Foundation", "Chat")
    ),
    splits=tuple(Split(part.lower(), (f"{FOLDER}/{part}",), options={"part": part}) for part in ("Foundation", "Chat")),
    rows=rows,
    layout=(
        f"files of the hub, below {FOLDER}: <part>/<part>_meta.json, a list, and "
        "<part>/<task_name>_<dataset_name>/<path>; of Audio_Grounding .flac where the list says .wav"
    ),
    defects=(
        "the official scorer leaves out answers that it cannot read; here they are wrong",
        "the judge of the paper (gpt-4-0125-preview) is retired",
        "a folder is spelt Speaker_Emotion_Recontion_iemocap",
    ),
    unverified=("samples of each task", "revision of the hub's copy"),
)

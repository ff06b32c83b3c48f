"""SLURP: English commands to a house assistant, each with scenario, action and entities; headset and far recordings."""

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from datasets_prep.archives import Tree
from datasets_prep.corpus import Access, Archive, Corpus, CorpusError, Recording, Row, Split, nearest
from datasets_prep.tables import read_json_lines, stem, with_keys

AUDIO = "slurp_real.tar.gz"
KEYS = ("slurp_id", "sentence", "scenario", "action", "tokens", "recordings", "entities")
SCENARIOS = (
    "alarm", "audio", "calendar", "cooking", "datetime", "email", "general", "iot", "lists", "music", "news", "play",
    "qa", "recommendation", "social", "takeaway", "transport", "weather",
)  # fmt: skip


def rows(split: Split, trees: Mapping[str, Tree]) -> Iterator[Row]:
    """One a recording of every line; of ``test.headset`` and ``test.slots`` those of the headset."""
    table = split.archives[0]
    members = {PurePosixPath(name).name: name for name in trees[AUDIO].names if "slurp_synth" not in name.split("/")}
    for number, line in read_json_lines(trees[table], table, KEYS):
        where = f"{table}, line {number}"
        if not isinstance(line["sentence"], str) or not isinstance(line["slurp_id"], int | str):
            raise CorpusError(f"{where}: 'sentence' is no text, or 'slurp_id' no number")
        entities = _entities(line, where)
        reference = _reference(line, entities, where) if split.options["task"] == "meaning" else _slots(entities)
        for recording in _listed(line, "recordings", where):
            file = with_keys(recording, ["file"], where)["file"]
            if not isinstance(file, str):
                raise CorpusError(f"{where}: a recording's 'file' is {file!r}, no text")
            if split.options["microphone"] == "headset" and not stem(file).endswith("-headset"):
                continue
            if split.options["task"] == "slots" and not entities:
                continue
            member = members.get(file, f"slurp_real/{file}")
            yield Row(
                id=stem(file),
                recordings=(Recording(AUDIO, member, member),),
                references=(reference,),
                group=str(line["slurp_id"]),
                fields={"language": "en"} | ({"sentence": line["sentence"]} if line["sentence"] else {}),
            )


def _reference(line: Mapping[str, Any], entities: list[tuple[str, str]], where: str) -> str:
    """Scenario, action and entities; ``intent`` of the table is not always both of the former, so it is not read."""
    if line["scenario"] not in SCENARIOS:
        raise CorpusError(
            f"{where}: {line['scenario']!r} is no scenario{nearest(str(line['scenario']), list(SCENARIOS))}"
        )
    if not isinstance(line["action"], str) or not line["action"]:
        raise CorpusError(f"{where}: 'action' is {line['action']!r}, no text")
    listed = [{"type": kind, "filler": filler} for kind, filler in entities]
    return json.dumps({"scenario": line["scenario"], "action": line["action"], "entities": listed}, ensure_ascii=False)


def _slots(entities: list[tuple[str, str]]) -> str:
    slots: dict[str, str] = {}
    for kind, filler in entities:
        slots[kind] = f"{slots[kind]}; {filler}" if kind in slots else filler
    return json.dumps(slots, ensure_ascii=False)


def _entities(line: Mapping[str, Any], where: str) -> list[tuple[str, str]]:
    """Type and filler of each, in the order of their spans: a span lists the numbers of its tokens, from 0."""
    tokens = [_surface(token, where) for token in _listed(line, "tokens", where)]
    found = []
    for entity in _listed(line, "entities", where):
        span, kind = (with_keys(entity, ["span", "type"], where)[key] for key in ("span", "type"))
        if not isinstance(kind, str) or not kind:
            raise CorpusError(f"{where}: an entity has the type {kind!r}, no text")
        if not isinstance(span, list) or not span or any(token not in range(len(tokens)) for token in span):
            raise CorpusError(f"{where}: the entity {kind} has the span {span!r}; there are {len(tokens)} tokens")
        found.append((span, kind))
    return [(kind, " ".join(tokens[token] for token in span)) for span, kind in sorted(found)]


def _surface(token: Any, where: str) -> str:
    return token if isinstance(token, str) else str(with_keys(token, ["surface"], where)["surface"])


def _listed(line: Mapping[str, Any], key: str, where: str) -> list[Any]:
    if not isinstance(line[key], list):
        raise CorpusError(f"{where}: '{key}' is no list")
    return line[key]


CORPUS = Corpus(
    name="slurp",
    title="SLURP",
    tasks=("ic", "entities", "slots"),
    languages=("en",),
    home="https://github.com/pswietojanski/slurp",
    licence="CC BY 4.0 (texts), CC BY-NC 4.0 (recordings)",
    access=Access.open,
    citation=(
        "E. Bastianelli, A. Vanzo, P. Swietojanski, V. Rieser: SLURP: A spoken language understanding resource "
        "package. EMNLP 2020."
    ),
    archives=(
        Archive(
            AUDIO,
            url=f"https://zenodo.org/record/4274930/files/{AUDIO}",
            unpacked=("slurp_real", "audio/slurp_real", "slurp/audio/slurp_real"),
        ),
        *(
            Archive(name, also=(f"dataset/slurp/{name}", f"slurp/dataset/slurp/{name}"))
            for name in ("test.jsonl", "devel.jsonl")
        ),
    ),
    splits=tuple(
        Split(name, (table, AUDIO), samples=samples, options={"microphone": microphone, "task": task})
        for name, table, samples, microphone, task in (
            ("test", "test.jsonl", 13_078, "any", "meaning"),
            ("devel", "devel.jsonl", 8690, "any", "meaning"),
            ("test.headset", "test.jsonl", 6281, "headset", "meaning"),
            ("test.slots", "test.jsonl", None, "headset", "slots"),
        )
    ),
    rows=rows,
    layout=(
        "dataset/slurp/<split>.jsonl of the repository: slurp_id, sentence, scenario, action, tokens, entities (span, "
        "type), recordings (file); slurp_real.tar.gz: slurp_real/audio-<number>[-headset].flac"
    ),
    defects=(
        "the key 'intent' of 37 lines of test holds the action alone",
        "most sentences were recorded by a headset and from afar: two samples with the same words",
    ),
    unverified=(
        "checksums",
        "samples of test.slots",
        "sample rate",
        "whether a token is a text or an object with 'surface' (both are read)",
    ),
)

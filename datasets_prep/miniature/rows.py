"""The rows of corpora, ``rows/<corpus>.yaml``, read and checked, and the manifests and clips that they become.

::

    corpus: meld          # may be left out: the file's stem
    subsets:
      test:
        - {id: dia0_utt0, audio: {clip: anger}, reference: anger, group: dia0, language: en}

``audio`` is one recipe or a list of them. ``reference`` is a text, or a list or mapping that is written as JSON;
``references`` is a list of texts. ``group`` is the id where it is left out. Further keys are the sample's fields.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml

from datasets_prep import clips
from datasets_prep.corpus import Corpus, corpora, nearest
from datasets_prep.manifest import RESERVED
from datasets_prep.miniature.fields import RecipeError
from datasets_prep.miniature.recipes import CUT, RATE, Recipe, complete, file_name, sound, whole
from datasets_prep.record import CorpusRecord, SubsetRecord, replace_file

ROWS = Path(__file__).parent / "rows"
NAMED = "_clips.yaml"
CLIPS = "clips"
"""Folder of the data root that the clips of all these corpora are in."""
STEPS = 2048
"""Of amplitude: 12 bits are heard, and FLAC keeps no more."""
NUMBERS = ("duration", "uem")
"""Fields that hold no texts."""
DIFFERENCE = "{} is synthetic: made by this project in the shape of the corpus, of which it holds nothing"


class RowError(ValueError):
    """Rows that no corpus can be made of; one sentence with the file and the id."""


@dataclass(frozen=True)
class Row:
    """One sample."""

    id: str
    audio: tuple[Recipe, ...]
    references: tuple[str, ...]
    group: str
    fields: Mapping[str, Any]


Subsets = dict[str, list[Row]]


def build_rows(root: Path, folder: Path = ROWS) -> None:
    """Write the corpora of a folder of rows into a data root, once all rows are read.

    Raises RowError for what is wrong with the rows, SpeechError for what cannot be said.
    """
    named = read_clips(folder / NAMED)
    found = {path.name: read_rows(path, named) for path in sorted(folder.glob("[!_]*.yaml"))}
    made: dict[str, Path] = {}
    for file, (name, subsets) in found.items():
        if (root / name).exists():
            raise RowError(f"{file}: {name} is in {root} already; give the rows of a corpus once, into a new folder")
        _write(root, name, subsets, made, file)


def read_clips(path: Path) -> dict[str, Recipe]:
    """The recipes that have names, complete. A name may be used by those below it."""
    named: dict[str, Recipe] = {}
    for name, given in _read(path).items():
        try:
            named[name] = complete(given, named)
        except RecipeError as error:
            raise RowError(f"{path.name}, {name}: {error}") from None
    return named


def read_rows(path: Path, named: Mapping[str, Recipe]) -> tuple[str, Subsets]:
    """The name of a corpus, and its rows by subset, sorted by id. Raises RowError."""
    content = _read(path)
    for key in content:
        if key not in ("corpus", "subsets"):
            raise RowError(f"{path.name} has the key '{key}'; it has corpus and subsets")
    name, given = content.get("corpus", path.stem), content.get("subsets")
    if not isinstance(given, dict) or not all(isinstance(rows, list) and rows for rows in given.values()):
        raise RowError(f"{path.name} needs 'subsets', each with a list of rows")
    corpus = corpora().get(name)
    subsets = {}
    for subset, rows in given.items():
        where = f"{path.name}, {subset}"
        subsets[subset] = sorted((_row(entry, named, where) for entry in rows), key=lambda row: row.id)
        _check(subsets[subset], _labels(corpus, subset, where), where)
    return name, subsets


def _row(given: Any, named: Mapping[str, Recipe], where: str) -> Row:
    identity = given.get("id") if isinstance(given, dict) else None
    if not isinstance(identity, str) or not identity:
        raise RowError(f"{where}: a row is a mapping with an 'id', a text in quotes; this is {given!r}")
    where = f"{where}, {identity}"
    audio = given.get("audio")
    try:
        recipes = tuple(complete(entry, named) for entry in (audio if isinstance(audio, list) else [audio]))
    except RecipeError as error:
        raise RowError(f"{where}: {error}") from None
    if not recipes:
        raise RowError(f"{where}: 'audio' is an empty list")
    fields = {key: _field(key, value, where) for key, value in given.items() if key not in RESERVED}
    group = _field("group", given.get("group", identity), where)
    return Row(identity, recipes, _references(given, where), group, fields)


def _references(given: Mapping[str, Any], where: str) -> tuple[str, ...]:
    if ("reference" in given) == ("references" in given):
        raise RowError(f"{where}: a row has either 'reference' or 'references'")
    if "references" in given:
        texts = given["references"]
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise RowError(f"{where}: 'references' is a list of texts, in quotes where YAML reads them otherwise")
        return tuple(texts)
    reference = given["reference"]
    if isinstance(reference, list | dict):
        return (json.dumps(reference, ensure_ascii=False),)
    if not isinstance(reference, str):
        raise RowError(f"{where}: 'reference' is {reference!r}; write a text, in quotes")
    return (reference,)


def _field(key: str, value: Any, where: str) -> Any:
    if key in NUMBERS and isinstance(value, float | int | list):
        return value
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise RowError(f"{where}: '{key}' is {value!r}; write a text in quotes, or a list of texts")
    return value


def _labels(corpus: Corpus | None, subset: str, where: str) -> list[str]:
    """What references are one of; none where that is open, or the corpus has no module."""
    if corpus is None:
        return []
    known = {split.name: split for split in corpus.splits}
    if subset not in known:
        raise RowError(f"{where}: {corpus.name} has no subset '{subset}'{nearest(str(subset), list(known))}")
    return list(corpus.labels_of(known[subset]) or ())


def _check(rows: list[Row], labels: list[str], where: str) -> None:
    for before, row in pairwise(rows):
        if before.id == row.id:
            raise RowError(f"{where}: the id {row.id} stands twice")
    for row in rows if labels else ():
        for text in row.references:
            if text not in labels:
                raise RowError(f"{where}, {row.id}: {text!r} is no label of the corpus{nearest(text, labels)}")


def _write(root: Path, name: str, subsets: Subsets, made: dict[str, Path], file: str) -> None:
    record = CorpusRecord(
        corpus=name,
        title=f"Synthetic samples in the shape of {name}",
        home="this project",
        licence="that of this project",
        access="open",
        citation="none: nothing of it is the corpus's",
    )
    (root / name).mkdir(parents=True, exist_ok=True)
    for subset, rows in subsets.items():
        lines = []
        for row in rows:
            try:
                lines.append(_line(root, subset, row, made))
            except RecipeError as error:
                raise RowError(f"{file}, {subset}, {row.id}: {error}") from None
        manifest = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
        replace_file(root / name / f"{subset}.jsonl", manifest)
        record.subsets[subset] = _summary(subset, rows, lines, manifest)
    record.write(root / name / "corpus.json")


def _line(root: Path, subset: str, row: Row, made: dict[str, Path]) -> dict[str, Any]:
    audio = [_clip(root, recipe, made) for recipe in row.audio]
    several = len(row.references) > 1
    references: dict[str, Any] = {"references": [*row.references]} if several else {"reference": row.references[0]}
    return {
        "id": row.id,
        "audio": audio if len(audio) > 1 else audio[0],
        **references,
        "subset": subset,
        "group": row.group,
        **row.fields,
    }


def _clip(root: Path, recipe: Recipe, made: dict[str, Path]) -> dict[str, Any]:
    """A clip of a manifest; its file is made where it is the first."""
    path = Path(recipe["file"] if "file" in recipe else f"{CLIPS}/{file_name(recipe)}")
    if "file" not in recipe and path.name not in made:
        made[path.name] = root / path
        made[path.name].parent.mkdir(exist_ok=True)
        _store(made[path.name], sound(whole(recipe), root))
    if not (root / path).is_file():
        raise RecipeError(f"there is no {path} in the data root")
    cut = {key: recipe[key] for key in CUT if key in recipe}
    measured = clips.measure((root / path).read_bytes(), cut.get("start"), cut.get("end"))
    if measured.defects:
        raise RecipeError(f"{path} is {', '.join(measured.defects)}")
    return {"path": f"../{path.as_posix()}", **cut, "seconds": measured.seconds, "sha256": measured.sha256}


def _store(path: Path, samples: Any) -> None:
    coarse = np.round(np.clip(samples, -1, 1) * (STEPS - 1)).astype(np.int16) * (32_768 // STEPS)
    soundfile.write(path, coarse.astype(np.int16), RATE, subtype="PCM_16", format="FLAC", compression_level=1.0)


def _summary(subset: str, rows: list[Row], lines: list[dict[str, Any]], manifest: bytes) -> SubsetRecord:
    heard = {json.dumps(clip): clip["seconds"] for line in lines for clip in _listed(line["audio"])}
    texts = json.dumps([[row.id, list(row.references)] for row in rows], ensure_ascii=False)
    empty = [row.id for row in rows if not all(text.strip() for text in row.references)]
    return SubsetRecord(
        samples=len(rows),
        clips=len(heard),
        hours=round(sum(heard.values()) / 3600, 4),
        words=sum(len(text.split()) for row in rows for text in row.references),
        labels=None,
        groups=len({row.group for row in rows}),
        manifest_sha256=hashlib.sha256(manifest).hexdigest(),
        references_sha256=hashlib.sha256(texts.encode()).hexdigest(),
        defects={"empty reference": empty} if empty else {},
        standing="unofficial",
        differences=[DIFFERENCE.format(subset)],
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key '{key}' stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text("utf-8"), _Loader)
    except OSError as error:
        raise RowError(f"{path.name}: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise RowError(f"{path.name}, line {line}: {error.problem}") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise RowError(f"{path.name} is no mapping of texts")
    return content

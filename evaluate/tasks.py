"""Tasks made ready: manifests read, samples chosen, requests rendered, everything checked before a model loads."""

import dataclasses
import hashlib
import json
import math
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets_prep import manifest
from datasets_prep.corpus import CorpusError, corpora
from datasets_prep.manifest import Manifest, ManifestError, Sample, read_manifest
from datasets_prep.record import CorpusRecord
from evaluate import audio, control, plan, prompts, worker
from evaluate.config import ConfigError, Control, Data, LongAudio, Task, generation_of
from evaluate.models.base import Model, UnsuitedError
from evaluate.refusals import Refusals
from metrics.answers import LABEL_EXTRACTORS
from metrics.base import nearest
from metrics.score import MetricSpec, ScoringSpec, check
from results.run import draw_order

ANSWERING_SOURCES = (manifest, audio, prompts, plan, control, worker)
"""The modules that, with this one and the model's own, decide what is answered; the fingerprint holds their hash."""
HEADER_THREADS = 8
SECONDS_OFF = 0.1
"""By which a header may differ from what was decoded at preparation."""


class MissingDataError(ManifestError):
    """A subset that is not prepared."""

    def __init__(self, message: str, missing: Sequence[Path]):
        super().__init__(message)
        self.missing = missing


@dataclass(frozen=True)
class ReadyTask:
    task: Task
    """As it runs: ``generation`` as it is for the model's prompt style, labels as they are scored."""
    samples: dict[str, Sample]
    """By id, those that the limit leaves."""
    items: list[plan.Item]
    spec: ScoringSpec
    asked: dict[str, str]
    """The fingerprint of what is asked."""
    standings: dict[str, str]
    """How each subset's data stands to what was published."""


@dataclass(frozen=True)
class TaskData:
    """A task's samples, before any is chosen."""

    task: Task
    """With its labels."""
    manifests: list[Manifest]
    pairs: list[tuple[Sample, Path]]
    """Each sample, and the folder from which its clips' paths count."""
    standings: dict[str, str]

    @property
    def samples(self) -> list[Sample]:
        return [sample for sample, _ in self.pairs]


def read(task: Task, data_root: str) -> TaskData:
    """Read a task's manifests. Raises ConfigError, ManifestError or CorpusError."""
    manifests = [read_manifest(path) for path in manifest_paths(task, data_root)]
    standing = standings(task, manifests, data_root)
    pairs = [(sample, found.folder) for found in manifests for sample in _grouped(found, task)]
    _refuse_doubles(sample for sample, _ in pairs)
    labels = _labels(task, [sample for sample, _ in pairs])
    return TaskData(dataclasses.replace(task, labels=labels), manifests, pairs, standing)


def ready(task: Task, data_root: str, model: Model, controlled: Control | None = None) -> ReadyTask:
    """Read, choose, render and check. Raises ConfigError, ManifestError, PromptError, ModelError or MetricError; of
    several faults of a task RefusedError with all of them."""
    with_clips = controlled is not Control.no_audio
    if model.needs_clips and not with_clips:
        raise UnsuitedError(f"control=no_audio: {model.config.name} answers no prompt without a clip")
    prompts.check_styles(task, model)
    style, template = prompts.template_of(task, model)
    task = dataclasses.replace(task, generation=generation_of(task, style), generation_for={})
    refusals = Refusals()
    with refusals.kept():
        model.check(task.generation)
    with refusals.kept():
        data = read(task, data_root)
        task, chosen = data.task, choose(data.pairs, task.limit)
        with refusals.kept():
            spec = scoring_spec(task, data.samples)
        with refusals.kept():
            requests = [prompts.render(sample, task, model, with_clips) for sample, _ in chosen]
        longest = model.max_seconds if task.long_audio is LongAudio.truncate else None
        seconds = _lengths(chosen, math.inf if longest is None else longest)
    refusals.stop_if_any()
    items = [
        plan.Item(request, sample.audio, folder, heard)
        for request, (sample, folder), heard in zip(requests, chosen, seconds, strict=True)
    ]
    items = [
        dataclasses.replace(item, tokens=model.tokens(item.request, item.seconds, task.generation))
        for item in control.apply(controlled, items, task.name)
    ]
    asked = {
        "prompt": f"{style}: {template}",
        "manifest": " ".join(found.sha256 for found in data.manifests),
        **_settings(task, template, controlled, len(items)),
        **model.fingerprint(),
    }
    return ReadyTask(task, {sample.id: sample for sample, _ in chosen}, items, spec, asked, data.standings)


def _settings(task: Task, template: str, controlled: Control | None, samples: int) -> dict[str, str]:
    """What decides the answers, and is neither the model's nor the manifests'."""
    settings = {
        "language": json.dumps([task.language, task.target_language]),
        "generation": json.dumps(dataclasses.asdict(task.generation)),
        "long_audio": task.long_audio.name,
        "harness_code": _sources_hash(),
        **control.fingerprint(controlled),
    }
    if controlled is Control.shuffle:
        settings["shuffled"] = f"{samples} samples"  # among fewer, a sample hears another's clips
    if "{labels}" in template:
        settings["labels"] = json.dumps(task.labels, ensure_ascii=False)
    return settings


def manifest_paths(task: Task, data_root: str) -> list[Path]:
    """The manifests of a task: one of the user's own, or <root>/<corpus>/<subset>.jsonl. Raises ConfigError for a
    subset that a corpus does not have, MissingDataError for one that is not prepared."""
    corpus = task.corpus
    if corpus.manifest is not None:
        return [Path(corpus.manifest).expanduser()]
    if not corpus.subsets:
        raise ConfigError(
            f"task {task.name} names no manifest: set its corpus.manifest=FILE.jsonl, or corpus.name and corpus.subsets"
        )
    for subset in corpus.subsets if corpus.name in corpora() else ():
        try:
            corpora()[corpus.name].split(subset)
        except CorpusError as error:
            raise ConfigError(f"task {task.name}: {error}") from None
    folder = Path(data_root).expanduser() / corpus.name
    paths = [folder / f"{subset}.jsonl" for subset in corpus.subsets]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        there = [subset for subset, path in zip(corpus.subsets, paths, strict=True) if path.is_file()]
        raise MissingDataError(f"no manifest {missing[0]}{_how_to_get(task, data_root, there)}", missing)
    return paths


def narrowed(task: Task, data: Data) -> Task:
    """The task with those of its subsets that are prepared, where ``data.partial`` asks for that and some are."""
    folder = Path(data.root).expanduser() / task.corpus.name
    there = [subset for subset in task.corpus.subsets if (folder / f"{subset}.jsonl").is_file()]
    if not data.partial or task.corpus.manifest is not None or not there:
        return task
    return dataclasses.replace(task, corpus=dataclasses.replace(task.corpus, subsets=there))


def _how_to_get(task: Task, data_root: str, there: Sequence[str]) -> str:
    name = task.corpus.name
    if name not in corpora():
        others = sorted(found.stem for found in (Path(data_root).expanduser() / name).glob("*.jsonl"))
        return nearest(task.corpus.subsets[0], others) if others else "; is data.root right, or is it corpus.manifest?"
    root = shlex.quote(str(data_root))
    made = f"; python -m datasets_prep prepare {name} --root {root} --source FOLDER makes it of the archives in FOLDER"
    return made + (f", or corpus.subsets=[{','.join(there)}] takes what is there" if there else "")


def standings(task: Task, found: Sequence[Manifest], data_root: str) -> dict[str, str]:
    """How each subset of a known corpus stands to what was published, by its record: `published`, `unchecked`,
    `unofficial`, or `unrecorded`. Raises ManifestError for a manifest that was changed since it was prepared,
    CorpusError for a damaged record."""
    if task.corpus.manifest is not None or task.corpus.name not in corpora():
        return {}
    record = CorpusRecord.read(Path(data_root).expanduser() / task.corpus.name / "corpus.json")
    standing = {}
    for subset, read in zip(task.corpus.subsets, found, strict=True):
        entry = record.subsets.get(subset) if record else None
        if entry and entry.manifest_sha256 != read.sha256:
            raise ManifestError(
                f"{read.path} is not the manifest that was prepared: prepare it again, or name one of your own as "
                f"corpus.manifest"
            )
        standing[subset] = entry.standing if entry else "unrecorded"
    return standing


def choose(pairs: Sequence[tuple[Sample, Path]], limit: int | None) -> list[tuple[Sample, Path]]:
    """The first ``limit`` samples by the hash of their ids, in the manifest's order: 100 contain 50, and they are a
    random draw that is the same everywhere."""
    if limit is None or limit >= len(pairs):
        return list(pairs)
    ranked = sorted(pairs, key=lambda pair: draw_order(pair[0].id))
    kept = {sample.id for sample, _ in ranked[:limit]}
    return [pair for pair in pairs if pair[0].id in kept]


def scoring_spec(task: Task, samples: Sequence[Sample]) -> ScoringSpec:
    """The resolved scoring part of a task, checked against its samples. Raises MetricError or ConfigError."""
    if not task.metrics:
        raise ConfigError(f"task {task.name} has no metrics")
    primary = task.primary or next(iter(task.metrics))
    if primary not in task.metrics:
        raise ConfigError(f"primary={primary} of task {task.name}{nearest(primary, task.metrics)}")
    metrics = {
        name: MetricSpec(
            metric=(metric.metric if metric else None) or name,
            normalizer=(metric.normalizer if metric else None) or task.normalizer,
            extractor=(metric.extractor if metric else None) or task.extractor,
            options=dict(metric.options) if metric else {},
        )
        for name, metric in task.metrics.items()
    }
    targets = task.target_language is None and any("target_language" in sample.fields for sample in samples)
    spec = ScoringSpec(
        metrics=metrics,
        primary=primary,
        language=None if targets else task.target_language or task.language,
        labels=task.labels,
    )
    check(spec, (unanswered(sample) for sample in samples))
    return spec


def _labels(task: Task, samples: Sequence[Sample]) -> list[str] | None:
    """The label set: the task's, else the references that occur, where an extractor or a prompt needs them."""
    extractors = {(metric.extractor if metric else None) or task.extractor for metric in task.metrics.values()}
    wanted = any("{labels}" in template for template in task.prompt.values())
    needed = wanted or not extractors.isdisjoint(LABEL_EXTRACTORS)
    if task.labels is not None or not needed:
        return task.labels
    return sorted({text for sample in samples for text in sample.references})


def unanswered(sample: Sample) -> dict[str, Any]:
    """A sample as a row to score, to which an answer is still to come."""
    return {"id": sample.id, "references": list(sample.references), "fields": sample.fields}


def _grouped(found: Manifest, task: Task) -> list[Sample]:
    key = task.corpus.group
    if key is None:
        return found.samples
    samples = []
    for sample in found.samples:
        if not isinstance(sample.fields.get(key), str | int):
            raise ManifestError(
                f"{found.path}: sample '{sample.id}' has no text in '{key}', which corpus.group names"
                f"{nearest(key, sample.fields)}"
            )
        samples.append(dataclasses.replace(sample, group=str(sample.fields[key])))
    return samples


def _refuse_doubles(samples: Iterable[Sample]) -> None:
    for identity, count in Counter(sample.id for sample in samples).items():
        if count > 1:
            raise ManifestError(
                f"the id '{identity}' stands in {count} of the task's manifests; ids are unique in a task"
            )


def _lengths(chosen: Sequence[tuple[Sample, Path]], limit: float) -> list[float]:
    with ThreadPoolExecutor(HEADER_THREADS) as pool:
        return list(pool.map(lambda pair: _seconds(pair[0], pair[1], limit), chosen))


def _seconds(sample: Sample, folder: Path, limit: float) -> float:
    """Of all clips by their headers, of each up to ``limit``; a clip whose header says nothing counts as half a minute.
    Raises ManifestError for one of another length than when it was prepared."""
    lengths = [audio.duration(clip, folder) for clip in sample.audio]
    for clip, length in zip(sample.audio, lengths, strict=True):
        if clip.seconds is not None and length is not None and abs(length - clip.seconds) > SECONDS_OFF:
            raise ManifestError(
                f"sample {sample.id}: {clip.path} is {length:.2f} s long, not {clip.seconds:.2f} s as when it was "
                f"prepared; python -m datasets_prep verify lists what changed"
            )
    return sum(min(30.0 if length is None else length, limit) for length in lengths)


def _sources_hash() -> str:
    digest = hashlib.sha256()
    for source in (*(module.__file__ for module in ANSWERING_SOURCES), __file__):
        digest.update(Path(str(source)).read_bytes())
    return digest.hexdigest()

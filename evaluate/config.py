"""The configuration: its typed schema, a word on every key."""

import dataclasses
import math
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from omegaconf import MISSING

from metrics.base import nearest


class ConfigError(ValueError):
    """A configuration that cannot be run; one sentence that names the key and the cure."""


class LongAudio(Enum):
    """What becomes of a clip that is longer than the model's limit."""

    truncate = "the model hears its beginning; flagged truncated_audio"
    fail = "the sample fails"
    chunk = "cut at pauses, the answers joined; flagged chunked_audio"


class Control(Enum):
    """What the model hears in place of a sample's own clips, to see how much of a score is heard."""

    silence = "zeros of the same length"
    shuffle = "the clips of another sample of the task"
    no_audio = "nothing: the prompt alone"


class Dtype(Enum):
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


@dataclass
class Corpus:
    name: str = MISSING
    """The folder below data.root that holds the manifests, <subset>.jsonl."""
    subsets: list[str] = field(default_factory=list)
    manifest: str | None = None
    """A manifest of one's own, in place of name and subsets."""
    group: str | None = None
    """The field of a sample that is the unit of resampling (speaker...); null: its key 'group'."""


@dataclass
class Generation:
    max_new_tokens: int = 256
    temperature: float = 0.0
    """0: greedy."""
    top_p: float = 1.0
    """Acts where the temperature is above 0."""
    seed: int = 0
    """Acts where the temperature is above 0."""


@dataclass
class EachGeneration:
    """A layer over a Generation; what is null follows it."""

    max_new_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None


@dataclass
class Metric:
    """One row of scores; what is null follows the task."""

    metric: str | None = None
    """Null: the name of the row."""
    normalizer: str | None = None
    extractor: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of the metric's own."""


@dataclass
class Task:
    name: str = MISSING
    corpus: Corpus = field(default_factory=Corpus)
    pair: str | None = None
    """Of a translation corpus: source and target as it writes them (en_de, zh-CN_en), for a task's own YAML to read."""
    language: str | None = None
    """Of the speech; null: each sample's field 'language'."""
    target_language: str | None = None
    """Of the answers, where it differs; null: each sample's field 'target_language'."""
    prompt: dict[str, str] = field(default_factory=dict)
    """By prompt style; {name} is a field of the sample."""
    generation: Generation = field(default_factory=Generation)
    generation_for: dict[str, EachGeneration] = field(default_factory=dict)
    """By prompt style, before ``generation``; what ``each`` or the command line says of generation goes before both."""
    long_audio: LongAudio = LongAudio.truncate
    labels: list[str] | None = None
    """The label set; null: the references that occur."""
    extractor: str = "exact"
    normalizer: str = "none"
    metrics: dict[str, Metric | None] = field(default_factory=dict)
    """Rows of scores by name; null is a metric as the task scores by default."""
    primary: str | None = None
    """The row of scores that stands for the task; null: the first."""
    limit: int | None = None
    """Take so many samples, chosen by the hash of their ids: 100 contain 50."""


@dataclass
class Each:
    """What is set here holds for every task."""

    limit: int | None = None
    long_audio: LongAudio | None = None
    normalizer: str | None = None
    extractor: str | None = None
    generation: EachGeneration = field(default_factory=EachGeneration)


@dataclass
class ModelConfig:
    _target_: str = MISSING
    """The class, module.Class."""
    name: str = MISSING
    path: str | None = MISSING
    """A checkpoint's folder, or a hub id (owner/name)."""
    revision: str | None = None
    """Of the hub id: a branch, tag or commit."""
    dtype: Dtype = Dtype.float32
    options: dict[str, Any] = field(default_factory=dict)
    """Settings of this model's class."""


@dataclass
class Engine:
    kind: str = "local"
    """'local': processes of this machine; 'ray': of a cluster whose machines see checkout, data and checkpoints at the
    same places."""
    address: str | None = None
    """Of the Ray cluster: HOST:PORT of its head, or 'auto' for the one that this machine belongs to; null starts one of
    this machine alone."""
    devices: Any = "auto"
    """'auto' (all GPUs, or the CPU; with ray, the CPU of each machine), 'cpu', a number of devices (of GPUs, or of
    workers where there are none), or, without ray, a list: [0,2], [cpu,cpu]."""
    devices_per_worker: float = 1
    """For a model larger than a GPU: over so many its layers are spread, where its class can. Below 1, workers share a
    device: 0.5 is two on each. With ray, a worker without a GPU takes so many CPUs."""
    threads: int = 2
    """Of each worker, that decode ahead of the device."""
    torch_threads: int | None = None
    """Of each worker, that compute on a CPU; null: the cores shared out."""
    start_timeout: float = 3600.0
    """Seconds for loading the model; a worker that needs longer is replaced."""


@dataclass
class Batch:
    """How many clips go through the model at once: the first bound that is met."""

    max_seconds: float = 120.0
    """Of audio, each clip counted as long as the batch's longest."""
    max_clips: int = 16
    max_tokens: int = 16384
    """Of prompts, clips and answers together, each sample counted as large as the batch's largest."""
    timeout: float = 1800.0
    """Seconds; a worker that needs longer for a batch is replaced."""


@dataclass
class Data:
    root: str = "data"
    """The folder of prepared corpora; relative ones count from where the command runs, ${checkout:} is this project."""
    partial: bool = False
    """Take of each task's subsets those that are prepared, where some are; else a subset that is missing is refused."""


@dataclass
class Run:
    dir: str | None = None
    """Null: results/runs/<model>-<suite or task>, with the keys of ``only`` and the control at its end."""
    sweep: str | None = None
    """With -m, where the leaderboard of all jobs goes, and a launcher's logs; null: results/sweeps/<models>-<suites or
    tasks>."""


@dataclass
class Config:
    task: Task | None = None
    tasks: dict[str, Task] = field(default_factory=dict)
    only: Any = None
    """Of a suite's tasks those with this key, or these: a, [a,b]; null: all. With -m, 'each' makes a job of each."""
    each: Each = field(default_factory=Each)
    limit: int | None = None
    """Short for each.limit."""
    model: ModelConfig = MISSING
    checkpoints: dict[str, str] = field(default_factory=dict)
    """Where each model's checkpoint is, by the model's name in configs/model, for sweeps; model.path goes before it."""
    engine: Engine = field(default_factory=Engine)
    data: Data = field(default_factory=Data)
    batch: Batch = field(default_factory=Batch)
    run: Run = field(default_factory=Run)
    fresh: bool = False
    """Move an older run directory aside and begin anew."""
    retry_failed: bool = False
    """Answer failed samples of an earlier start again."""
    max_failed: float = 0.0
    """How many samples may fail before the exit status is 1: a number, or a share below 1."""
    control: Control | None = None
    """A run that is marked as no measure of the model, in every table: silence, shuffle or no_audio."""
    preflight: bool = True
    """Before a run: open the first clips, try the metrics, look at the disk, ask the model whether it hears."""
    check: bool = False
    """Do only that, with the model loaded, for a whole suite, and list all problems at once."""
    audit: str | None = None
    """'batch': after the run, answer some samples of each task once more, each alone, and compare."""
    audit_samples: int = 32
    """Of each task."""
    show: str | None = None
    """'config' or 'prompt': print it and stop, no model is loaded."""


EACH = "each"
ENGINES = ("local", "ray")
RESERVED_NAMES = ("run.json", "run.log", "leaderboard.md", "leaderboard.csv", "leaderboard.json")


def tasks_of(config: Config, explicit: Collection[str] = ()) -> list[Task]:
    """The tasks to run, with what ``each`` says of all of them.

    ``explicit`` are the keys that the command line names: what it says of one task stands against ``each``. Raises
    ConfigError for a name that cannot be a folder's or stands twice, and for settings out of range.
    """
    only = only_of(config)
    tasks = {f"tasks.{key}": task for key, task in config.tasks.items() if not only or key in only}
    if config.task:
        tasks = {"task": config.task}
    each = dataclasses.replace(config.each, limit=config.limit if config.each.limit is None else config.each.limit)
    names: set[str] = set()
    for key, task in tasks.items():
        _check_name("task.name", task.name)
        if task.name in names:
            raise ConfigError(f"two tasks of the suite have the name {task.name}; let 'name:' tell them apart")
        names.add(task.name)
        _overlay(task, each, key, explicit)
        if task.limit is not None and task.limit < 1:
            raise ConfigError(f"limit={task.limit} of {task.name}: it is at least 1")
        if task.pair and task.pair not in " ".join([task.name, *task.corpus.subsets]):
            raise ConfigError(f"{key}.pair={task.pair}: {task.name} has no language pairs; leave it out")
        _give_way(task, each, key, explicit)
        for generation in (task.generation, *(generation_of(task, style) for style in task.generation_for)):
            _check_generation(task.name, generation)
    return list(tasks.values())


def only_of(config: Config) -> list[str]:
    """The keys that ``only`` names; none for all tasks. Raises ConfigError for one that the suite has not."""
    only = [config.only] if isinstance(config.only, str) else config.only
    if only in (None, [EACH]):
        return []
    if not (isinstance(only, list) and only and all(isinstance(key, str) for key in only)):
        raise ConfigError(f"only={config.only}: it is the key of one of the suite's tasks, or a list such as [a,b]")
    for key in only:
        if key not in config.tasks:
            raise ConfigError(f"only={key}: the suite has no task with that key{nearest(key, config.tasks)}")
    return list(only)


def generation_of(task: Task, style: str) -> Generation:
    """How a model that is spoken to in that prompt style generates."""
    layer = task.generation_for.get(style, EachGeneration())
    said = {item.name: getattr(layer, item.name) for item in dataclasses.fields(layer)}
    return dataclasses.replace(task.generation, **{key: value for key, value in said.items() if value is not None})


def _check_generation(name: str, generation: Generation) -> None:
    if generation.max_new_tokens < 1 or not 0 <= generation.temperature < math.inf or not 0 < generation.top_p <= 1:
        raise ConfigError(
            f"generation of {name}: max_new_tokens is at least 1, temperature at least 0, top_p in (0, 1]"
        )


def _give_way(task: Task, each: Each, key: str, explicit: Collection[str]) -> None:
    """Take out of ``generation_for`` what ``each`` or the command line says of all prompt styles; what the command line
    says of one style stays."""
    for style, layer in task.generation_for.items():
        for name, value in dataclasses.asdict(each.generation).items():
            said = value is not None or f"{key}.generation.{name}" in explicit
            if said and f"{key}.generation_for.{style}.{name}" not in explicit:
                setattr(layer, name, None)


def _check_name(key: str, name: str) -> None:
    """A name that becomes a folder below the run directory."""
    parts = name.split("/")
    if not all(re.fullmatch(r"[\w+-][\w.+-]{0,99}", part) for part in parts) or parts[0] in RESERVED_NAMES:
        raise ConfigError(
            f"{key}={name}: letters, digits and . _ + - only, in parts joined by /, none of which begins with a point"
        )


def _overlay(target: Any, values: Any, key: str, explicit: Collection[str]) -> None:
    for item in dataclasses.fields(values):
        value, path = getattr(values, item.name), f"{key}.{item.name}"
        if dataclasses.is_dataclass(value):
            _overlay(getattr(target, item.name), value, path, explicit)
        elif value is not None and path not in explicit:
            setattr(target, item.name, value)


def check_values(config: Config) -> None:
    """Raise ConfigError for a value that its type lets through and nothing can run."""
    if config.show not in (None, "config", "prompt"):
        raise ConfigError(f"show={config.show}: it is config or prompt")
    if config.only is not None and config.task:
        raise ConfigError(f"only={config.only} chooses among the tasks of a suite; with task= leave it out")
    if config.engine.kind not in ENGINES:
        raise ConfigError(f"engine.kind={config.engine.kind}: it is one of {', '.join(ENGINES)}")
    if config.engine.address is not None and config.engine.kind != "ray":
        raise ConfigError(f"engine.address={config.engine.address} is a Ray cluster's: say engine=ray too")
    if config.audit not in (None, "batch"):
        raise ConfigError(f"audit={config.audit}: there is batch")
    if config.check and (config.show or not config.preflight):
        other = "preflight=off" if not config.preflight else f"show={config.show}"
        raise ConfigError(f"check=true is the preflight alone; leave {other} out")
    if "/" in config.model.name:
        raise ConfigError(f"model.name={config.model.name}: a name without /")
    _check_name("model.name", config.model.name)
    for name, value, least in (
        ("batch.max_clips", config.batch.max_clips, 1),
        ("batch.max_tokens", config.batch.max_tokens, 1),
        ("engine.threads", config.engine.threads, 1),
        ("engine.torch_threads", 1 if config.engine.torch_threads is None else config.engine.torch_threads, 1),
        ("audit_samples", config.audit_samples, 1),
        ("max_failed", config.max_failed, 0),
    ):
        if not value >= least:
            raise ConfigError(f"{name}={value}: it is at least {least}")
    for name, seconds in (
        ("batch.max_seconds", config.batch.max_seconds),
        ("batch.timeout", config.batch.timeout),
        ("engine.start_timeout", config.engine.start_timeout),
    ):
        if not 0 < seconds < math.inf:
            raise ConfigError(f"{name}={seconds:g}: it is more than 0 and finite")
    share = config.engine.devices_per_worker
    if not (1 <= share < math.inf and share == int(share)) and not (
        0 < share < 1 and abs(1 / share - round(1 / share)) < 1e-6
    ):
        raise ConfigError(f"engine.devices_per_worker={share:g}: it is a whole number, or a share such as 0.5 or 0.25")

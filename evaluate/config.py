"""The configuration: its typed schema, and one sentence for everything that can be wrong with it."""

import dataclasses
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin
from urllib.parse import unquote, urlsplit

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import (
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)
from yaml import MarkedYAMLError, YAMLError

from metrics.base import nearest

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
GROUPS = ("task", "suite", "model", "engine", "data")


class ConfigError(ValueError):
    """A configuration that cannot be run; one sentence that names the key and the cure."""


class LongAudio(Enum):
    """What becomes of a clip that is longer than the model's limit."""

    truncate = "the model hears its beginning; flagged truncated_audio"
    fail = "the sample fails"
    chunk = "cut at pauses, the answers joined; flagged chunked_audio"


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
class Metric:
    """One row of scores; what is null follows the task."""

    metric: str | None = None
    """Null: the name of the row."""
    normalizer: str | None = None
    extractor: str | None = None


@dataclass
class Task:
    name: str = MISSING
    corpus: Corpus = field(default_factory=Corpus)
    language: str | None = None
    """Of the speech; null: each sample's field 'language'."""
    target_language: str | None = None
    """Of the answers, where it differs; null: each sample's field 'target_language'."""
    prompt: dict[str, str] = field(default_factory=dict)
    """By prompt style; {name} is a field of the sample."""
    generation: Generation = field(default_factory=Generation)
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
class EachGeneration:
    max_new_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None


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
    devices: str = "auto"
    """'auto' (the first GPU, or the CPU), 'cpu', 'cuda:1'."""
    threads: int = 2
    """Threads that decode ahead of the device."""


@dataclass
class Batch:
    """How many clips go through the model at once: the first bound that is met."""

    max_seconds: float = 120.0
    """Of audio, each clip counted as long as the batch's longest."""
    max_clips: int = 16


@dataclass
class Data:
    root: str = "data"


@dataclass
class Run:
    dir: str | None = None
    """Null: results/runs/<model>-<suite or task>."""


@dataclass
class Config:
    task: Task | None = None
    tasks: dict[str, Task] = field(default_factory=dict)
    each: Each = field(default_factory=Each)
    limit: int | None = None
    """Short for each.limit."""
    model: ModelConfig = MISSING
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
    show: str | None = None
    """'config' or 'prompt': print it and stop, no model is loaded."""


def register() -> None:
    """Make the schema known to Hydra as ``schema``."""
    ConfigStore.instance().store("schema", Config)


def typed(composed: DictConfig, suite: str | None) -> Config:
    """The composed configuration as the typed record, resolved, or ConfigError."""
    try:
        merged = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.to_container(composed))  # refuses '+key=v'
        for key in sorted(OmegaConf.missing_keys(merged)):
            raise ConfigError(_unset(key))
        config = OmegaConf.to_object(merged)
    except OmegaConfBaseException as error:
        raise ConfigError(sentence(error)) from None
    assert isinstance(config, Config)
    if config.task and config.tasks:
        raise ConfigError(f"task= and suite={suite or '...'} are both given; keep one")
    if not config.task and not config.tasks:
        raise ConfigError("nothing to run: give task=NAME or suite=NAME ('python -m evaluate list tasks' names them)")
    if config.show not in (None, "config", "prompt"):
        raise ConfigError(f"show={config.show}: it is config or prompt")
    if config.engine.kind != "local":
        raise ConfigError(f"engine.kind={config.engine.kind}: there is local")
    _check_numbers(config)
    return config


def tasks_of(config: Config) -> list[Task]:
    """The tasks to run, with what ``each`` says of all of them. Raises ConfigError for a bad or double name."""
    tasks = [config.task] if config.task else list(config.tasks.values())
    names: set[str] = set()
    for task in tasks:
        if not re.fullmatch(r"[\w.+-]+(/[\w.+-]+)*", task.name) or ".." in task.name:
            raise ConfigError(f"task.name={task.name}: letters, digits and . _ + - only, in parts joined by /")
        if task.name in names:
            raise ConfigError(f"two tasks of the suite have the name {task.name}; let 'name:' tell them apart")
        names.add(task.name)
        each = dataclasses.replace(config.each, limit=config.limit if config.each.limit is None else config.each.limit)
        _overlay(task, each)
        if task.limit is not None and task.limit < 1:
            raise ConfigError(f"limit={task.limit} of {task.name}: it is at least 1")
        if task.generation.max_new_tokens < 1 or task.generation.temperature < 0 or not 0 < task.generation.top_p <= 1:
            raise ConfigError(
                f"generation of {task.name}: max_new_tokens is at least 1, temperature at least 0, top_p in (0, 1]"
            )
    return tasks


def _overlay(target: Any, values: Any) -> None:
    for item in dataclasses.fields(values):
        value = getattr(values, item.name)
        if dataclasses.is_dataclass(value):
            _overlay(getattr(target, item.name), value)
        elif value is not None:
            setattr(target, item.name, value)


def _check_numbers(config: Config) -> None:
    for name, value, least in (
        ("batch.max_clips", config.batch.max_clips, 1),
        ("engine.threads", config.engine.threads, 1),
        ("max_failed", config.max_failed, 0),
    ):
        if not value >= least:
            raise ConfigError(f"{name}={value}: it is at least {least}")
    if not config.batch.max_seconds > 0:
        raise ConfigError(f"batch.max_seconds={config.batch.max_seconds:g}: it is more than 0")


def search_paths(overrides: Sequence[str]) -> list[Path]:
    """The folders of configuration: the checkout's, then those of ``hydra.searchpath``."""
    found = [CONFIGS]
    for override in overrides:
        key, _, _ = override.partition("=")
        if key.lstrip("+") == "hydra.searchpath":
            value = OverridesParser.create().parse_override(override).value()
            for entry in value if isinstance(value, list) else [value]:
                text = str(entry)
                if text.startswith("pkg://"):
                    continue
                found.append(Path(unquote(urlsplit(text).path) if text.startswith("file:") else text))
    return found


def options_of(group: str, overrides: Sequence[str] = ()) -> list[str]:
    """The names that a configuration group offers, sorted."""
    roots = [folder / group for folder in search_paths(overrides)]
    return sorted(
        {path.relative_to(root).with_suffix("").as_posix() for root in roots for path in root.rglob("*.yaml")}
    )


def check_overrides(overrides: Sequence[str]) -> None:
    """Raise ConfigError for what Hydra would refuse without naming the cure."""
    for folder in search_paths(overrides)[1:]:
        if not folder.is_dir():
            raise ConfigError(f"hydra.searchpath: there is no folder {folder}; write it as file:///absolute/folder")
    keys = [override.partition("=")[0] for override in overrides]
    if "suite" in keys:
        for key in keys:
            if key.startswith("task."):
                raise ConfigError(
                    f"{key} with a suite: say each.{key[5:]} for all of its tasks, or tasks.KEY.{key[5:]} for one"
                )


def sentence(error: Exception, overrides: Sequence[str] = ()) -> str:
    """What a Hydra or OmegaConf error means, in one sentence with the nearest valid name."""
    chain: list[BaseException] = [error]
    while (deeper := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(deeper)
    for link in chain:
        if isinstance(link, OverrideParseException):
            return _unreadable(link.override)
        if isinstance(link, MissingConfigException):
            return _missing(link, overrides)
        if isinstance(link, MarkedYAMLError) and link.problem_mark:
            return f"{link.problem_mark.name}, line {link.problem_mark.line + 1}: not YAML ({link.problem})"
        if isinstance(link, OmegaConfBaseException):
            return _invalid(link, overrides)
    text = str(error)
    if found := re.search(r"Ambiguous value for argument '(.+?)'|Sweep parameters '(.+?)' requires", text):
        override = found[1] or found[2]
        return f"'{override}' reads as several values: add -m to run each, or quote it as in {_quoted(override)}"
    if found := re.search(r"Could not override '([^']+)'", text):
        return _unknown(found[1], overrides)
    return text.splitlines()[0] if text else type(error).__name__


def _quoted(override: str) -> str:
    key, _, value = override.partition("=")
    return f"""'{key}="{value}"'"""


def _unreadable(override: str) -> str:
    if "=" not in override:
        return f"'{override}' is no override: write KEY=VALUE ('python -m evaluate --help' shows the keys)"
    return f"cannot read {override}: a value with = , blanks or brackets is quoted twice, as in {_quoted(override)}"


def _missing(error: MissingConfigException, overrides: Sequence[str]) -> str:
    wanted = str(error.missing_cfg_file)
    group, _, option = wanted.partition("/")
    if group not in GROUPS or not option:
        return f"no configuration named '{wanted}'"
    known = options_of(group, overrides)
    hint = nearest(option, known) if known else ""
    return f"no {group} named '{option}'{hint}"


def _unknown(key: str, overrides: Sequence[str]) -> str:
    """``key`` is no key: name the nearest one at the first place where it leaves the schema."""
    schema: Any = Config
    parts = key.split(".")
    for place, part in enumerate(parts):
        if get_origin(schema) is dict:  # any key goes
            schema = _kind(get_args(schema)[1])
            continue
        if not dataclasses.is_dataclass(schema):
            break
        known = {item.name: item.type for item in dataclasses.fields(schema)}
        if part not in known:
            names = [*known, *GROUPS] if schema is Config else list(known)
            return f"unknown key '{'.'.join(parts[: place + 1])}'{nearest(part, sorted(set(names)))}"
        schema = _kind(known[part])
    if parts[0] in ("task", "model"):
        return f"{key}: no {parts[0]} is chosen; say {parts[0]}=NAME too"
    return f"unknown key '{key}'"


def _kind(annotation: Any) -> Any:
    """``X`` of ``X | None``."""
    if get_origin(annotation) is UnionType:
        return next(kind for kind in get_args(annotation) if kind is not type(None))
    return annotation


def _unset(key: str) -> str:
    if key == "model":
        return "no model: say model=NAME ('python -m evaluate list models' names them)"
    return f"{key} is not set, and it has no default: say {key}=..."


def _invalid(error: OmegaConfBaseException, overrides: Sequence[str]) -> str:
    key = str(error.full_key or "")
    first = str(error).splitlines()[0]
    if isinstance(error, MissingMandatoryValue) or "Missing mandatory value" in first:
        return _unset(key or first.split(":")[-1].strip())
    if isinstance(error, InterpolationResolutionError):
        return f"{key}: {first}"
    if "is not a subclass of Metric" in first:
        return "a metric is added as +task.metrics.NAME=null; one with settings of its own goes into a task's file"
    if isinstance(error, ValidationError):
        return f"{key}: {first[0].lower()}{first[1:]}"
    if " not in " in first or "is not in struct" in first:
        if key == "suite" or key.startswith("suite."):
            return "a suite's file begins with the line '# @package _global_'"
        return _unknown(key, overrides)
    return f"{key}: {first}" if key else first


def add_to_path(folders: Iterable[str | Path]) -> None:
    """Let model classes be found beside the configurations that name them."""
    for folder in folders:
        if str(folder) not in sys.path:
            sys.path.append(str(folder))


HYDRA_ERRORS = (HydraException, OmegaConfBaseException, YAMLError)
"""What composing a configuration raises."""

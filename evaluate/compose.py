"""Composing: where Hydra finds configurations, and one sentence for everything that can be wrong with one."""

import dataclasses
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin
from urllib.parse import unquote, urlsplit

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import (
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)
from yaml import MarkedYAMLError

from evaluate.config import EACH, Config, ConfigError, Each, check_values
from metrics.base import nearest

CONFIGS = Path(__file__).resolve().parent.parent / "configs"
GROUPS = ("task", "suite", "model", "engine", "data")
LAUNCHER = "hydra/launcher"


def register() -> None:
    """Make the schema known to Hydra as ``schema``, and ``${checkout:}`` as this project's folder."""
    schema = OmegaConf.structured(Config)
    OmegaConf.set_struct(schema.checkpoints, False)  # any model's is added without '+'; ``typed`` checks the names
    ConfigStore.instance().store("schema", schema)
    OmegaConf.register_new_resolver("checkout", lambda: str(CONFIGS.parent), replace=True)


def typed(composed: DictConfig, suite: str | None, model: str | None, overrides: Sequence[str]) -> Config:
    """The composed configuration as the typed record, resolved, or ConfigError. ``suite`` and ``model`` are the names
    chosen of these groups."""
    try:
        merged = OmegaConf.merge(OmegaConf.structured(Config), OmegaConf.to_container(composed))  # refuses '+key=v'
        assert isinstance(merged, DictConfig)
        _place_checkpoint(merged, model, overrides)
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
    check_values(config)
    return config


def _place_checkpoint(config: DictConfig, model: str | None, overrides: Sequence[str]) -> None:
    """Let ``checkpoints`` say the path of the chosen model, unless the command line does."""
    known = options_of("model", overrides)
    for name in config.checkpoints:
        if name not in known:
            raise ConfigError(f"checkpoints.{name}: no model named '{name}'{nearest(str(name), known)}")
    if model in config.checkpoints and "model.path" not in said_keys(overrides):
        config.model.path = config.checkpoints[model]


def said_keys(overrides: Sequence[str]) -> set[str]:
    """The keys that a command line, without sweeps, gives values to; those of a mapping one by one."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    return {key for override in parsed for key in _leaves(override.key_or_group, override.value())}


def _leaves(key: str, value: Any) -> list[str]:
    if not isinstance(value, dict):
        return [key]
    return [leaf for name, entry in value.items() for leaf in _leaves(f"{key}.{name}", entry)]


def combinations(overrides: Sequence[str]) -> list[list[str]]:
    """The jobs of a sweep: every combination of the values of ``key=a,b``, the last key varying fastest.

    Each is composed by itself, so that ``task=a,b`` and a ``task.key=...`` for both go together, and a job that is
    refused leaves the others be. Raises ConfigError.
    """
    parser = OverridesParser.create()
    try:
        parsed = parser.parse_overrides(list(overrides))
        choices = [
            [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
            if override.is_sweep_override()
            else [text]
            for override, text in zip(parsed, overrides, strict=True)
        ]
    except HydraException as error:
        raise ConfigError(sentence(error, overrides)) from None
    return [list(job) for job in itertools.product(*choices)]


def search_paths(overrides: Sequence[str]) -> list[Path]:
    """The folders of configuration: the checkout's, then those of ``hydra.searchpath``."""
    found = [CONFIGS]
    for override in overrides:
        key, _, _ = override.partition("=")
        if key.lstrip("+") == "hydra.searchpath":
            try:
                value = OverridesParser.create().parse_override(override).value()
            except HydraException:
                raise ConfigError(_unreadable(override)) from None
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


def check_overrides(overrides: Sequence[str], sweeping: bool = False) -> None:
    """Raise ConfigError for what Hydra would refuse without naming the cure, or take and leave aside."""
    for folder in search_paths(overrides)[1:]:
        if not folder.is_dir():
            raise ConfigError(f"hydra.searchpath: there is no folder {folder}; write it as file:///absolute/folder")
    values = dict(override.partition("=")[::2] for override in overrides)
    for key in values:
        if key.lstrip("+~").startswith("hydra/") and key != LAUNCHER:
            raise ConfigError(f"{key}: of Hydra's own there is {LAUNCHER}, which goes with -m")
        if re.match(r"[+~]*hydra\.(?!searchpath|launcher|sweep)", key):
            raise ConfigError(f"{key}: of Hydra's own settings there is hydra.searchpath alone")
        if key.lstrip("+~").startswith("hydra.sweep"):
            raise ConfigError(f"{key}: say run.sweep=FOLDER")
        if not sweeping and (is_launching(key) or key == "run.sweep" or (key, values[key]) == ("only", EACH)):
            raise ConfigError(f"{key} goes with -m, which makes several jobs: leave it out, or say -m too")
        if key.lstrip("+~").startswith("hydra.launcher") and LAUNCHER not in values:
            raise ConfigError(f"{key}: no launcher is chosen; say {LAUNCHER}=slurm too")
    if values.get("suite", "null") != "null":
        for key in values:
            if key.startswith("task."):
                rest = key.removeprefix("task.")
                every = f"each.{rest} for all of its tasks, or " if _has(Each, rest) else ""
                raise ConfigError(f"{key} with a suite: say {every}tasks.KEY.{rest} for one of its tasks")


def is_launching(override: str) -> bool:
    """Whether an override is of a sweep's launcher."""
    return override.lstrip("+~").startswith((LAUNCHER, "hydra.launcher"))


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
    first = text.strip().splitlines()[0] if text.strip() else f"{type(error).__name__} in Hydra"
    return f"cannot compose {' '.join(overrides)}: {first}"


def _quoted(override: str) -> str:
    key, _, value = override.partition("=")
    return f"""'{key}="{value}"'"""


def _unreadable(override: str) -> str:
    if "=" not in override:
        return f"'{override}' is no override: write KEY=VALUE ('python -m evaluate --help' shows the keys)"
    if not re.fullmatch(r"[+~]{0,2}[\w./@-]+", key := override.partition("=")[0]):
        return f"cannot read {override}: '{key}' is no key"
    return f"cannot read {override}: a value with = , blanks or brackets is quoted twice, as in {_quoted(override)}"


def _missing(error: MissingConfigException, overrides: Sequence[str]) -> str:
    wanted = str(error.missing_cfg_file)
    if wanted.startswith(f"{LAUNCHER}/"):
        option = wanted.removeprefix(f"{LAUNCHER}/")
        return f"no launcher named '{option}'{nearest(option, options_of(LAUNCHER, overrides))}"
    group, _, option = wanted.partition("/")
    if group not in GROUPS or not option:
        return f"no configuration named '{wanted}'"
    known = options_of(group, overrides)
    hint = nearest(option, known) if known else ""
    own = (
        ""
        if "did you mean" in hint or len(search_paths(overrides)) > 1
        else ("; one of your own is found through 'hydra.searchpath=[file:///absolute/folder]'")
    )
    return f"no {group} named '{option}'{hint}{own}"


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
    chosen = [override for override in overrides if override.startswith(f"{parts[0]}=")]
    if parts[0] in ("task", "model") and not chosen:
        return f"{key}: no {parts[0]} is chosen; say {parts[0]}=NAME too"
    if parts[0] == "tasks" and len(parts) > 1:
        return f"{key}: the suite has no task with the key '{parts[1]}' (show=config lists them under tasks)"
    return f"{key} is not there to be changed: say +{key}=... to add it"


def _has(schema: Any, key: str) -> bool:
    """Whether a dotted key is one of a schema's."""
    part, _, rest = key.partition(".")
    kinds = {item.name: item.type for item in dataclasses.fields(schema)}
    return part in kinds and (not rest or (dataclasses.is_dataclass(kinds[part]) and _has(kinds[part], rest)))


def _kind(annotation: Any) -> Any:
    """``X`` of ``X | None``."""
    if get_origin(annotation) is UnionType:
        return next(kind for kind in get_args(annotation) if kind is not type(None))
    return annotation


def _unset(key: str) -> str:
    if key == "model":
        return "no model: say model=NAME ('python -m evaluate list models' names them)"
    if key == "model.path":
        return (
            "model.path is not set, and it has no default: say model.path=... (for several models checkpoints.NAME=...)"
        )
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
    if "is not a subclass of EachGeneration" in first:
        return f"generation_for of a prompt style ({key}) is added in a task's file; generation.X=... goes before it"
    if "is not a ListConfig" in first:
        return f"{key} is a list: write {key}=[A,B]"
    if isinstance(error, ValidationError):
        said = next((o.partition("=")[2] for o in overrides if o.partition("=")[0].lstrip("+") == key), None)
        kind = {"Integer": "a whole number", "Float": "a number", "Bool": "true or false"}
        found = re.search(r"could not be converted to (\w+)", first)
        if said is not None and found and found[1] in kind:
            return f"{key}={said}: it is {kind[found[1]]}"
        return f"{key}: {first[0].lower()}{first[1:]}"
    if " not in " in first or "is not in struct" in first:
        if key == "suite" or key.startswith("suite."):
            return "a suite's file begins with the line '# @package _global_'"
        return _unknown(key, overrides)
    return f"{key}: {first}" if key else first

"""Fingerprints: what decided the answers in a directory, held against what is asked now."""

import json
from collections.abc import Mapping

from results.files import RunError
from results.run import RunDirectory


def refuse_other_answers(
    directory: RunDirectory, asked: Mapping[str, Mapping[str, str]], model: Mapping[str, str]
) -> None:
    """Raise RunError where a task's answers are answers to something else than what is ``asked`` now, by task; those of
    a task that is not asked now must be of the same ``model``. So it is with answers of which nothing says to what."""
    old = directory.read()
    known = old.tasks if old else {}
    for name in asked:
        if name not in known and directory.journal(name).standings():
            raise RunError(
                f"run.dir={directory.path} holds answers of {name}, and no run.json says to what: put it back, take "
                f"another run.dir, or fresh=true to move what is there aside"
            )
    for name, before in known.items():
        now = asked.get(name, model)
        then = before.asked if name in asked else {key: before.asked.get(key, "nothing") for key in model}
        if (changed := differences(then, now)) and directory.journal(name).standings():
            raise RunError(
                f"run.dir={directory.path} holds answers of {name} to something else; what differs: "
                f"{'; '.join(changed)}. Take another run.dir, or fresh=true to move the old run aside"
            )


def differences(
    before: Mapping[str, str], now: Mapping[str, str], when: tuple[str, str] = ("before", "now")
) -> list[str]:
    """The names in which two fingerprints differ, with the values where they are short enough to read, and ``when``
    each is true. Of settings (an object in JSON) those are named that differ: `generation.seed (0 before, 1 now)`."""
    named = []
    for name in sorted({*before, *now}):
        old, new = before.get(name, "nothing"), now.get(name, "nothing")
        if old == new:
            continue
        settings = _settings(old), _settings(new)
        if settings[0] and settings[1]:
            named += [f"{name}.{said}" for said in differences(*settings, when)]
            continue
        readable = max(len(old), len(new)) <= 200 and not (len(new) == 64 and " " not in new)
        named.append(f"{name} ({old} {when[0]}, {new} {when[1]})" if readable else name)
    return named


def _settings(value: str) -> dict[str, str]:
    """The entries of an object in JSON, in JSON; empty where the value is anything else."""
    try:
        read = json.loads(value)
    except ValueError:
        return {}
    return {key: json.dumps(entry, ensure_ascii=False) for key, entry in read.items()} if isinstance(read, dict) else {}

"""The workflows of GitHub Actions: well-formed, read-only, pinned, and every command they name is there."""

import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import CHECKOUT
from typer.main import get_command

from results.__main__ import app

WORKFLOWS = sorted((CHECKOUT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))


def read(path: Path) -> dict[Any, Any]:
    workflow: dict[Any, Any] = yaml.safe_load(path.read_text("utf-8"))
    return workflow


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


def commands(path: Path) -> list[list[str]]:
    """The command lines of all steps, split as a shell does."""
    return [shlex.split(line) for step in steps(path) for line in step.get("run", "").splitlines()]


def options(command: str) -> set[str]:
    group: Any = get_command(app)
    return {name for parameter in group.commands[command].params for name in parameter.opts}


def test_both_are_here() -> None:
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "nightly.yml"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_they_may_read_and_nothing_else(path: Path) -> None:
    workflow, text = read(path), path.read_text("utf-8")
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets." not in text and "pull_request_target" not in text
    for job in workflow["jobs"].values():
        assert "permissions" not in job and job["timeout-minutes"] <= 360
    for step in steps(path):
        assert ("uses" in step) != ("run" in step)
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+\.\d+\.\d+", step["uses"])
            if step["uses"].startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False
        else:  # values come by the environment: put into the text, they could be commands
            assert "${{" not in step["run"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_what_they_run_is_there(path: Path) -> None:
    named = set()
    for words in commands(path):
        if words[0] == "make":
            assert words[1] in TARGETS
            named.add(f"make {words[1]}")
        elif words[0] == ".ci/run":
            assert os.access(CHECKOUT / ".ci/run", os.X_OK)
            named.add(".ci/run")
        elif words[0] == ".venv/bin/python":
            assert words[1] == "-m" and words[2] in ("evaluate", "results")
            named.add(f"{words[2]} {words[3]}")
            if words[2] == "results":
                assert {word for word in words[4:] if word.startswith("--")} <= options(words[3])
            else:
                suite = dict(word.split("=", 1) for word in words[3:])["suite"]
                assert (CHECKOUT / f"configs/suite/{suite}.yaml").is_file()
    wanted = {
        "ci.yml": {"make lint", ".ci/run", "make regression"},
        "nightly.yml": {"make setup", "evaluate suite=regression", "results regression"},
    }
    assert named == wanted[path.name]


def test_the_options_given_through_make_are_there() -> None:
    given = next(words for words in commands(WORKFLOWS[0]) if words[:2] == ["make", "regression"])[2]
    words = shlex.split(given.removeprefix("ARGS="))
    assert {word for word in words if word.startswith("--")} <= options("regression")


def test_the_nightly_runs_on_a_gpu_of_ones_own_and_keeps_what_it_found() -> None:
    workflow = read(WORKFLOWS[1])
    (job,) = workflow["jobs"].values()
    assert job["runs-on"] == ["self-hosted", "linux", "gpu"]
    assert set(workflow[True]) == {"schedule", "workflow_dispatch"}  # YAML 1.1 reads `on` as true
    names = [name for name in workflow["env"].values() if "vars." in name]
    assert names == [f"${{{{ vars.ALM_{name} }}}}" for name in ("MODEL", "CHECKPOINT", "DATA_ROOT", "BASELINE")]
    keeping = job["steps"][-1]
    assert keeping["if"] == "always()" and "results/runs/nightly/" in keeping["with"]["path"].splitlines()
    assert 'rm -rf "$RUN"' in job["steps"][3]["run"], "an older run of the same checkpoint would be taken as done"


def test_the_committed_baseline_is_of_what_make_regression_runs() -> None:
    from results.gate import baseline

    kept = baseline.read(baseline.path_of("tiny"))
    assert kept is not None and (kept.model, kept.label) == ("tiny", "regression") and len(kept.tasks) == 10
    assert all(task.counts.failed == 0 and task.statistics.ids for task in kept.tasks.values())
    assert baseline.path_of("tiny").stat().st_size < 40_000

"""The rooms: imports run one way, modules stay small, and Hugging Face's evaluate does not come in between."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from support import CHECKOUT, ENVIRONMENT

MAY_IMPORT = {
    "datasets_prep": {"datasets_prep"},
    "metrics": {"metrics"},
    "results": {"results", "metrics"},
    "evaluate": {"evaluate", "datasets_prep", "metrics", "results"},
}
MODULES = sorted(path for room in MAY_IMPORT for path in (CHECKOUT / room).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Top-level names of what a module imports anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_imports_run_one_way_and_modules_stay_small(path: Path) -> None:
    room = path.relative_to(CHECKOUT).parts[0]
    assert not (imported(path) & MAY_IMPORT.keys()) - MAY_IMPORT[room]
    if room in ("results", "metrics"):
        assert not imported(path) & {"torch", "transformers"}
    assert len(path.read_text("utf-8").splitlines()) <= 420


def test_every_package_is_listed() -> None:
    import tomllib

    listed = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    packages = {".".join(path.parent.relative_to(CHECKOUT).parts) for path in MODULES if path.name == "__init__.py"}
    assert set(listed) == packages


def test_importing_touches_no_network_and_no_device() -> None:
    code = (
        "import socket, sys\n"
        "def refuse(*a, **k): raise AssertionError('network at import')\n"
        "socket.socket.connect = refuse\n"
        "import evaluate.runner, evaluate.models.whisper, results.leaderboard, datasets_prep.manifest\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=True)


def test_the_scripts_run_ours_though_another_evaluate_is_installed(tmp_path: Path) -> None:
    other = tmp_path / "evaluate"
    other.mkdir()
    (other / "__init__.py").write_text("raise ImportError('the other evaluate')")
    script = Path(sys.executable).with_name("alm-evaluate")
    environment = {**ENVIRONMENT, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([script, "list", "models"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "whisper" in done.stdout.split(), done.stderr
    done = subprocess.run(
        [script.with_name("alm-results"), "--help"], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0 and "leaderboard" in done.stdout


def test_what_was_imported_already_is_named(tmp_path: Path) -> None:
    (tmp_path / "evaluate").mkdir()
    (tmp_path / "evaluate/__init__.py").touch()
    code = "import sys; sys.path.insert(0, sys.argv[1]); import evaluate, alm_eval; alm_eval.evaluate()"
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 1 and "'evaluate' was imported from" in done.stderr and done.stderr.count("\n") == 1

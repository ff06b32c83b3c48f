"""The README: every name that can be given is in its tables, and its suite composes."""

import re
from pathlib import Path

import pytest
from support import CHECKOUT

from datasets_prep.corpus import corpora
from evaluate.__main__ import main
from evaluate.catalogue import page
from evaluate.compose import options_of
from metrics.extractors import EXTRACTORS
from metrics.normalizers import NORMALIZERS
from metrics.score import METRICS
from results.catalogue import as_pages

README = (CHECKOUT / "README.md").read_text("utf-8")


def test_every_name_is_in_the_tables() -> None:
    listed = set(re.findall(r"`([^`]+)`", "\n".join(line for line in README.splitlines() if line.startswith("| `"))))
    assert {*METRICS, *NORMALIZERS, *EXTRACTORS} <= listed
    tasks = re.findall(r"^- `([^`]+)`:", (CHECKOUT / "docs/tasks.md").read_text("utf-8"), re.MULTILINE)
    assert tasks and set(tasks) == set(options_of("task"))


def test_the_tasks_are_counted() -> None:
    public = [name for name in options_of("task") if not name.endswith("/manifest")]
    kinds = {name.partition("/")[0] for name in public}
    told = f"[{len(public)} tasks of {len(kinds)} types](docs/tasks.md) on {len(corpora())} public corpora"
    assert told in README
    assert all(f"`{kind}`" in README for kind in kinds)


def test_the_suite_composes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "suite").mkdir()
    found = re.search(r"```yaml\n(# @package _global_\n.*?)```", README, re.DOTALL)
    assert found
    (tmp_path / "suite/mine.yaml").write_text(found[1])
    path = f"hydra.searchpath=[file://{tmp_path}]"
    assert main([path, "suite=mine", "model=whisper", "model.path=x", "show=config", "tasks.chinese.limit=3"]) == 0
    shown = capsys.readouterr().out
    assert "name: asr/clean" in shown and "manifest: de.jsonl" in shown and "limit: 3" in shown
    assert "name: s2tt/covost2_zh-CN_en" in shown


def test_the_pages_of_metrics_are_current() -> None:
    assert (CHECKOUT / "docs/metrics.md").read_text("utf-8") == as_pages(), "make docs renews them"


def test_the_page_of_tasks_is_current() -> None:
    assert (CHECKOUT / "docs/tasks.md").read_text("utf-8") == page(), "make docs renews it"

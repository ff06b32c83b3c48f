"""What CONTRIBUTING shows works as it stands there: a task, a model and a metric, each in at most 20 lines."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import CHECKOUT, command, write_manifest

from metrics import score as scoring
from metrics.base import SumMetric

BLOCKS = {
    found[1]: found[2]
    for found in re.finditer(r"```\w+\n# (\S+)\n(.*?)```", (CHECKOUT / "CONTRIBUTING.md").read_text("utf-8"), re.DOTALL)
}


def test_each_block_is_short() -> None:
    assert set(BLOCKS) == {"my/task/own/rain.yaml", "my/loudness.py", "my/model/loudness.yaml", "metrics/length.py"}
    assert all(block.count("\n") <= 20 for block in BLOCKS.values())


def test_the_task_and_the_model_run(tmp_path: Path, tone: Callable[..., Path]) -> None:
    for name, block in BLOCKS.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block, "utf-8")
    rows = [
        {"id": n, "audio": tone(f"{n}.wav").name, "reference": answer, "what": "rain"}
        for n, answer in enumerate(("yes", "no"))
    ]
    manifest = write_manifest(tmp_path / "m.jsonl", rows)
    run = tmp_path / "run"
    done = command(
        "evaluate", f"hydra.searchpath=[file://{tmp_path}/my]", "task=own/rain", "model=loudness",
        f"task.corpus.manifest={manifest}", "+model.options.threshold=0.1", "engine.devices=cpu", f"run.dir={run}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    scores = {score["name"]: score for score in json.loads((run / "own/rain/scores.json").read_text())["scores"]}
    assert scores["accuracy"]["value"] == scores["accuracy_folded"]["value"] == 50.0
    assert (
        "extract:yes_no" in scores["accuracy"]["signature"] and "norm:basic" in scores["accuracy_folded"]["signature"]
    )


def test_the_metric_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    scope: dict[str, Any] = {}
    exec(BLOCKS["metrics/length.py"], scope)
    metric: type[SumMetric] = scope["LengthRatio"]
    monkeypatch.setitem(scoring.METRICS, metric.name, metric)
    spec = scoring.ScoringSpec({"length": scoring.MetricSpec("length_ratio")}, "length")
    rows = [{"id": str(n), "raw": "ab" * n, "references": ["abcd"], "status": "ok"} for n in range(5)]
    (score,) = scoring.score(rows, spec)
    assert score.value == 100.0 and score.ci95 and score.ci95[0] < 100.0 < score.ci95[1]
    assert score.signature == "length_ratio|norm:none.1|tok:char"

"""The audit of batches: what is answered otherwise alone is found, counted and kept; margins are the models' own."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from support import CHECKOUT, CLIPS, command, read_lines, write_manifest

from evaluate.audit import audit, batches, sentence
from evaluate.config import Batch, Config, Generation, ModelConfig, Task
from evaluate.models.base import Model, Request, make_model
from evaluate.preflight import prepare
from evaluate.tasks import ReadyTask
from evaluate.worker import Outcome
from results.journal import Failure
from results.run import draw_order

Tone = Callable[..., Path]
TINY = ModelConfig("evaluate.models.tiny.model.TinyQwenAudio", name="tiny", path=None)


@pytest.fixture
def task(tmp_path: Path, tone: Tone) -> ReadyTask:
    """Ten samples, the reference of each its number."""
    clip = tone("a.wav").name
    rows = [{"id": f"s{n}", "audio": clip, "reference": str(n), "subset": "ab"[n % 2]} for n in range(10)]
    asked = Task(name="t", prompt={"plain": "say"}, metrics={"wer": None, "accuracy": None}, primary="accuracy")
    asked.corpus.manifest = str(write_manifest(tmp_path / "m.jsonl", rows))
    found = prepare(Config(task=asked, model=TINY), [asked])
    assert not found.problems
    return found.tasks[0]


def record(task: ReadyTask, name: str, raw: str | None) -> dict[str, Any]:
    sample = task.samples[name]
    known = {"id": name, "subset": sample.subset, "group": None, "fields": {}, "references": list(sample.references)}
    return known | {"raw": raw, "status": "failed" if raw is None else "ok", "flags": []}


def test_the_first_of_the_draw_are_asked_alone(task: ReadyTask) -> None:
    made = batches([task], 4, Batch(max_clips=9, max_seconds=50))
    names = [item.request.id for batch in made for item in batch.items]
    assert names == sorted(task.samples, key=draw_order)[:4] and all(len(batch.items) == 1 for batch in made)
    assert all(batch.margins and (batch.budget.max_clips, batch.budget.max_seconds) == (1, 50) for batch in made)
    assert len(batches([task], 99, Batch())) == 10


def test_flips_and_scores_are_of_those_compared(task: ReadyTask) -> None:
    records = {f"s{n}": record(task, f"s{n}", None if n == 9 else str(n)) for n in range(10)}
    alone = [Outcome(f"s{n}", [], raw=str(n), margin=0.5 + n) for n in range(4)]
    alone += [Outcome("s4", [], raw="5", margin=0.25), Outcome("s5", [], raw="5 ", margin=None)]
    alone += [Outcome("s6", [], error=Failure("memory", "no room")), Outcome("s9", [], raw="9")]
    found = audit(task, records, alone)
    assert (found.asked, found.compared, found.flips) == (8, 6, ["s4", "s5"])
    assert found.flips_percent == pytest.approx(100 / 3) and found.smallest_margin == 0.25
    assert (found.metric, found.in_run, found.alone) == ("accuracy", 100.0, pytest.approx(100 * 4 / 6))
    assert found.difference == pytest.approx(-100 / 3)
    said = (
        "audit of t: of 6 samples, each alone, 2 answered otherwise (33.3 %: s4, s5); accuracy 66.67 alone and 100.00"
    )
    assert sentence("t", found).startswith(said) and sentence("t", found).endswith("margin of a token 0.25")
    nothing = audit(task, records, [Outcome("s9", [], raw="9")])
    assert sentence("t", nothing) == "audit of t: none of 1 samples has an answer both alone and in the run"


CROWD = '''
"""A double of a model whose answers depend on who shares a batch, for every sample whose field says so."""
from evaluate.models.base import Model

class Crowd(Model):
    prompt_styles = ("plain",)

    def load(self, device): ...

    def prepare(self, requests):
        return requests

    def generate(self, batch, generation):
        return ["crowd" if len(batch) > 1 and request.fields["hint"] else "alone" for request in batch]
'''


def test_an_audit_is_kept_and_made_once(own: Path, tmp_path: Path, tone: Tone) -> None:
    (own / "crowd.py").write_text(CROWD)
    (own / "model/crowd.yaml").write_text("_target_: crowd.Crowd\nname: crowd\npath: null\n")
    clip, run = tone("a.wav").name, tmp_path / "run"
    rows = [{"id": f"s{n}", "audio": clip, "reference": "alone", "hint": "x" if n < 3 else ""} for n in range(8)]
    manifest = write_manifest(tmp_path / "m.jsonl", rows)
    words = [f"hydra.searchpath=['file://{own}']", "task=own/echo", "model=crowd", f"task.corpus.manifest={manifest}"]
    words += [f"run.dir={run}", "audit=batch"]
    line = (
        "audit of own/echo: of 8 samples, each alone, 3 answered otherwise (37.5 %: s0, s1, s2); accuracy 100.00 alone"
    )
    done = command("evaluate", *words)
    assert done.returncode == 0 and done.stderr.count(line) == 1, done.stderr
    kept = json.loads((run / "run.json").read_text())["audit"]["own/echo"]
    assert (kept["flips"], kept["in_run"], kept["difference"]) == (["s0", "s1", "s2"], 62.5, 37.5)
    assert kept["smallest_margin"] is None
    answers = (run / "own/echo/predictions.jsonl").read_bytes()
    assert command("evaluate", *words).stderr.count("audit of") == 0, "made before"
    more = command("evaluate", *words, "audit_samples=4")
    assert more.returncode == 0 and "audit of own/echo: of 4 samples" in more.stderr
    assert (run / "own/echo/predictions.jsonl").read_bytes() == answers, "answers stay those of the run"
    record = json.loads((run / "run.json").read_text())
    assert record["audit"]["own/echo"]["asked"] == 4 and [session["answered"] for session in record["sessions"]] == [
        8,
        0,
        0,
    ]
    for wrong, said in (("audit=all", "audit=all: there is batch"), ("audit_samples=0", "it is at least 1")):
        refused = command("evaluate", *words, wrong)
        assert refused.returncode == 2 and said in refused.stderr


def test_a_real_model_in_float32(tmp_path: Path) -> None:
    run = tmp_path / "run"
    words = ["task=asc/cochlscene", "data=miniature", "model=tiny", f"run.dir={run}", "audit=batch", "audit_samples=6"]
    done = command("evaluate", *words)
    assert done.returncode == 0 and "of 6 samples, each alone, 0 answered otherwise (0.0 %)" in done.stderr, done.stderr
    kept = json.loads((run / "run.json").read_text())["audit"]["asc/cochlscene"]
    assert kept["flips"] == [] and kept["difference"] == 0.0 and kept["smallest_margin"] > 1e-4
    assert len(read_lines(run / "asc/cochlscene/predictions.jsonl")) == 15


def margins(model: Model, prompt: str) -> tuple[list[Any], np.ndarray]:
    """Answers of one token to three clips, each alone, told to tell their margins; and the logits they come from."""
    model.load("cpu")
    sounds = [soundfile.read(CLIPS / f"{name}.flac", dtype="float32")[0] for name in ("bells", "garden", "train")]
    requests = [Request(str(n), prompt, "en", None, {}, clips=1, audio=(sound,)) for n, sound in enumerate(sounds)]
    one = Generation(max_new_tokens=1)
    assert all(answer.margin is None for answer in model.generate(model.prepare(requests[:1]), one))
    model.margins = True
    assert all(answer.margin is None for answer in model.generate(model.prepare(requests), one)), "of one alone"
    assert model.generate(model.prepare(requests[:1]), Generation(1, temperature=0.5))[0].margin is None  # type: ignore[union-attr]
    told = [model.generate(model.prepare([request]), one)[0] for request in requests]
    logits = model.first_logits(model.prepare(requests))
    assert logits is not None
    return told, logits


def test_a_margin_is_the_lead_of_the_best_logit(tmp_path: Path, make_whisper: Callable[..., Path]) -> None:
    runpy.run_path(str(CHECKOUT / "tests/support/make_qwen2_audio.py"))["make"](tmp_path / "qwen2")
    qwen2 = ModelConfig("evaluate.models.qwen2_audio.Qwen2Audio", name="q", path=str(tmp_path / "qwen2"))
    for config, prompt in ((TINY, "<audio>1</audio>Say:"), (qwen2, "<audio>1</audio>Say:")):
        model = make_model(config)
        told, logits = margins(model, prompt)
        if config is TINY:
            logits[:, model.tokenizer.special["<|endoftext|>"]] = -np.inf  # type: ignore[attr-defined]
        best = np.sort(logits, axis=1)[:, -2:]
        np.testing.assert_allclose([answer.margin for answer in told], best[:, 1] - best[:, 0], atol=1e-4)
    whisper = make_model(ModelConfig("evaluate.models.whisper.Whisper", name="w", path=str(make_whisper())))
    told, _ = margins(whisper, "<audio>1</audio><|startoftranscript|><|notimestamps|>")
    assert all(answer.margin > 0 for answer in told)

"""``python -m evaluate prepare``: the corpora that tasks need, of small copies of their archives."""

from pathlib import Path

import layouts
import pytest

from evaluate.__main__ import main

Capture = pytest.CaptureFixture[str]


def test_what_a_suite_needs_is_prepared_and_the_rest_is_named(tmp_path: Path, capfd: Capture) -> None:
    """A source holds a folder of each corpus, or all archives together."""
    layouts.build(layouts.load("cochlscene"), tmp_path / "source/cochlscene")
    layouts.build(layouts.load("clothoaqa"), tmp_path / "source")
    words = ["suite=quick", f"data.root={tmp_path}/data", f"source={tmp_path}/source", "unofficial=true"]
    assert main(["prepare", *words]) == 2
    said = capfd.readouterr()
    assert "cochlscene test: prepared, 15 samples" in said.out and "clothoaqa test: prepared" in said.out
    assert "evaluate: still to be prepared: librispeech/dev-clean" in said.err
    assert sorted(path.name for path in (tmp_path / "data/cochlscene").glob("*.jsonl")) == ["test.jsonl"]


def test_one_task(tmp_path: Path, capfd: Capture) -> None:
    source = layouts.build(layouts.load("librispeech"), tmp_path / "source")
    words = ["task=asr/librispeech", "task.corpus.subsets=[dev-clean]", f"data.root={tmp_path}/data"]
    assert main(["prepare", *words, f"source={source}", "unofficial=true"]) == 0
    assert [path.stem for path in (tmp_path / "data/librispeech").glob("*.jsonl")] == ["dev-clean"]
    assert "still to be" not in capfd.readouterr().err


def test_several_tasks(tmp_path: Path, capfd: Capture) -> None:
    for name in ("librispeech", "clothoaqa"):
        layouts.build(layouts.load(name), tmp_path / "source" / name)
    words = ["tasks=asr/librispeech,aqa/clothoaqa", f"data.root={tmp_path}/data", f"source={tmp_path}/source"]
    assert main(["prepare", *words, "unofficial=true"]) == 0
    assert len(list((tmp_path / "data").rglob("*.jsonl"))) == 5


@pytest.mark.parametrize(
    ("word", "said"), [("unofficial=yes", "it is true or false"), ("suite=demmo", "did you mean"), ("sauce=x", "sauce")]
)
def test_what_is_wrong_is_said(word: str, said: str, tmp_path: Path, capfd: Capture) -> None:
    assert main(["prepare", "task=asr/librispeech", f"data.root={tmp_path}", word]) == 2
    assert said in capfd.readouterr().err

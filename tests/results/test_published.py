"""Published numbers: each row is whole; each that has a place here is of a task, a subset and a row of scores that there
are, scored as that task does; nothing that contradicts itself is hidden."""

import csv
import io
import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from support import CHECKOUT, ENVIRONMENT, command

from evaluate.catalogue import TASKS, entries
from metrics.records import MetricSpec
from results.files import RunError
from results.papers import published as facts
from results.papers.published import conflicts, published, read_places, read_rows, rows, samples_of, unmapped

ENTRIES = {entry.name: entry for entry in entries()}
PLACES, SAMPLES = read_places(facts.FOLDER / facts.PLACES)
ROW = "- {model: M, dataset: d, split: s, metric: WER, value: 2.0, unit: '% errors', source: x}"


def config(task: str) -> dict:
    return yaml.safe_load((TASKS / f"{task}.yaml").read_text("utf-8"))


def test_every_row_is_mapped_or_listed() -> None:
    assert len(rows()) == 2463 == len(published()) + len(unmapped())
    assert {row.unit for row in rows()} == set(facts.UNITS), "no unit that nothing is in"
    assert any("SUSPECT" in (row.note or "") for row in rows())
    assert all(row.unit == "several" for row in rows() if " | " in row.value)


def test_a_published_number_has_its_place() -> None:
    for row in published():
        entry = ENTRIES[row.task]
        assert row.metric in entry.metrics, row
        assert entry.corpus is not None
        names = {split.name for split in entry.corpus.splits}
        assert row.subset in names or row.subset is None, row
        fixed = [subset for subset in entry.subsets if "..." not in subset]
        assert row.subset is None or not fixed or row.subset in fixed, f"{row.task} does not ask {row.subset}"


def test_no_place_is_dead() -> None:
    taken = {(row.place.task, row.place.metric, row.place.dataset, row.row.split, row.metric) for row in published()}
    for place in PLACES:
        for split in place.splits:
            assert (place.task, place.metric, place.dataset, split, place.row) in taken


def test_where_the_scoring_is_known_it_is_the_tasks_own() -> None:
    known = [place for place in PLACES if place.scoring is not None]
    assert len(known) > 25
    for place in known:
        task = config(place.task)
        asked = task["metrics"][place.row]
        of_task = MetricSpec(
            asked.get("metric", place.row),
            asked.get("normalizer", task.get("normalizer", "none")),
            asked.get("extractor", task.get("extractor", "exact")),
            asked.get("options", {}),
        )
        assert of_task == MetricSpec(**(place.scoring or {})), place.task
        if place.asked:
            style, _, prompt = place.asked["prompt"].partition(": ")
            assert task["prompt"][style] == prompt
            longest = (
                task.get("generation_for", {})
                .get(style, {})
                .get("max_new_tokens", task["generation"]["max_new_tokens"])
            )
            assert longest == place.asked["max_new_tokens"]


def test_counts_of_samples_are_the_corpora_s() -> None:
    for task, counts in SAMPLES.items():
        corpus = ENTRIES[task].corpus
        assert corpus is not None
        of_corpus = {split.name: split.samples for split in corpus.splits}
        assert counts == {subset: of_corpus[subset] for subset in counts}, task
    lacking = {
        (row.task, row.subset) for row in published()
        if row.subset and samples_of(row.task, row.subset) is None
        and next(split for split in ENTRIES[row.task].corpus.splits if split.name == row.subset).samples is not None  # type: ignore[union-attr]
    }  # fmt: skip
    assert not lacking, "a count that the corpus has, and tasks.yaml lacks"


def test_values_are_in_the_unit_of_the_row_of_scores() -> None:
    by_place = {(row.model, row.task, row.subset, row.metric): row for row in published() if row.scoring}
    scene = by_place["Qwen-Audio", "asc/cochlscene", "test", "accuracy_qwen_audio"]
    assert (scene.value, scene.row.value) == (79.5, "0.795") and scene.rounding == pytest.approx(0.05)
    cider = by_place["Qwen-Audio", "aac/clotho", "evaluation", "cider_qwen_audio"]
    assert (cider.value, cider.rounding) == (0.441, 0.0005)
    bleu = by_place["Qwen-Audio", "s2tt/covost2", "it_en.test", "bleu_qwen_audio"]
    assert (bleu.value, bleu.row.value, bleu.rounding) == (36.0, "36.0", 0.05)
    assert len([row for row in by_place.values() if row.model == "Qwen-Audio"]) == 27


def test_what_is_computed_otherwise_has_no_place() -> None:
    for row in published():
        assert "judge" not in row.row.metric + (row.row.scored or "").lower(), row
        assert row.row.file != "audiobench" and row.row.dataset != "industrial SRWT (closed)"
    assert any(row.dataset == "industrial SRWT (closed)" for row in unmapped())


def test_no_number_of_known_scoring_stands_twice() -> None:
    places = Counter((row.model, row.task, row.subset, row.metric) for row in published() if row.scoring is not None)
    assert [place for place, count in places.items() if count > 1] == []


def test_conflicts_and_duplicates_are_kept_and_listed() -> None:
    found = [(kind, {row.value for row in some}) for kind, some in conflicts()]
    assert ("conflict", {"0.87", "0.6"}) in found
    assert ("duplicate", {"89.2", "89.23"}) in found
    mixed = [
        some for kind, some in conflicts() if kind == "conflict" and {row.value for row in some} == {"4.52", "5.33"}
    ]
    assert {row.dataset for row in mixed[0]} == {"air_bench_chat", "AIR-Bench chat"}, "whatever the spelling"
    for _, some in conflicts():
        assert len(some) > 1 and all(row in rows() for row in some)


def test_equal_as_far_as_their_digits_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [ROW, ROW.replace("2.0", "2.04"), ROW.replace("M,", "N,"), ROW.replace("M,", "n,").replace("2.0", "2.2")]
    (tmp_path / "own.yaml").write_text("\n".join(lines) + "\n")
    found = [row for row in read_rows(tmp_path / "own.yaml")]
    monkeypatch.setattr(facts, "_placed", lambda: tuple(found))
    assert [(kind, [row.value for row in some]) for kind, some in conflicts()] == [
        ("duplicate", ["2.0", "2.04"]), ("conflict", ["2.0", "2.2"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("value: 2.0", "value: two"), "'value' is 'two'; write a number"),
        (("unit: '% errors'", "unit: percent"), "no unit 'percent'"),
        (("value: 2.0, unit: '% errors'", "value: 101, unit: '%'"), "101 is out of the range of '%', 0 to 100"),
        (("value: 2.0", "value: -1"), "-1 is out of the range"),
        (("value: 2.0", "value: nan"), "nan is out of the range"),
        (("source: x", "sorce: x"), "unknown key 'sorce'; did you mean 'source'?"),
        ((", source: x", ""), "the key 'source' is missing"),
        (("source: x", "source: [x]"), "'source' is ['x']; write a text"),
        (("source: x", "source: ''"), "'source' is ''; write a text"),
        ((ROW, "- WER 2.0"), "'WER 2.0' is no mapping"),
    ],
)
def test_a_row_that_is_wrong_is_named_by_file_and_line(tmp_path: Path, change: tuple[str, str], said: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(f"# a comment\n{ROW}\n{ROW.replace(*change)}\n")
    with pytest.raises(RunError) as caught:
        read_rows(path)
    assert str(caught.value).startswith(f"{path}, line 3, row 2: ") and said in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("scale", "100", "'scale' is '100'; write int or float"),
        ("scale", 0, "'scale' is 0; write what is above 0"),
        ("splits", {}, "'splits' is {}"),
        ("unit", "%%", "no unit '%%'"),
        ("scoring", {"metric": "wer", "normaliser": "none"}, "unknown key 'normaliser' in 'scoring'"),
        ("subset", "x", "unknown key 'subset'"),
        ("row", None, "'row' is None; write str"),
    ],
)
def test_a_place_that_is_wrong_is_named(tmp_path: Path, key: str, value: object, said: str) -> None:
    good = {"dataset": "d", "metric": "WER", "task": "asr/x", "splits": {"s": "s"}, "row": "wer", "unit": "% errors"}
    path = tmp_path / "tasks.yaml"
    path.write_text(yaml.safe_dump({"samples": {}, "places": [good]}))
    assert asdict(read_places(path)[0][0])["scale"] == 1
    path.write_text(yaml.safe_dump({"samples": {}, "places": [good, good | {key: value}]}))
    with pytest.raises(RunError, match="place 2") as caught:
        read_places(path)
    assert said in str(caught.value)


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    for text, said in (("{a: 1}", "is no list of rows"), ("- {a: [}", "is no YAML")):
        path.write_text(text)
        with pytest.raises(RunError, match=said):
            read_rows(path)
    path.write_text("[]")
    with pytest.raises(RunError, match="its keys are 'samples' and 'places'"):
        read_places(path)


def test_a_unit_that_its_place_does_not_expect_is_refused() -> None:
    row = next(row for row in published() if row.place.scale == 100)
    with pytest.raises(RunError, match="mend the one that is wrong"):
        facts._in_place(facts.Row(**asdict(row.row) | {"unit": "%"}), [row.place])


def listed(*arguments: object) -> subprocess.CompletedProcess[str]:
    return command("results", "published", *arguments)


def test_the_command_lists_what_is_asked() -> None:
    found = json.loads(listed("--model", "Qwen-Audio", "--task", "asr/aishell2", "--format", "json").stdout)
    assert [(row["subset"], row["value"], row["printed"], row["note"]) for row in found] == [
        ("mic.test", 3.3, "3.3", "by character"), ("ios.test", 3.1, "3.1", "by character"),
        ("android.test", 3.3, "3.3", "by character"),
    ]  # fmt: skip
    lines = list(csv.DictReader(io.StringIO(listed("--unmapped", "--format", "csv").stdout)))
    assert len(lines) == len(unmapped()) and lines[0]["source"]
    done = listed("--conflicts", "--model", "Qwen3-Omni-30B-A3B-Instruct")
    assert "0.87" in done.stdout and "conflict" in done.stdout and "of 2463 published numbers" in done.stderr
    assert "accuracy (?)" in listed("--task", "vsc/vocalsound").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", "Qwen-Audo"), "did you mean 'Qwen-Audio'?"),
        (("--task", "asr/librispech"), "did you mean 'asr/librispeech'?"),
        (("--unmapped", "--conflicts"), "two lists; ask for one"),
        (("--unmapped", "--task", "asr/aishell1"), "--task chooses among numbers of tasks"),
    ],
)
def test_the_command_refuses_in_a_sentence(arguments: tuple[str, ...], said: str) -> None:
    done = listed(*arguments)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.splitlines()) == 1


def test_all_is_read_in_a_second_and_not_before_it_is_asked() -> None:
    code = (
        "import time, yaml; import results.papers.published as p\n"
        "assert not p.rows.cache_info().currsize\n"
        "begin = time.process_time(); p.published(); p.unmapped(); spent = time.process_time() - begin\n"
        "assert spent < (1 if hasattr(yaml, 'CBaseLoader') else 20), spent"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=CHECKOUT, env=ENVIRONMENT)

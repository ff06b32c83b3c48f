"""The report without a browser: what the page holds, its numbers, its clips, and what is refused."""

import base64
import dataclasses
import gzip
import html.parser
import io
import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import report_runs as made
import soundfile
from support import command

from metrics.score import MetricSpec, ScoringSpec
from results.__main__ import main
from results.files import RunError
from results.journal import ClipRecord, Prediction
from results.papers import verify
from results.report import blocks, charts, clips, data, page, samples
from results.run import RunDirectory


def unpacked(text: str) -> Any:
    return json.loads(gzip.decompress(base64.b64decode(text)))


def rows_of(report: data.Report, task: int = 0, run: int = 0) -> list[dict[str, Any]]:
    part = report.tasks[task].parts[run]
    assert part
    rows = [row for block in part.blocks for row in unpacked(report.blocks[block])]
    return [dict(zip(samples.COLUMNS, row, strict=True)) for row in rows]


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return made.make_run(tmp_path_factory.mktemp("speech") / "run", {"asr/own": (made.WER, made.speech())})


def report_of(run: RunDirectory, tmp_path: Path, audio: int = 0) -> data.Report:
    return data.read([run], tmp_path / "report.html", audio)


def test_samples_come_back_as_they_were_said(speech: RunDirectory, tmp_path: Path) -> None:
    rows = rows_of(report_of(speech, tmp_path))
    records = speech.journal("asr/own").read()
    assert [row["id"] for row in rows] == sorted(records)
    for row in rows:
        record = records[row["id"]]
        for name in ("subset", "group", "status", "raw", "references", "fields", "prompt"):
            assert row[name] == record[name]
    failed = [row for row in rows if row["status"] == "failed"]
    assert [row["failure"] for row in failed] == [["memory", "the clip needs more memory than there is"]]
    assert failed[0]["aligned"] is None and failed[0]["errors"] is None and failed[0]["answer"] is None


def test_errors_of_samples_add_up_to_the_score(speech: RunDirectory, tmp_path: Path) -> None:
    report = report_of(speech, tmp_path)
    rows = [row for row in rows_of(report) if row["status"] == "ok"]
    errors = length = 0
    for row in rows:
        separator, right, answer, runs = row["aligned"]
        steps = {kind: 0 for kind in "=sdi"}
        for times, kind in re.findall(r"(\d+)([=sdi])", runs):
            steps[kind] += int(times)
        tokens = [text.split(separator) if text else [] for text in (right, answer)]
        assert steps["="] + steps["s"] + steps["d"] == len(tokens[0])
        assert steps["="] + steps["s"] + steps["i"] == len(tokens[1])
        assert row["errors"] == steps["s"] + steps["d"] + steps["i"] and row["right"] == (row["errors"] == 0)
        assert row["value"] == pytest.approx(100 * row["errors"] / len(tokens[0]), abs=1e-3)
        errors, length = errors + row["errors"], length + len(tokens[0])
    part = report.tasks[0].parts[0]
    assert part and part.scores[0].value == pytest.approx(100 * errors / length) and errors > 20


def test_the_worst_come_first(speech: RunDirectory) -> None:
    found = samples.read(speech, speech.must_read(), "asr/own")
    errors = [found.own[name].errors for name in found.worst if name in found.own]
    assert errors == sorted(errors, key=lambda edits: -(edits or 0)) and found.worst[-1] != found.worst[0]
    assert found.worst[-1] == "s004"  # failed, and so without a value


@pytest.mark.parametrize(
    ("language", "separator", "right", "runs"),
    [
        ("en", " ", "one two three", "1= 1s 1d"),
        ("zh", "", "onetwothree", "3= 1s 1= 1s 5d"),
    ],
)
def test_tokens_are_those_of_the_metric(tmp_path: Path, language: str, separator: str, right: str, runs: str) -> None:
    spec = ScoringSpec({"wer": MetricSpec("wer")}, "wer", language)
    row = Prediction("a", None, None, ["one two three"], {}, "p", [], "one six", "ok")
    run = made.make_run(tmp_path / "run", {"t": (spec, [row])})
    (found,) = rows_of(report_of(run, tmp_path))
    assert found["aligned"][:2] == [separator, right]
    assert sum(int(times) for times, kind in re.findall(r"(\d+)([sdi])", found["aligned"][3])) == found["errors"]
    if language == "en":
        assert found["aligned"][3] == runs


def test_what_is_too_long_is_not_aligned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "LONGEST_ALIGNED", 100)
    rows = [
        Prediction("a", None, None, ["one two"], {}, "p", [], "x " * 51, "ok"),
        Prediction("b", None, None, ["one two"], {}, "p", [], "xx " * 49, "ok"),
    ]
    run = made.make_run(tmp_path / "run", {"t": (made.WER, rows)})
    found = rows_of(report_of(run, tmp_path))
    assert found[0]["aligned"] is False and found[1]["aligned"][3] == "47i 2s"


def test_labels_are_right_or_wrong_and_not_aligned(tmp_path: Path) -> None:
    run = made.make_run(tmp_path / "run", {"t": (made.ACCURACY, made.labelled())})
    found = {row["id"]: row for row in rows_of(report_of(run, tmp_path))}
    assert found["l00"]["right"] is True and found["l00"]["answer"] is True and found["l00"]["aligned"] is None
    assert found["l01"]["answer"] == "dog" and found["l01"]["flags"] == ["rewritten"]
    assert found["l03"]["answer"] is None and found["l03"]["flags"] == ["unparsed"] and found["l03"]["right"] is False


def test_a_set_metric_of_classes_knows_right_from_wrong(tmp_path: Path) -> None:
    spec = ScoringSpec({"macro_f1": MetricSpec("macro_f1", "basic", "label")}, "macro_f1", "en", made.LABELS)
    run = made.make_run(tmp_path / "run", {"t": (spec, made.labelled())})
    assert [row["right"] for row in rows_of(report_of(run, tmp_path))][:4] == [True, True, False, False]


def test_histograms_count_every_value_once() -> None:
    draw = np.random.default_rng(1)
    first, second = draw.normal(40, 10, 1000).clip(0), draw.normal(90, 40, 500).clip(0)
    found = charts.histogram([first, second], highest=100.0)
    assert found and found[0]["edges"] == found[1]["edges"] and len(found[0]["edges"]) <= charts.BINS + 2
    for bins, values in zip(found, (first, second), strict=True):
        assert sum(bins["counts"]) + bins["beyond"] == len(values)
        assert bins["beyond"] == (values > 100).sum()
        for at, count in enumerate(bins["counts"][:-1]):
            assert count == ((values >= bins["edges"][at]) & (values < bins["edges"][at + 1])).sum()


@pytest.mark.parametrize(
    "values", [[1.0, 2.0], [0.0, 1e-9], [100.0, 1e6], [150.0, 160.0], [0.1 + 0.2, 0.3], [1e6, 1e6 + 1]]
)
@pytest.mark.parametrize("highest", [None, 100.0])
def test_a_histogram_has_room_for_any_values(values: list[float], highest: float | None) -> None:
    found = charts.histogram([np.array(values)], highest)
    assert found and sum(found[0]["counts"]) + found[0]["beyond"] == 2
    assert charts.histogram([np.array([5.0, 5.0])], highest) is None and charts.histogram([np.array([])]) is None


def test_slices_by_length_hold_all_samples_and_the_same_score(speech: RunDirectory) -> None:
    found = samples.read(speech, speech.must_read(), "asr/own")
    slices = charts.by_seconds(found)
    assert len(slices) == charts.SLICES and sum(each["n"] for each in slices) == len(found.own) == 119
    for each in slices:
        inside = [
            record["id"]
            for record in found.records
            if each["low"] < record["audio"][0]["seconds"] <= each["high"] or record["id"] == "s000"
        ]
        if each is slices[0]:
            words = sum(len(record["references"][0].split()) for record in found.records if record["id"] in inside)
            words -= len(found.records[4]["references"][0].split())  # the failed one
            errors = sum(found.own[name].errors or 0 for name in inside if name in found.own)
            assert each["value"] == pytest.approx(100 * errors / words)
        assert each["ci95"][0] <= each["value"] <= each["ci95"][1]


def test_clips_are_carried_as_flac_of_what_is_heard(tmp_path: Path) -> None:
    rate = 44_100
    time = np.arange(2 * rate) / rate
    wave = np.stack([0.5 * np.sin(2 * np.pi * 300 * time), np.zeros(2 * rate)], axis=1)
    soundfile.write(tmp_path / "a.wav", wave, rate, subtype="FLOAT")
    encoded, note = clips.encoded(tmp_path / "a.wav", 0.5, 1.5)
    heard, heard_rate = soundfile.read(io.BytesIO(encoded))
    assert encoded[:4] == b"fLaC" and heard_rate == 16_000 and heard.shape == (16_000,) and note == ""
    wanted = 0.25 * np.sin(2 * np.pi * 300 * (0.5 + np.arange(16_000) / 16_000))
    assert np.abs(heard - wanted)[100:-100].max() < 2e-3


def test_a_long_clip_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "LONGEST", 0.5)
    encoded, note = clips.encoded(made.tone(tmp_path / "a.wav", 2.0), None, None)
    assert soundfile.info(io.BytesIO(encoded)).duration == 0.5 and note.startswith("the first ")


def test_clips_that_are_not_there_or_no_audio_stop_nothing(tmp_path: Path) -> None:
    root = tmp_path / "data"
    made.tone(root / "corpus/clips/s000.wav", 1.0)
    (root / "corpus/clips/s003.wav").write_text("no audio")
    run = made.make_run(tmp_path / "run", {"t": (made.WER, made.speech(12))}, data_root=root)
    report = report_of(run, tmp_path, audio=12)
    assert [entry[0] for entry in report.tasks[0].embedded] == ["clips/s000.wav"] and len(report.embedded.pieces) == 1
    places = {row["id"]: row["audio"][0][4] for row in rows_of(report)}
    part = report.tasks[0].parts[0]
    assert part and part.missing == 10 and [name for name in places if places[name] is not None] == ["s000", "s003"]
    assert part.links[places["s003"]] == "./data/corpus/"
    assert [note for note in report.notes if "files of audio are links" in note]


def test_folders_that_are_given_count_before_those_of_the_run(tmp_path: Path) -> None:
    for root in ("old", "new"):
        made.tone(tmp_path / root / "corpus/clips/s000.wav", 1.0)
    run = made.make_run(tmp_path / "run", {"t": (made.WER, made.speech(6))}, data_root=tmp_path / "old")
    report = data.read([run], tmp_path / "pages/report.html", 0, [tmp_path / "new"])
    part, row = report.tasks[0].parts[0], rows_of(report)[0]
    assert part and part.links[row["audio"][0][4]] == "./../new/corpus/"


def test_paths_are_paths_and_nothing_else(tmp_path: Path) -> None:
    folders = clips.Folders([tmp_path / "a b%#?"], tmp_path)
    made.tone(tmp_path / "a b%#?/x.wav", 0.1)
    assert folders.place("x.wav") == 1 and folders.links[1] == "./a%20b%25%23%3F/"
    assert folders.place(str(tmp_path / "a b%#?/x.wav")) == 0
    for path in ("", "javascript:alert(1)", "nul\0.wav", "half \ud83d.wav", "x" * 10_000, "."):
        assert folders.place(path) is None


def test_a_page_carries_only_so_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.wav", "b.wav"):
        made.tone(tmp_path / name, 1.0)
    embedded = clips.Embedded()
    assert embedded.add(tmp_path / "a.wav", None, None) == embedded.add(tmp_path / "a.wav", None, None) == 0
    monkeypatch.setattr(clips, "MOST", 1)
    assert embedded.add(tmp_path / "b.wav", None, None) is None and len(embedded.pieces) == 1
    assert embedded.remarks() == ["1 clips are links, since the page carries no more than 0 MiB of them"]


def test_blocks_hold_a_task_in_parts(speech: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = rows_of(report_of(speech, tmp_path))
    for name, value in (("BLOCK", 50), ("BLOCK_CHARACTERS", 9_000)):
        monkeypatch.setattr(blocks, name, value)
        report = report_of(speech, tmp_path)
        assert len(report.blocks) > 2 and rows_of(report) == whole


def test_several_processes_make_the_same_blocks(
    speech: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 40)
    alone = report_of(speech, tmp_path).blocks
    monkeypatch.setattr(blocks, "MANY", 3)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert len(alone) == 3 and report_of(speech, tmp_path).blocks == alone


def test_a_number_that_json_has_none_for_is_refused(tmp_path: Path) -> None:
    run = made.make_run(tmp_path / "run", {"t": (made.ACCURACY, made.labelled())})
    path = run.journal("t").path
    path.write_text(path.read_text().replace('"fields": {}', '"fields": {"k": 1e999}', 1))
    with pytest.raises(RunError, match="a prediction of t cannot be shown: Out of range float"):
        report_of(run, tmp_path)


class Parser(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.within = False
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[int, str] = {}

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        self.within = True

    def handle_endtag(self, tag: str) -> None:
        self.within = False

    def handle_data(self, text: str) -> None:
        if self.within:
            self.texts[len(self.tags)] = self.texts.get(len(self.tags), "") + text


def test_the_page_allows_its_own_script_and_style_alone(tmp_path: Path) -> None:
    run = made.with_halves(made.make_run(tmp_path / "run", made.hostile(), made.HOSTILE[1], made.HOSTILE[2]))
    report = report_of(run, tmp_path)
    size = page.write(report, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_bytes().decode()
    parser = Parser()
    parser.feed(text)
    policy = next(given["content"] for tag, given in parser.tags if given.get("http-equiv")) or ""
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy and "http" not in policy
    allowed = set(re.findall(r"'sha256-([^']+)'", policy))
    run_by_browser = [
        parser.texts[at]
        for at, (tag, given) in enumerate(parser.tags, 1)
        if tag == "style" or (tag == "script" and "type" not in given)
    ]
    assert allowed == {base64.b64encode(sha256(part.encode()).digest()).decode() for part in run_by_browser}
    assert len(run_by_browser) == 2 and "pwned" not in "".join(run_by_browser)
    assert not [given for _, given in parser.tags if "src" in given or any(name.startswith("on") for name in given)]
    assert "<script>window" not in text.replace(run_by_browser[1], "") and size == len(text.encode())
    assert [given["type"] for tag, given in parser.tags if tag == "script" and "type" in given] == ["text/plain"] * 3


def test_the_same_runs_make_the_same_page(speech: RunDirectory, tmp_path: Path) -> None:
    pages = ["".join(page.pieces(report_of(speech, tmp_path))) for _ in range(2)]
    assert pages[0] == pages[1]


def test_two_runs_of_a_model_have_names_of_their_own(tmp_path: Path) -> None:
    rows = {"t": (made.ACCURACY, made.labelled())}
    runs = [made.make_run(tmp_path / name, rows) for name in ("a", "b")]
    report = data.read([*runs, runs[0]], tmp_path / "report.html", 0)
    assert [run["name"] for run in report.runs] == ["whale (a) #1", "whale (b)", "whale (a) #3"]
    assert len(report.tasks) == 1 and len(report.tasks[0].parts) == 3


def test_verdicts_are_those_of_verify(tmp_path: Path) -> None:
    spec = ScoringSpec({"wer_qwen_audio": MetricSpec("wer", "qwen_audio")}, "wer_qwen_audio", "en")
    clean = [dataclasses.replace(row, subset="test-clean") for row in made.speech(60) if row.status == "ok"]
    run = made.make_run(tmp_path / "run", {"asr/librispeech": (spec, clean)}, model="qwen_audio")
    lines, _ = verify.verify(run)
    found = data.verdicts_of(run)
    assert found and [one.verdict for one in found] == [line.verdict for line in lines]
    assert [(one.published, one.value) for one in found] == [
        (line.published.value, line.score.value) for line in lines if line.score
    ]
    assert data.verdicts_of(made.make_run(tmp_path / "other", {"t": (made.ACCURACY, made.labelled())})) == []


def test_ten_thousand_samples_are_small(tmp_path: Path) -> None:
    run = made.make_run(tmp_path / "run", {"t": (made.WER, made.speech(10_000))})
    report = report_of(run, tmp_path)
    assert page.write(report, tmp_path / "report.html") < 10e6 and len(report.blocks) == 2


def test_the_command_writes_a_page_and_says_what_is_unfinished(tmp_path: Path) -> None:
    run = made.make_run(tmp_path / "run", {"t": (made.WER, made.speech(12))}, finished=False)
    done = command("results", "report", run.path, "--output", tmp_path / "new/report.html")
    assert done.returncode == 0 and "1 task, 11 samples" in done.stdout and "t is not finished" in done.stderr
    assert (tmp_path / "new/report.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{folder}/none"], "is no run directory: it holds no run.json"),
        (["{folder}/run", "--output", "{folder}/file/report.html"], "report.html cannot be written ("),
        (["{folder}/run", "--output", "{folder}"], "cannot be written ("),
        (["{folder}/run", "--audio", "-1"], "--audio"),
        ([], "Missing argument 'RUN...'"),
    ],
)
def test_one_sentence_and_status_2(tmp_path: Path, arguments: list[str], said: str) -> None:
    made.make_run(tmp_path / "run", {"t": (made.ACCURACY, made.labelled())})
    (tmp_path / "file").write_text("a file")
    done = command("results", "report", *[argument.format(folder=tmp_path) for argument in arguments])
    assert done.returncode == 2 and done.stdout == "" and said in done.stderr
    assert done.stderr.startswith("results: ") and done.stderr.count("\n") == 1


def test_clips_with_times_are_told_apart(tmp_path: Path) -> None:
    made.tone(tmp_path / "corpus/a.wav", 3.0)
    rows = [
        Prediction(f"s{at}", None, None, ["a"], {}, "p", [ClipRecord("a.wav", at, at + 1.0, 1.0, None)], "b", "ok")
        for at in (0, 1)
    ]
    run = made.make_run(tmp_path / "run", {"t": (made.WER, rows)}, data_root=tmp_path)
    report = report_of(run, tmp_path, audio=2)
    assert [entry[1:] for entry in report.tasks[0].embedded] == [(0, 1.0, 0), (1, 2.0, 1)]


def test_a_run_counts_once_however_often_it_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made.make_run(tmp_path / "run", {"t": (made.ACCURACY, made.labelled())})
    output = tmp_path / "report.html"
    assert main(["report", str(run.path), f"{run.path}/../run", "--output", str(output)]) == 0
    assert (
        f"{output}: 1 task, {len(run.journal('t').standings())} samples, 0 clips in the page" in capsys.readouterr().out
    )


def test_a_run_without_tasks_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made.make_run(tmp_path / "run", {})
    assert main(["report", str(run.path), "--output", str(tmp_path / "report.html")]) == 2
    assert "no task was run, and there is nothing to show" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()

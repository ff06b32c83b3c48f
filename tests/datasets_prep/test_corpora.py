"""``prepare`` on small copies of the official archives: what it makes of them, of damaged ones, and when it is killed."""

import contextlib
import hashlib
import io
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import damages
import layouts
import pytest
from layouts import Layout
from support import ENVIRONMENT, read_lines, start

from datasets_prep.__main__ import main
from datasets_prep.manifest import read_manifest

LAYOUTS = {name: layouts.load(name) for name in layouts.NAMES}


@pytest.fixture(params=layouts.DEEP)
def layout(request: pytest.FixtureRequest) -> Layout:
    return LAYOUTS[request.param]


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary files of the process under test go where the tests see them."""
    (tmp_path / "scratch").mkdir()
    monkeypatch.setitem(ENVIRONMENT, "TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))


def arguments(layout: Layout, data: Path, source: Path, *more: object, unofficial: bool = True) -> list[object]:
    flags = ["--unofficial"] if unofficial else []
    return ["prepare", layout.corpus, "--root", data, "--source", source, *flags, *more]


def run(*said: object) -> subprocess.CompletedProcess[str]:
    """The command line within this process: hundreds of starts would take minutes."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(word) for word in said])
    return subprocess.CompletedProcess(said, status, out.getvalue(), err.getvalue())


def prepare(layout: Layout, data: Path, source: Path, *more: object) -> subprocess.CompletedProcess[str]:
    """Prepare from small archives; must succeed."""
    done = run(*arguments(layout, data, source, *more))
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def assert_refused(done: subprocess.CompletedProcess[str], said: str = "") -> None:
    """Status 2 and one sentence."""
    assert done.returncode == 2, done.stdout + done.stderr
    assert re.fullmatch(r"datasets_prep: [^\n]+\n", done.stderr), done.stderr
    assert re.search(said, done.stderr), done.stderr


def assert_nothing_made(data: Path, corpus: str) -> None:
    """Neither a manifest nor a leftover; the corpus's empty folder may stay."""
    assert [path for path in data.rglob("*") if path != data / corpus] == []


def contents(folder: Path, times: bool = False) -> dict[str, Any]:
    """Every path below a folder, with its bytes' hash (None for a folder) and perhaps the time of its last change."""
    found = {}
    for path in sorted(folder.rglob("*")):
        told = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        found[str(path.relative_to(folder))] = (told, path.stat().st_mtime_ns) if times else told
    return found


def assert_made(layout: Layout, data: Path, subsets: list[str] | None = None) -> dict[str, str]:
    """Compare manifests and recordings with what the tree declares; the hashes that the lines give, by audio path."""
    folder = data / layout.corpus
    subsets = list(layout.manifests) if subsets is None else subsets
    assert sorted(path.stem for path in folder.glob("*.jsonl")) == sorted(subsets)
    assert (folder / "corpus.json").is_file()
    hashes = {}
    for subset in subsets:
        lines = read_lines(folder / f"{subset}.jsonl")
        for line, expected in zip(lines, layout.manifests[subset], strict=True):
            assert without_audio(line) == without_audio(expected)
            for audio, wanted in zip(layouts.clips_of(line), layouts.clips_of(expected), strict=True):
                assert audio.keys() == {*wanted, "sha256"} and audio["path"] == wanted["path"], line["id"]
                times = [key for key in ("seconds", "start", "end") if key in wanted]
                assert all(abs(audio[key] - wanted[key]) < 1e-3 for key in times), (audio, wanted)
                assert re.fullmatch("[0-9a-f]{64}", audio["sha256"])
                assert (folder / audio["path"]).read_bytes() == layout.clip(wanted)
                place = f"{audio['path']} {audio.get('start')} {audio.get('end')}"
                assert hashes.setdefault(place, audio["sha256"]) == audio["sha256"]
    return hashes


def without_audio(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key != "audio"}


@pytest.mark.parametrize("name", layouts.NAMES)
def test_archives_and_what_is_unpacked_from_them_give_the_same_manifests(name: str, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    packed, unpacked = tmp_path / "packed", tmp_path / "unpacked"
    prepare(layout, packed, layouts.build(layout, tmp_path / "archives"))
    prepare(layout, unpacked, layouts.unpack(layout, tmp_path / "folders"))
    assert assert_made(layout, packed) == assert_made(layout, unpacked)
    for subset in layout.manifests:
        name = f"{layout.corpus}/{subset}.jsonl"
        assert (packed / name).read_bytes() == (unpacked / name).read_bytes()


def test_the_reader_of_manifests_reads_them(layout: Layout, tmp_path: Path) -> None:
    prepare(layout, tmp_path / "data", layouts.build(layout, tmp_path / "source"))
    for subset, expected in layout.manifests.items():
        samples = read_manifest(tmp_path / "data" / layout.corpus / f"{subset}.jsonl").samples
        assert [(s.id, s.subset, s.group) for s in samples] == [(e["id"], e["subset"], e["group"]) for e in expected]
        assert [[c.path for c in s.audio] for s in samples] == [
            [c["path"] for c in layouts.clips_of(e)] for e in expected
        ]


def test_the_source_is_left_as_it_was(layout: Layout, tmp_path: Path) -> None:
    for source in (layouts.build(layout, tmp_path / "archives"), layouts.unpack(layout, tmp_path / "folders")):
        before = contents(source, times=True)
        prepare(layout, tmp_path / f"data of {source.name}", source)
        assert contents(source, times=True) == before
    assert contents(tmp_path / "scratch") == {}


def test_a_second_run_changes_nothing(layout: Layout, tmp_path: Path) -> None:
    source, data = layouts.build(layout, tmp_path / "source"), tmp_path / "data"
    prepare(layout, data, source)
    before = contents(data, times=True)
    prepare(layout, data, source)
    assert contents(data, times=True) == before


def test_a_fresh_run_and_any_number_of_jobs_make_the_same_bytes(layout: Layout, tmp_path: Path) -> None:
    source, data = layouts.build(layout, tmp_path / "source"), tmp_path / "data"
    prepare(layout, data, source, "--jobs", 1)
    before = contents(data)
    prepare(layout, data, source, "--fresh", "--jobs", 3)
    assert contents(data) == before


def test_one_subset_and_then_the_others_make_what_all_at_once_make(layout: Layout, tmp_path: Path) -> None:
    source, first = layouts.build(layout, tmp_path / "source"), layout.damage["subset"]
    prepare(layout, tmp_path / "all", source)
    prepare(layout, tmp_path / "one", source, "--subset", first)
    assert_made(layout, tmp_path / "one", [first])
    prepare(layout, tmp_path / "one", source)
    assert contents(tmp_path / "one") == contents(tmp_path / "all")


def test_two_subsets_by_name(layout: Layout, tmp_path: Path) -> None:
    source, names = layouts.build(layout, tmp_path / "source"), list(layout.manifests)[:2]
    prepare(layout, tmp_path / "data", source, "--subset", names[0], "--subset", names[1])
    assert_made(layout, tmp_path / "data", names)


@pytest.mark.parametrize(("name", "archive"), [("librispeech", "test-other.tar.gz"), ("cochlscene", "CochlScene.zip")])
def test_the_source_may_be_an_archive(name: str, archive: str, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    source = layouts.build(layout, tmp_path / "source")
    prepare(layout, tmp_path / "data", source / archive)
    assert_made(layout, tmp_path / "data", ["test-other"] if name == "librispeech" else None)


@pytest.mark.parametrize("form", ["archives", "unpacked"])
@pytest.mark.parametrize(
    ("name", "gone", "left_out"),
    [
        ("librispeech", ["dev-clean.tar.gz", "test-other.tar.gz"], ["dev-clean", "test-other"]),
        ("covost2", ["covost_v2.zh-CN_en.tsv.tar.gz", "zh-CN.tar.gz"], ["zh-CN_en.dev", "zh-CN_en.test"]),
        ("covost2_split", ["covost_v2.en_zh-CN.dev.tsv"], ["en_zh-CN.dev"]),
        ("clothoaqa", ["clotho_aqa_val.csv"], ["val"]),
    ],
)
def test_prepares_what_is_there_and_says_what_it_left_out(
    form: str, name: str, gone: list[str], left_out: list[str], tmp_path: Path
) -> None:
    layout = layouts.without(LAYOUTS[name], gone)
    source = (layouts.build if form == "archives" else layouts.unpack)(layout, tmp_path / "source")
    done = prepare(layout, tmp_path / "data", source)
    assert_made(layout, tmp_path / "data", [subset for subset in layout.manifests if subset not in left_out])
    said = done.stdout + done.stderr
    # pairs of CoVoST 2 are many: to name those of which there is something is enough
    assert all(subset in said for subset in left_out if "zh-CN_en" not in subset), said


@pytest.mark.parametrize("joined", [False, True], ids=["split", "joined"])
def test_a_zip64_end_record_as_of_very_many_files(joined: bool, tmp_path: Path) -> None:
    layout = LAYOUTS["cochlscene"]
    source, archive = tmp_path / "source", layout.archives["CochlScene.zip"]
    source.mkdir()
    layouts.write(archive if not joined else replace(archive, parts=1), source, zip64=True)
    prepare(layout, tmp_path / "data", source)
    assert_made(layout, tmp_path / "data")


@pytest.mark.parametrize(("name", "form"), [(name, form) for name in LAYOUTS for form in LAYOUTS[name].official])
def test_small_archives_are_not_the_official_ones(name: str, form: str, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    source = (layouts.build if form == "archives" else layouts.unpack)(layout, tmp_path / "source")
    subset = layout.damage["subset"]
    command_line = arguments(layout, tmp_path / "data", source, "--subset", subset, unofficial=False)
    assert_refused(run(*command_line), layout.official[form])
    assert_nothing_made(tmp_path / "data", layout.corpus)


@pytest.mark.parametrize(("name", "what"), damages.pairs())
def test_damage_is_refused_and_leaves_nothing(name: str, what: str, tmp_path: Path) -> None:
    layout, source, data = LAYOUTS[name], tmp_path / "source", tmp_path / "data"
    layouts.build(layout, source)
    damages.DAMAGES[what](layout, source)
    before = contents(tmp_path)
    done = run(*arguments(layout, data, source, "--subset", layout.damage["subset"]))
    assert_refused(done, damages.said(what, layout))
    assert_nothing_made(data, layout.corpus)
    assert {path: told for path, told in contents(tmp_path).items() if path.partition("/")[0] != "data"} == before


@pytest.mark.parametrize("what", ["truncated_archive", "changed_column", "dot_dot_member"])
def test_a_refusal_leaves_the_other_subsets_as_they_were(layout: Layout, what: str, tmp_path: Path) -> None:
    source, data, bad = tmp_path / "source", tmp_path / "data", layout.damage["subset"]
    other = next(subset for subset in layout.manifests if subset != bad)
    prepare(layout, data, layouts.build(layout, source), "--subset", other)
    before = contents(data, times=True)
    damages.DAMAGES[what](layout, source)
    assert_refused(run(*arguments(layout, data, source, "--subset", bad)))
    after = contents(data, times=True)
    folder = layout.corpus  # its own time says that something was tried
    assert after | {folder: None} == before | {folder: None}


@pytest.mark.parametrize("name", [name for name, _ in damages.pairs(["missing_file"])])
def test_a_clip_that_is_missing_among_what_is_unpacked(name: str, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    source, clip = layouts.unpack(layout, tmp_path / "source"), layout.damage["clip"]
    (source / layout.archives[layout.damage["archive"]].unpacked / clip).unlink()
    done = run(*arguments(layout, tmp_path / "data", source, "--subset", layout.damage["subset"]))
    assert_refused(done, damages.said("missing_file", layout))
    assert_nothing_made(tmp_path / "data", layout.corpus)


@pytest.mark.parametrize(("subset", "said"), [("no-such-subset", "no-such-subset"), (None, "source")])
def test_nothing_to_prepare(layout: Layout, subset: str | None, said: str, tmp_path: Path) -> None:
    source = layouts.build(layout, tmp_path / "source") if subset else tmp_path / "empty source"
    source.mkdir(exist_ok=True)
    more = ["--subset", subset] if subset else []
    assert_refused(run(*arguments(layout, tmp_path / "data", source, *more)), said)
    assert_nothing_made(tmp_path / "data", layout.corpus)


def kill(layout: Layout, data: Path, source: Path, delay: float) -> float:
    """Run until so many seconds after the first trace in DATA, then kill all of it; how long it was let run."""
    process = start("datasets_prep", *arguments(layout, data, source, "--jobs", 2))
    while not data.exists() and process.poll() is None:
        time.sleep(0.001)
    began = time.monotonic()
    while time.monotonic() - began < delay and process.poll() is None:
        time.sleep(0.001)
    lasted = time.monotonic() - began
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return lasted


Crowded = tuple[Layout, Path, dict[str, Any], float]
"""A layout with many clips, its archives, the contents of what an undisturbed run makes, and how long that takes."""


def crowd(layout: Layout, folder: Path, clips: int) -> Crowded:
    crowded = layouts.crowded(layout, clips)
    source = layouts.build(crowded, folder / "source")
    duration = kill(crowded, folder / "undisturbed", source, 100)
    prepare(crowded, folder / "undisturbed", source, "--jobs", 2)  # says so if it failed
    made = contents(folder / "undisturbed")
    assert len(made) > clips
    return crowded, source, made, duration


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Layout], Crowded]:
    """A maker of crowded layouts, each made once."""
    made: dict[str, Crowded] = {}

    def make(layout: Layout) -> Crowded:
        if layout.name not in made:
            made[layout.name] = crowd(layout, tmp_path_factory.mktemp("crowded"), 200)
        return made[layout.name]

    return make


def assert_recovers(made: Crowded, folder: Path, moments: list[float]) -> None:
    """Kill at these shares of a run's duration; another run must make the bytes of an undisturbed one."""
    layout, source, expected, duration = made
    for moment in moments:
        data = folder / f"killed at {moment:.3f}"
        kill(layout, data, source, moment * duration)
        left = contents(data)
        whole = {path for path in left if path.endswith(".jsonl") and path.count("/") == 1}
        assert all(left[path] == expected[path] for path in whole), "a manifest that is there is whole"
        prepare(layout, data, source, "--jobs", 2)
        assert contents(data) == expected
        shutil.rmtree(data)


def test_what_kill_9_leaves_is_made_whole_by_another_run(
    layout: Layout, crowded: Callable[[Layout], Crowded], tmp_path: Path
) -> None:
    assert_recovers(crowded(layout), tmp_path, [0.2, 0.6, 0.9])


@pytest.mark.long
def test_kill_9_at_many_moments(layout: Layout, tmp_path: Path) -> None:
    assert_recovers(crowd(layout, tmp_path, 600), tmp_path, [n / 40 for n in range(41)])


def test_killed_thrice_and_then_left_alone(
    layout: Layout, crowded: Callable[[Layout], Crowded], tmp_path: Path
) -> None:
    many, source, expected, duration = crowded(layout)
    for moment in (0.3, 0.5, 0.8):
        kill(many, tmp_path / "data", source, moment * duration)
    prepare(many, tmp_path / "data", source)
    assert contents(tmp_path / "data") == expected

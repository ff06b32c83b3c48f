"""Archives that hold what is published and are packed a little otherwise, and tables that are damaged within."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath

import layouts
import pytest
from layouts import Layout

from datasets_prep.__main__ import main

Capture = pytest.CaptureFixture[str]
PACKED = ("clotho", "fsd50k", "mmar", "openmic", "irmas", "fma_small", "tut2017", "nsynth", "mtg_jamendo_mood")
SOUNDS = (".wav", ".flac", ".mp3", ".ogg")


def in_a_folder(path: str) -> str:
    return f"a folder/{path}"


def without_the_first_folder(path: str) -> str:
    return path.partition("/")[2]


def in_capitals(path: str) -> str:
    ending = PurePosixPath(path).suffix
    return path.removesuffix(ending) + ending.upper() if ending in SOUNDS else path


def prepare(layout: Layout, folder: Path, *more: str) -> int:
    source = layouts.build(layout, folder / "source")
    arguments = ["prepare", layout.corpus, "--root", str(folder / "data"), "--source", str(source), "--unofficial"]
    return main([*arguments, *more])


def told(line: dict[str, object]) -> list[object]:
    return [line.get(key) for key in ("id", "reference", "references", "group")]


@pytest.mark.parametrize("change", [in_a_folder, without_the_first_folder, in_capitals])
@pytest.mark.parametrize("name", PACKED)
def test_the_samples_are_the_same(name: str, change: Callable[[str], str], tmp_path: Path) -> None:
    layout = layouts.load(name)
    for archive in layout.archives.values():
        if archive.name.endswith(layouts.PACKED):
            members = [replace(member, path=change(member.path)) for member in archive.members]
            layout = layouts.changed(layout, archive.name, [m for m in members if m.path.strip("/")])
    assert prepare(layout, tmp_path) == 0
    for subset, expected in layout.manifests.items():
        lines = (tmp_path / "data" / name / f"{subset}.jsonl").read_text("utf-8").splitlines()
        assert [told(json.loads(line)) for line in lines] == [told(line) for line in expected]


def test_a_part_is_needed_where_a_row_names_it_alone(tmp_path: Path, capsys: Capture) -> None:
    layout = layouts.load("mtg_jamendo_mood")
    empty = [a.name for a in layout.archives.values() if all(m.path.endswith("/") for m in a.members)]
    assert len(empty) > 90
    assert prepare(layouts.without(layout, empty), tmp_path / "some") == 0
    needed = layout.damage["archive"]
    assert prepare(layouts.without(layout, [*empty, needed]), tmp_path / "fewer") == 2
    assert re.fullmatch(rf"datasets_prep: [^\n]*{needed}[^\n]*\n", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("name", "archive", "path", "old", "new", "said"),
    [
        ("vocalsound", "vs_release_16k.zip", "datafiles/te.json", '"/m/01j3sz"', "[]", "te.json.*entry 1"),
        ("nsynth", "nsynth-test.jsonwav.tar.gz", "nsynth-test/examples.json", '"pitch": 49', '"pitch": []', "pitch"),
        ("clotho", "clotho_captions_evaluation.csv", None, "Horses trot by.", "", "caption_1"),
        ("clotho", "clotho_captions_evaluation.csv", None, "Horses trot by.", "Horses \0", "NUL"),
        ("emomusic", "annotations.tar.gz", "annotations/songs_info.csv", "evaluation", "valuation", "songs_info"),
        ("medley_solos_db", "Medley-solos-DB_metadata.csv", None, "\ntest,clar", "\ntst,clar", "line [0-9]+.*tst"),
        ("mmar", "MMAR-meta.jsonl", None, '"a kitchen"]', "null]", "line [0-9]+"),
        ("irmas", "IRMAS-TestingData-Part3.zip", "IRMAS-TestingData-Part3/Part3/12 What a day-6.txt", None, "", "day"),
    ],
)
def test_a_table_that_is_damaged_within_is_refused(
    name: str, archive: str, path: str | None, old: str | None, new: str, said: str, tmp_path: Path, capsys: Capture
) -> None:
    layout = layouts.load(name)
    text = layout.member(archive, path or archive).data
    layout = layouts.with_text(layout, archive, path or archive, text if old is None else old.encode(), new.encode())
    assert prepare(layout, tmp_path, "--subset", layout.damage["subset"]) == 2
    assert re.fullmatch(rf"datasets_prep: [^\n]*{said}[^\n]*\n", capsys.readouterr().err)
    assert not list(tmp_path.glob("data/*/*.jsonl"))

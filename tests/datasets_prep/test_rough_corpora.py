"""Archives as people have them: unpacked into folders of their names, kept beside what came out of them, with blank rows."""

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import layouts
import pytest
from layouts import Layout, Member

from datasets_prep.__main__ import main

Capture = pytest.CaptureFixture[str]
LAYOUTS = {name: layouts.load(name) for name in layouts.NAMES}
OF_ARCHIVES = [
    name
    for name in (
        "aishell1", "aishell2", "meld", "common_voice_15", "fleurs", "slurp", "tedlium3", "voxlingua107",
        "librispeech_words", "fluent_speech_commands", "ravdess",
    )
    if name in LAYOUTS
]  # fmt: skip
TABLES = (".csv", ".tsv", ".jsonl", ".txt", ".scp", ".stm", ".rttm")


def prepare(corpus: str, source: Path, data: Path, *more: str) -> int:
    return main(["prepare", corpus, "--root", str(data), "--source", str(source), "--unofficial", *more])


def manifests(data: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in data.glob("*/*.jsonl")}


def assert_the_same(layout: Layout, source: Path, tmp_path: Path) -> None:
    """As of the archives."""
    assert prepare(layout.corpus, layouts.build(layout, tmp_path / "archives"), tmp_path / "data") == 0
    assert prepare(layout.corpus, source, tmp_path / "other data") == 0
    assert manifests(tmp_path / "other data") == manifests(tmp_path / "data")


def lay(archive: layouts.Archive, folder: Path, kept: bool) -> None:
    """Unpack it, and the archives in it, which are ``kept`` or not."""
    for member in archive.members:
        inner = [dataclasses.replace(deep, path=layouts.beside(member.path, deep.path)) for deep in member.members]
        layouts._lay([*inner, *([member] if kept or not inner else [])], folder)


def name_of(archive: layouts.Archive) -> str:
    return re.sub(r"\.(tar\.gz|tgz|tar|zip|7z|parquet)$", "", archive.name)


def with_tables(layout: Layout, change: Callable[[Member], Member]) -> Layout:
    """The layout with other tables, but for those in archives within archives."""
    for name, archive in layout.archives.items():
        members = [change(member) if member.path.endswith(TABLES) else member for member in archive.members]
        layout = layouts.changed(layout, name, members)
    return layout


@pytest.mark.parametrize("name", OF_ARCHIVES)
def test_each_archive_unpacked_into_a_folder_of_its_name(name: str, tmp_path: Path) -> None:
    layout, source = LAYOUTS[name], tmp_path / "source"
    for archive in layout.archives.values():
        packed = archive.name.endswith(layouts.PACKED) and not archive.name.endswith(".parquet")
        lay(archive, source / name_of(archive) if packed else source, kept=False)
    assert_the_same(layout, source, tmp_path)


@pytest.mark.parametrize("name", ["aishell1", "aishell2", "libri2mix"])
def test_archives_within_archives_unpacked_and_kept(name: str, tmp_path: Path) -> None:
    layout, source = LAYOUTS[name], tmp_path / "source"
    for archive in layout.archives.values():
        lay(archive, source / archive.unpacked, kept=True)
    assert_the_same(layout, source, tmp_path)


@pytest.mark.parametrize("name", ["common_voice_15", "fleurs", "librispeech", "voxpopuli", "slurp", "tedlium3"])
def test_rows_of_blanks_are_no_rows(name: str, tmp_path: Path) -> None:
    def padded(member: Member) -> Member:
        return dataclasses.replace(member, data=member.data.rstrip(b"\n") + b"\n  \n\n")

    layout = LAYOUTS[name]
    assert_the_same(layout, layouts.build(with_tables(layout, padded), tmp_path / "source"), tmp_path)


def test_a_backslash_in_a_sentence_is_text(tmp_path: Path) -> None:
    layout, subset = LAYOUTS["common_voice_15"], LAYOUTS["common_voice_15"].damage["subset"]
    sentence = next(line["reference"] for line in layout.manifests[subset] if '"' not in line["reference"]).encode()

    def changed(member: Member) -> Member:
        return dataclasses.replace(member, data=member.data.replace(sentence, sentence + b"\\"))

    source = layouts.build(with_tables(layout, changed), tmp_path / "source")
    assert prepare(layout.corpus, source, tmp_path / "data", "--subset", subset) == 0
    assert sentence + b"\\\\" in manifests(tmp_path / "data")[subset]


def test_a_transcript_of_aishell1_without_its_recording(tmp_path: Path, capsys: Capture) -> None:
    layout = LAYOUTS["aishell1"]
    archive = layout.archives["data_aishell.tgz"]
    members = [member for member in archive.members if member.path != layout.damage["clip"]]
    source = layouts.build(layouts.changed(layout, archive.name, members), tmp_path / "source")
    assert prepare("aishell1", source, tmp_path / "data", "--subset", "test") == 2
    assert "lacks data_aishell/wav/test/S0764/BAC009S0764W0121.wav" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["wenetspeech", "gigaspeech", "kespeech", "crema_d"])
def test_a_folder_by_any_name(name: str, tmp_path: Path) -> None:
    layout = LAYOUTS[name]
    layouts.build(layout, tmp_path / "source")
    top = next(iter(layout.archives)).partition("/")[0]
    (tmp_path / "source" / top).rename(tmp_path / "any name")
    assert_the_same(layout, tmp_path / "any name", tmp_path)


def test_iemocap_packed(tmp_path: Path) -> None:
    layout = LAYOUTS["iemocap"]
    members = [member for archive in layout.archives.values() for member in archive.members]
    (tmp_path / "source").mkdir()
    (tmp_path / "source/IEMOCAP_full_release.tar.gz").write_bytes(
        layouts.packed("IEMOCAP_full_release.tar.gz", members)
    )
    assert prepare("iemocap", layouts.build(layout, tmp_path / "folder"), tmp_path / "data") == 0
    subsets = [word for name in layout.manifests for word in ("--subset", name)]
    assert prepare("iemocap", tmp_path / "source", tmp_path / "other data", *subsets) == 0
    assert manifests(tmp_path / "other data") == manifests(tmp_path / "data")


def test_fleurs_as_the_hub_has_it(tmp_path: Path) -> None:
    layout, source = LAYOUTS["fleurs"], tmp_path / "source"
    for archive in layout.archives.values():
        audio: dict[str, list[Member]] = {}
        for member in archive.members:
            path = Path(member.path)
            if path.suffix == ".wav":
                inner = dataclasses.replace(member, path=f"{path.parent.name}/{path.name}")
                audio.setdefault(path.parent.name, []).append(inner)
            else:
                layouts._lay([member], source / "data")
        for part, members in audio.items():
            packed = Member(f"{name_of(archive)}/audio/{part}.tar.gz", layouts.packed("x.tar.gz", members))
            layouts._lay([packed], source / "data")
    assert_the_same(layout, source, tmp_path)

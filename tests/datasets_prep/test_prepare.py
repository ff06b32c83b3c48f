"""What holds of every corpus: declarations, records, what is held against what was published, verify and status."""

import dataclasses
import errno
import fcntl
import hashlib
import json
import os
import shutil
from pathlib import Path

import layouts
import pytest
from support import command, read_lines

from datasets_prep import prepare as preparing
from datasets_prep.__main__ import main
from datasets_prep.corpus import Corpus, CorpusError, corpora, get_corpus
from datasets_prep.prepare import Options, prepare
from datasets_prep.record import CorpusRecord
from datasets_prep.verify import verify

Capture = pytest.CaptureFixture[str]
UNOFFICIAL = Options(unofficial=True)


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    """The small LibriSpeech, in archives."""
    return layouts.build(layouts.load("librispeech"), tmp_path / "archives")


def published(archives: Path) -> Corpus:
    """LibriSpeech, had its small archives been the ones that were published."""
    corpus, lines = get_corpus("librispeech"), layouts.load("librispeech").manifests
    files = []
    for archive in corpus.archives:
        data = (archives / archive.name).read_bytes()
        files.append(dataclasses.replace(archive, bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))
    splits = tuple(
        dataclasses.replace(
            split,
            samples=len(lines[split.name]),
            words=sum(len(line["reference"].split()) for line in lines[split.name]),
        )
        for split in corpus.splits
    )
    return dataclasses.replace(corpus, archives=tuple(files), splits=splits)


@pytest.mark.parametrize("corpus", corpora().values(), ids=lambda corpus: corpus.name)
def test_a_corpus_declares_itself_whole(corpus: Corpus) -> None:
    assert corpus.home.startswith("https://") and corpus.licence and corpus.citation and corpus.layout and corpus.tasks
    names = [archive.name for archive in corpus.archives]
    assert len(set(names)) == len(names)
    assert len({split.name for split in corpus.splits}) == len(corpus.splits)
    for split in corpus.splits:
        assert split.archives and set(split.archives) <= set(names)
    for archive in corpus.archives:
        hashed = archive.sha256 or archive.md5
        if archive.url and not archive.url.startswith("https://"):
            assert archive.url.startswith("http://") and (hashed or any("http" in text for text in corpus.unverified))
        if not hashed and not archive.is_folder and not archive.hub:
            assert any("checksum" in text for text in corpus.unverified), "what is not known is said"
    if any(split.samples is None for split in corpus.splits):
        assert any("clips" in text or "samples" in text for text in corpus.unverified)


def test_archives_as_published_need_no_leave(archives: Path, tmp_path: Path) -> None:
    corpus = published(archives)
    for split in corpus.splits:
        record, done = prepare(corpus, split, archives, tmp_path / "data", Options())
        assert done and record.standing == "published" and record.differences == []
    whole = CorpusRecord.read(tmp_path / "data/librispeech/corpus.json")
    assert whole is not None and all(entry.published for entry in whole.archives.values())


def test_one_reference_lost_shows_in_the_words(archives: Path, tmp_path: Path) -> None:
    corpus = published(archives)
    split = dataclasses.replace(corpus.split("test-clean"), words=1_000)
    with pytest.raises(CorpusError, match=r"words, not the 1,000 that were published; get the archives again"):
        prepare(corpus, split, archives, tmp_path / "data", Options())
    record, _ = prepare(corpus, split, archives, tmp_path / "data", UNOFFICIAL)
    assert record.standing == "unofficial" and len(record.differences) == 1


def test_an_md5_alone_is_held_too(archives: Path, tmp_path: Path) -> None:
    corpus = published(archives)
    name = "test-clean.tar.gz"
    md5 = hashlib.md5((archives / name).read_bytes(), usedforsecurity=False).hexdigest()
    for given, good in ((md5, True), ("0" * 32, False)):
        files = tuple(dataclasses.replace(archive, sha256=None, md5=given) for archive in corpus.archives)
        changed = dataclasses.replace(corpus, archives=files)
        if good:
            assert prepare(changed, corpus.split("test-clean"), archives, tmp_path / given, Options())[1]
        else:
            with pytest.raises(
                CorpusError, match=r"test-clean.tar.gz has not the published checksum 000000000000\.\.\."
            ):
                prepare(changed, corpus.split("test-clean"), archives, tmp_path / given, Options())


def test_the_official_archive_takes_the_place_of_an_unofficial_one(archives: Path, tmp_path: Path) -> None:
    corpus, data = published(archives), tmp_path / "data"
    split = corpus.split("test-clean")
    more = dataclasses.replace(split, samples=1_000)
    assert prepare(corpus, more, archives, data, UNOFFICIAL)[0].standing == "unofficial"
    assert prepare(corpus, more, archives, data, UNOFFICIAL)[1] is False, "prepared already"
    record, done = prepare(corpus, split, archives, data, Options())
    assert done and record.standing == "published"
    assert prepare(corpus, split, archives, data, UNOFFICIAL) == (record, False)


def test_an_unpublished_checksum_is_held_from_the_first_time_on(tmp_path: Path) -> None:
    layout = layouts.load("cochlscene")
    source, corpus = layouts.build(layout, tmp_path / "source"), get_corpus("cochlscene")
    val, test = corpus.split("val"), corpus.split("test")
    record, _ = prepare(corpus, val, source, tmp_path / "data", Options())
    assert record.standing == "unchecked"
    last = next(member for member in layout.archives["CochlScene.zip"].members if "/Train/" in member.path)
    without = [member for member in layout.archives["CochlScene.zip"].members if member is not last]
    layouts.build(layouts.changed(layout, "CochlScene.zip", without), source)
    with pytest.raises(CorpusError, match=r"CochlScene.zip is not the file that was prepared from before"):
        prepare(corpus, test, source, tmp_path / "data", Options())
    assert prepare(corpus, test, source, tmp_path / "data", UNOFFICIAL)[0].standing == "unofficial"


def test_a_recording_of_another_edition_is_not_overwritten(archives: Path, tmp_path: Path) -> None:
    """The English clips of CoVoST 2 serve 15 pairs."""
    layout, data = layouts.load("covost2"), tmp_path / "data"
    source, corpus = layouts.build(layout, tmp_path / "source"), get_corpus("covost2")
    prepare(corpus, corpus.split("en_de.test"), source, data, UNOFFICIAL)
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    first = read_lines(data / "covost2/en_de.test.jsonl")[0]["audio"]["path"]
    name = Path(first).name
    members = [
        dataclasses.replace(member, data=layouts.sound(0.9, 3, "tone", 48_000, 1, "MP3"))
        if member.path.endswith(name)
        else member
        for member in layout.archives["en.tar.gz"].members
    ]
    layouts.build(layouts.changed(layout, "en.tar.gz", members), source)
    shared = next(
        subset for subset in ("en_zh-CN.test", "en_zh-CN.dev") if any(
            line["audio"]["path"] == first for line in layout.manifests[subset]
        )
    )  # fmt: skip
    with pytest.raises(
        CorpusError, match=rf"{name} is there with other content, of en_de.test: prepare into another root"
    ):
        prepare(corpus, corpus.split(shared), source, data, UNOFFICIAL)
    assert {path: path.read_bytes() for path in data.rglob("*") if path.is_file()} == before


def test_two_at_once(archives: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data/librispeech"
    folder.mkdir(parents=True)
    held = os.open(folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    done = command(
        "datasets_prep", "prepare", "librispeech", "--root", folder.parent, "--source", archives, "--unofficial"
    )
    os.close(held)
    assert done.returncode == 2 and "is being prepared by another process" in done.stderr


def test_a_full_disk(archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """A double of a full disk: one cannot be made here."""

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    words = ["prepare", "librispeech", "--root", str(tmp_path / "data"), "--source", str(archives), "--unofficial"]
    monkeypatch.setattr(preparing, "replace_file", full)
    assert main(words) == 3
    assert capsys.readouterr().err.startswith("datasets_prep: No space left on device")
    monkeypatch.undo()
    assert main(words) == 0
    assert not list((tmp_path / "data").rglob(".preparing"))


def prepared(archives: Path, tmp_path: Path) -> tuple[Path, CorpusRecord]:
    corpus = get_corpus("librispeech")
    prepare(corpus, corpus.split("test-clean"), archives, tmp_path / "data", UNOFFICIAL)
    folder = tmp_path / "data/librispeech"
    record = CorpusRecord.read(folder / "corpus.json")
    assert record is not None
    return folder, record


def test_verify_finds_what_changed(archives: Path, tmp_path: Path, capsys: Capture) -> None:
    folder, record = prepared(archives, tmp_path)
    words = ["verify", "librispeech", "--root", str(folder.parent)]
    assert verify(folder, "test-clean", record) == [] and main(words) == 0
    assert verify(folder, "dev-clean", record) == ["it is not prepared: python -m datasets_prep prepare makes it"]
    lines = read_lines(folder / "test-clean.jsonl")
    clips = [folder / line["audio"]["path"] for line in lines]
    kept = [clip.read_bytes() for clip in clips]
    clips[0].unlink()
    clips[1].write_bytes(kept[2])
    clips[2].write_bytes(b"no sound")
    faults = verify(folder, "test-clean", record)
    assert len(faults) == 3 and all(str(clip) in fault for clip, fault in zip(clips, faults, strict=False))
    assert main(words) == 1 and "librispeech test-clean: 3 faults" in capsys.readouterr().out
    assert main(["status", "--root", str(folder.parent)]) == 0
    assert "damaged: prepare it again" in capsys.readouterr().out
    for clip, data in zip(clips, kept, strict=False):
        clip.write_bytes(data)
    assert verify(folder, "test-clean", record) == []
    lines[0]["reference"] += "S"
    (folder / "test-clean.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    faults = verify(folder, "test-clean", record)
    assert (
        len(faults) == 2 and "is not the manifest that was prepared" in faults[0] and "references_sha256" in faults[1]
    )


def test_what_was_damaged_is_prepared_again(archives: Path, tmp_path: Path, capsys: Capture) -> None:
    folder, _ = prepared(archives, tmp_path)
    manifest = (folder / "test-clean.jsonl").read_bytes()
    (folder / "test-clean.jsonl").write_bytes(b"{}\n")
    words = ["prepare", "librispeech", "--root", str(folder.parent), "--source", str(archives), "--unofficial"]
    assert main([*words, "--subset", "test-clean"]) == 0
    assert (folder / "test-clean.jsonl").read_bytes() == manifest
    assert "test-clean: prepared" in capsys.readouterr().out


def test_defects_are_listed_and_kept(tmp_path: Path, capsys: Capture) -> None:
    """A silent and an unreadable clip: samples all the same, which a run will have fail or answer."""
    layout = layouts.load("librispeech")
    source = layouts.unpack(layout, tmp_path / "source")
    first, second, *_ = (line["audio"]["path"] for line in layout.manifests["test-clean"])
    (source / first).write_bytes(b"")
    import numpy as np
    import soundfile

    soundfile.write(source / second, np.zeros(16_000), 16_000)
    words = ["librispeech", "--root", str(tmp_path / "data")]
    assert main(["prepare", *words, "--source", str(source), "--unofficial", "--subset", "test-clean"]) == 0
    said = capsys.readouterr().out
    assert f"unreadable: 1 sample, {Path(first).stem}" in said and f"silent: 1 sample, {Path(second).stem}" in said
    line = next(
        line for line in read_lines(tmp_path / "data/librispeech/test-clean.jsonl") if line["id"] == Path(first).stem
    )
    assert line["audio"]["seconds"] is None and line["audio"]["sha256"] is None
    assert main(["verify", *words]) == 0 and "known: silent" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 7}', "nonsense", '{"schema_version": 1}'])
def test_a_damaged_record_is_a_sentence(text: str, archives: Path, tmp_path: Path, capsys: Capture) -> None:
    folder, _ = prepared(archives, tmp_path)
    (folder / "corpus.json").write_text(text)
    for words in (["status"], ["verify", "librispeech"], ["list"]):
        assert main([*words, "--root", str(folder.parent)]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "corpus.json" in said, said


def test_list_and_describe(archives: Path, tmp_path: Path, capsys: Capture) -> None:
    prepared(archives, tmp_path)
    assert main(["list", "--root", str(tmp_path / "data")]) == 0
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 2 + len(corpora()) and len({len(line) for line in table}) == 1
    assert "1 of 4" in next(line for line in table if line.startswith("| librispeech"))
    for name, corpus in corpora().items():
        assert main(["describe", name]) == 0
        said = capsys.readouterr().out
        for text in (corpus.home, corpus.licence, corpus.citation, *corpus.defects, *(corpus.labels or ())):
            assert text in said
        assert all(archive.name in said for archive in corpus.archives)
    assert main(["describe", "librispeach"]) == 2
    assert "did you mean 'librispeech'?" in capsys.readouterr().err


def test_the_source_may_be_moved_away_afterwards(archives: Path, tmp_path: Path) -> None:
    folder, record = prepared(archives, tmp_path)
    shutil.rmtree(archives)
    assert verify(folder, "test-clean", record) == []

"""From archives to a prepared subset: ``<root>/<corpus>/<subset>.jsonl``, its recordings, and ``corpus.json``.

A subset is there when its manifest is; everything is written beside first, and the manifest moves in last. Killed at
any moment, the same command begins anew and ends with the same bytes.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from datasets_prep import clips, ffmpeg
from datasets_prep.archives import ArchiveError, Tree
from datasets_prep.corpus import Corpus, CorpusError, Recording, Row, Split, nearest
from datasets_prep.members import located
from datasets_prep.obtain import commits
from datasets_prep.pool import spread, started
from datasets_prep.record import ArchiveRecord, CorpusRecord, SubsetRecord, replace_file
from datasets_prep.source import Found, check_size, checked, find_all, form_in, must_find

STAGING = ".preparing"


@dataclass(frozen=True)
class Options:
    """How to prepare."""

    unofficial: bool = False
    """Take archives whose checksums or counts are not the published ones; the record says so."""
    fresh: bool = False
    """Prepare again what is there."""
    jobs: int = 0
    """Decoding threads; 0: one a core."""


def subsets_in(corpus: Corpus, source: Path) -> tuple[list[Split], list[Split]]:
    """The splits that a source has the first archive of, and the others. Raises CorpusError where it has none."""
    if not source.exists():
        raise CorpusError(f"there is no {source}: name a folder that holds the archives of {corpus.name}")
    there: list[Split] = []
    absent: list[Split] = []
    for split in corpus.splits:
        (there if form_in(corpus, split, source) else absent).append(split)
    if not there:
        wanted = ", ".join(dict.fromkeys(split.archives[0] for split in absent[:6]))
        raise CorpusError(f"{source} holds no archive of {corpus.name}: it looks for {wanted}...; see describe")
    return there, absent


def prepare(corpus: Corpus, split: Split, source: Path, root: Path, options: Options) -> tuple[SubsetRecord, bool]:
    """Prepare a subset; returns its record and whether anything was done. Raises CorpusError or ArchiveError."""
    corpus, split = form_in(corpus, split, source) or (corpus, split)
    with _claimed(root / corpus.name) as folder:
        record = CorpusRecord.read(folder / "corpus.json") or CorpusRecord(
            corpus=corpus.name,
            title=corpus.title,
            home=corpus.home,
            licence=corpus.licence,
            access=corpus.access.name,
            citation=corpus.citation,
        )
        before = record.subsets.get(split.name)
        if before and not options.fresh and _stands(folder, split.name, before, options):
            return before, False
        subset, archives = _prepared(corpus, split, source, folder, options, record)
        record.archives.update(archives)
        record.commits.update(commits(corpus, split, source))
        record.subsets[split.name] = subset
        record.write(folder / "corpus.json")
        return subset, True


def is_prepared(corpus: Corpus, split: Split, root: Path, options: Options) -> bool:
    """Whether there is nothing to do. Raises CorpusError for a damaged record."""
    folder = root / corpus.name
    record = CorpusRecord.read(folder / "corpus.json")
    before = record.subsets.get(split.name) if record else None
    return bool(before and _stands(folder, split.name, before, options))


def _stands(folder: Path, name: str, record: SubsetRecord, options: Options) -> bool:
    return (options.unofficial or record.standing != "unofficial") and is_whole(folder, name, record)


def is_whole(folder: Path, name: str, record: SubsetRecord) -> bool:
    """Whether a subset's manifest is the recorded one and its recordings are there."""
    manifest = folder / f"{name}.jsonl"
    if not manifest.is_file():
        return False
    data = manifest.read_bytes()
    if hashlib.sha256(data).hexdigest() != record.manifest_sha256:
        return False
    return all((folder / clip["path"]).is_file() for line in data.splitlines() for clip in clips_of(json.loads(line)))


def clips_of(line: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The recordings of a manifest's line."""
    return line["audio"] if isinstance(line["audio"], list) else [line["audio"]]


def _prepared(
    corpus: Corpus, split: Split, source: Path, folder: Path, options: Options, record: CorpusRecord
) -> tuple[SubsetRecord, dict[str, ArchiveRecord]]:
    found = find_all(corpus, split, source)
    with ExitStack() as stack:
        trees, archives, faults = _opened(found, record, options.unofficial, stack)
        rows = sorted(corpus.rows(split, trees), key=lambda row: row.id)
        for name in sorted({recording.archive for row in rows for recording in row.recordings} - trees.keys()):
            must_find(corpus, split, name, source)
        rows = located(rows, trees)
        faults += _checked_rows(corpus, split, rows, trees, options.unofficial)
        measured = _stored(rows, trees, folder / STAGING, options.jobs or os.cpu_count() or 1)
    known = split.samples or split.words or any(archive.published for archive in archives.values())
    standing = "unofficial" if faults or (options.unofficial and not known) else "published" if known else "unchecked"
    lines = [_line(row, split, measured) for row in rows]
    manifest = b"".join(json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines)
    _move_in(folder, split.name, lines)
    replace_file(folder / f"{split.name}.jsonl", manifest)
    subset = _summary(corpus.labels_of(split), rows, measured, manifest)
    subset.archives, subset.standing, subset.differences = sorted(archives), standing, faults
    return subset, archives


def _opened(
    found: Mapping[str, Found], record: CorpusRecord, unofficial: bool, stack: ExitStack
) -> tuple[dict[str, Tree], dict[str, ArchiveRecord], list[str]]:
    """The trees, what is recorded of the archives, and the sentences of what ``unofficial`` let through. Checksums are
    taken while names are read; of an archive that is not the published one and damaged, the former is said."""
    for entry in found.values():
        check_size(entry, unofficial)

    def check() -> dict[str, tuple[ArchiveRecord, str | None]]:
        files = {name: entry for name, entry in found.items() if entry.files()}
        return {name: checked(entry, record.archives.get(name), unofficial) for name, entry in files.items()}

    checking = started(check)
    trees = {}
    try:
        for name, entry in found.items():
            trees[name] = entry.open()
            stack.callback(trees[name].close)
    except ArchiveError:
        checking()
        raise
    records = checking()
    faults = [fault for _, fault in records.values() if fault]
    return trees, {name: record for name, (record, _) in records.items()}, faults


def _checked_rows(
    corpus: Corpus, split: Split, rows: Sequence[Row], trees: Mapping[str, Tree], unofficial: bool
) -> list[str]:
    """Refuse rows that cannot be right; returns the sentences of what ``unofficial`` let through."""
    if not rows:
        raise CorpusError(f"{corpus.name} {split.name}: the archives hold no sample of it")
    for identity, count in Counter(row.id for row in rows).items():
        if count > 1:
            raise CorpusError(f"{corpus.name} {split.name}: the id {identity} stands {count} times")
    names = {name: set(tree.names) for name, tree in trees.items()}
    labels = corpus.labels_of(split)
    for row in rows:
        if "\0" in "".join((row.id, *row.references)):
            raise CorpusError(f"{corpus.name} {split.name}: {row.id!r} holds a NUL byte; the archive is damaged")
        if labels and (strange := [text for text in row.references if text not in labels]):
            hint = nearest(strange[0], list(labels))
            raise CorpusError(f"{corpus.name} {split.name}: {row.id} has the label {strange[0]!r}{hint}")
        for recording in row.recordings:
            if recording.member not in names[recording.archive]:
                where = trees[recording.archive].where
                raise CorpusError(f"{corpus.name} {split.name}: {where} lacks {recording.member}, which {row.id} needs")
    faults = []
    for what, count, published in (("samples", len(rows), split.samples), ("words", _words(rows), split.words)):
        if published is not None and count != published:
            faults.append(f"{split.name} has {count:,} {what}, not the {published:,} that were published")
    if faults and not unofficial:
        raise CorpusError(f"{corpus.name}: {faults[0]}; get the archives again, or say --unofficial to take a part")
    return faults


def _words(rows: Sequence[Row]) -> int:
    return sum(len(text.split()) for row in rows for text in row.references)


def _stored(rows: Sequence[Row], trees: Mapping[str, Tree], staging: Path, jobs: int) -> dict[Recording, clips.Clip]:
    """Write every file below ``staging`` and measure every recording, as its archive is read."""
    by_member: dict[tuple[str, str], list[Recording]] = {}
    for row in rows:
        for recording in row.recordings:
            by_member.setdefault((recording.archive, recording.member), []).append(recording)
    measured: dict[Recording, clips.Clip] = {}
    done = spread(lambda item: _store(item[1], by_member[item[0]], staging), _contents(by_member, trees), jobs)
    with closing(done), progress(len(by_member)) as advance:
        for clips_of_file in done:
            measured.update(clips_of_file)
            advance()
    return measured


def _contents(members: Iterable[tuple[str, str]], trees: Mapping[str, Tree]) -> Iterator[tuple[tuple[str, str], bytes]]:
    """Archive and member, and its content."""
    wanted: dict[str, list[str]] = {name: [] for name in trees}
    for archive, member in members:
        wanted[archive].append(member)
    for archive, names in wanted.items():
        for member, content in trees[archive].read(names) if names else ():
            yield (archive, member), content


@contextmanager
def progress(total: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("clips", total=total)
        yield lambda: bar.advance(task)


def _store(content: bytes, recordings: Sequence[Recording], staging: Path) -> dict[Recording, clips.Clip]:
    for path in {recording.path for recording in recordings}:
        (staging / path).parent.mkdir(parents=True, exist_ok=True)
        (staging / path).write_bytes(content)
    try:
        return {each: clips.measure(content, each.start, each.end, staging / each.path) for each in set(recordings)}
    except ffmpeg.FfmpegError as error:
        raise CorpusError(
            f"{recordings[0].member} {error}; apt install ffmpeg, or the like, and prepare again"
        ) from None


def _line(row: Row, split: Split, measured: Mapping[Recording, clips.Clip]) -> dict[str, Any]:
    audio = []
    for recording in row.recordings:
        clip = measured[recording]
        times = {key: value for key in ("start", "end") if (value := getattr(recording, key)) is not None}
        audio.append({"path": recording.path, **times, "seconds": clip.seconds, "sha256": clip.sha256})
    several = len(row.references) > 1
    references: dict[str, Any] = {"references": list(row.references)} if several else {"reference": row.references[0]}
    return {
        "id": row.id,
        "audio": audio[0] if len(audio) == 1 else audio,
        **references,
        "subset": split.name,
        "group": row.group,
        **row.fields,
    }


def _move_in(folder: Path, subset: str, lines: Sequence[Mapping[str, Any]]) -> None:
    """Move each file to its place in one step, and remove what only an earlier manifest of the subset named.

    Raises CorpusError, before anything moves, for a recording that another subset has with other content."""
    recorded = {path.stem: _hashes_of(path) for path in sorted(folder.glob("*.jsonl"))}
    before = recorded.pop(subset, {})
    new = _stretches(lines)
    for other, hashes in recorded.items():
        if changed := [stretch for stretch in new if stretch in hashes and hashes[stretch] != new[stretch]]:
            raise CorpusError(
                f"{folder / changed[0][0]} is there with other content, of {other}: prepare into another root"
            )
    paths = {path for path, *_ in new}
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / STAGING / path).replace(folder / path)
    for path in {path for path, *_ in before} - paths - {path for hashes in recorded.values() for path, *_ in hashes}:
        (folder / path).unlink(missing_ok=True)


def _stretches(lines: Sequence[Mapping[str, Any]]) -> dict[tuple[Any, ...], str | None]:
    """Path, start and end of each recording, and the hash of what is heard there."""
    heard = (clip for line in lines for clip in clips_of(line))
    return {(clip["path"], clip.get("start"), clip.get("end")): clip["sha256"] for clip in heard}


def _hashes_of(manifest: Path) -> dict[tuple[Any, ...], str | None]:
    """The recordings of a manifest; of one that is damaged, none."""
    try:
        return _stretches([json.loads(line) for line in manifest.read_bytes().splitlines()])
    except (ValueError, KeyError, TypeError):
        return {}


def _summary(
    known: Sequence[str] | None, rows: Sequence[Row], measured: Mapping[Recording, clips.Clip], manifest: bytes
) -> SubsetRecord:
    texts = json.dumps([[row.id, list(row.references)] for row in rows], ensure_ascii=False)
    labels = Counter(text for row in rows for text in row.references)
    defects: dict[str, list[str]] = {}
    for row in rows:
        for kind in clips.DEFECTS:
            if any(kind in measured[recording].defects for recording in row.recordings):
                defects.setdefault(kind, []).append(row.id)
        if not all(text.strip() for text in row.references):
            defects.setdefault("empty reference", []).append(row.id)
    return SubsetRecord(
        samples=len(rows),
        clips=len(measured),
        hours=round(sum(clip.seconds or 0.0 for clip in measured.values()) / 3600, 4),
        words=_words(rows),
        labels={label: labels[label] for label in known} if known else None,
        groups=len({row.group for row in rows}),
        manifest_sha256=hashlib.sha256(manifest).hexdigest(),
        references_sha256=hashlib.sha256(texts.encode()).hexdigest(),
        defects=defects,
    )


@contextmanager
def _claimed(folder: Path) -> Iterator[Path]:
    """A corpus's folder, for one process at a time; what was made for nothing is removed again."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CorpusError(f"{folder} is being prepared by another process; wait for it") from None
        _remove(folder / STAGING)
        try:
            yield folder
        except OSError as error:
            error.filename = error.filename or str(folder)
            raise
        finally:
            _remove(folder / STAGING)
    finally:
        os.close(descriptor)
        for path in made:
            if not any(path.iterdir()):
                path.rmdir()


def _remove(folder: Path) -> None:
    """Remove a folder; an interruption that comes in the middle of it is raised when it is gone."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        raise

"""Finding a corpus's archives in a folder, and holding them against what was published."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from datasets_prep.archives import ENDINGS, Tree, open_archive, open_folder, zip_parts
from datasets_prep.corpus import Archive, Corpus, CorpusError, Split
from datasets_prep.record import ArchiveRecord

CHUNK = 2**22


@dataclass(frozen=True)
class Found:
    """An archive in a source: its file, or the folder that it was unpacked to."""

    archive: Archive
    path: Path
    prefix: str | None = None
    """Of a folder: how the names of its files begin."""
    only: tuple[str, ...] = ()
    """Of a folder: the files and folders that belong to it, where not all do."""

    def open(self) -> Tree:
        """Raises ArchiveError."""
        if self.prefix is not None:
            return open_folder(self.path, self.prefix, self.only, self.archive.nested)
        return open_archive(self.path, self.archive.name, self.archive.tables, self.archive.nested)

    def files(self) -> list[Path]:
        """What it consists of, none where it was unpacked. Raises ArchiveError for a part that is missing."""
        if self.prefix is not None:
            return []
        return zip_parts(self.path) if self.archive.name.endswith(".zip") else [self.path]


def find(archive: Archive, source: Path, loose: Sequence[str] = ()) -> Found | None:
    """The archive, or else its unpacked form, in a folder, or beside a file; ``loose`` are files that may lie there in
    its place. None: it is not there."""
    folder = source if source.is_dir() else source.parent
    for name in (archive.name, *archive.also):
        path = folder / name
        if path.is_file():
            return Found(archive, path)
    own = _own_folder(archive, folder)
    for form in archive.unpacked:
        unpacked = own / form if own and (own / form).is_dir() else _unpacked(folder, form)
        if unpacked is not None:
            return Found(archive, unpacked, prefix=archive.unpacked[0])
    for place in (folder, own) if own else (folder,):
        if tops := tuple(name for name in archive.tops if (place / name).exists()):
            return Found(archive, place, prefix=archive.name if archive.is_folder else "", only=tops)
    if own and own.is_dir() and archive.unpacked:
        return Found(archive, own, prefix="")
    lying = tuple(name for name in loose if (folder / name).is_file())
    return Found(archive, folder, prefix="", only=lying) if lying else None


def form_in(corpus: Corpus, split: Split, source: Path) -> tuple[Corpus, Split] | None:
    """The corpus as it lies in a source, official or a copy, and its split there; null: its first archive is not."""
    copied = [(copy, own) for copy in corpus.copies for own in copy.splits if own.name == split.name]
    for form, own in [(corpus, split), *copied]:
        archives = [form.archive(name) for name in own.archives]
        named = source.is_dir() or source.name in {known for each in archives for known in (each.name, *each.also)}
        if named and find(archives[0], source, own.loose):
            return form, own
    return None


def find_all(corpus: Corpus, split: Split, source: Path) -> dict[str, Found]:
    """The archives of a split. Raises CorpusError with what to put where."""
    optional = {name for name in split.parted if find(corpus.archive(name), source) is None}
    return {name: must_find(corpus, split, name, source) for name in split.archives if name not in optional}


def must_find(corpus: Corpus, split: Split, name: str, source: Path) -> Found:
    """An archive of a split. Raises CorpusError with what to put where."""
    archive = corpus.archive(name)
    found = find(archive, source, split.loose if name == split.archives[0] else ())
    if found is None:
        unpacked = f" (or, unpacked, {archive.unpacked[0]})" if archive.unpacked and not archive.is_folder else ""
        where = archive.url or (f"https://huggingface.co/datasets/{archive.hub.id}" if archive.hub else corpus.home)
        raise CorpusError(
            f"{source} holds no {'folder ' if archive.is_folder else ''}{name}{unpacked}, which {corpus.name} needs; "
            f"get it from {where}"
        )
    return found


def check_size(found: Found, unofficial: bool) -> str | None:
    """The sentence of a size that is not the published one. Raises CorpusError for it, unless ``unofficial``."""
    size, published = _size(found.files()), found.archive.bytes
    if not found.files() or published is None or size == published:
        return None
    fault = f"{found.archive.name} has {size:,} bytes, not the {published:,} that were published"
    if not unofficial:
        raise _refused(fault, found.archive)
    return fault


def checked(found: Found, before: ArchiveRecord | None, unofficial: bool) -> tuple[ArchiveRecord, str | None]:
    """An archive's size and checksum, and the sentence of what ``unofficial`` let through.

    It is held against the published checksum, else against the one of an earlier preparation. Raises CorpusError.
    """
    archive, files = found.archive, found.files()
    fault = check_size(found, unofficial)
    sha256, md5 = _hashes(files)
    published = archive.sha256 or archive.md5
    if not fault and published and published != (sha256 if archive.sha256 else md5):
        fault = f"{archive.name} has not the published checksum {published[:12]}..."
    if not published and before is not None and before.sha256 != sha256:
        fault = f"{archive.name} is not the file that was prepared from before (its sha256 was {before.sha256[:12]}...)"
    if fault and not unofficial:
        raise _refused(fault, archive)
    return ArchiveRecord(_size(files), sha256, bool(published) and not fault), fault


def _refused(fault: str, archive: Archive) -> CorpusError:
    again = f" from {archive.url}" if archive.url else ""
    return CorpusError(f"{fault}: get it again{again}, or take it as it is with --unofficial")


def _own_folder(archive: Archive, folder: Path) -> Path | None:
    """The folder of the archive's name that many programs unpack it to."""
    ending = next((ending for ending in ENDINGS if archive.name.endswith(ending)), None)
    return folder / archive.name.removesuffix(ending) if ending else None


def _unpacked(source: Path, form: str) -> Path | None:
    """The folder ``form`` below the source, where the source may stand for any number of its leading parts."""
    parts = PurePosixPath(form).parts
    for given in range(len(parts)):
        folder = source.joinpath(*parts[given:])
        if folder.is_dir():
            return folder
    return source if source.resolve().name == parts[-1] else None


def _size(files: list[Path]) -> int:
    return sum(path.stat().st_size for path in files)


def _hashes(files: list[Path]) -> tuple[str, str]:
    """sha256 and md5 of the files' bytes, one after the other."""
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    for path in files:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                sha256.update(chunk)
                md5.update(chunk)
    return sha256.hexdigest(), md5.hexdigest()

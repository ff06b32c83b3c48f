"""What can be wrong with a corpus's archives: each a function that changes a folder made by ``layouts.build``.

The places that they hit stand in the tree's YAML under ``damage``.
"""

import re
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import layouts
import zips
from layouts import Archive, Layout, Member

EVERYWHERE = (
    "missing_file", "truncated_archive", "wrong_checksum", "changed_column", "duplicate_id", "dot_dot_member", "outside_symlink"
)  # fmt: skip
"""What every corpus is tried with; the others take the ways of an archive that all have in common."""
Damage = Callable[[Layout, Path], None]
DAMAGES: dict[str, Damage] = {}
BOMB = 300 * 2**20


def damage(function: Damage) -> Damage:
    DAMAGES[function.__name__] = function
    return function


def _audio(layout: Layout) -> Archive:
    return layout.archives[layout.damage["archive"]]


def _rewrite(layout: Layout, folder: Path, members: Iterable[Member]) -> None:
    """Write the archive of the audio again, with other members."""
    layouts.write(replace(_audio(layout), members=tuple(members)), folder)


def _insert(layout: Layout, folder: Path, *evil: Member) -> None:
    """Write the archive of the audio again, with members in its middle."""
    members = _audio(layout).members
    half = len(members) // 2
    _rewrite(layout, folder, [*members[:half], *evil, *members[half:]])


def _beside(layout: Layout, name: str) -> str:
    """A path in the folder of the clip that is hit."""
    return layout.damage["clip"].rpartition("/")[0] + "/" + name


def _hit(layout: Layout, folder: Path, place: dict[str, str]) -> None:
    """Change a text where the place has ``old`` and ``new``, move a file to ``moved``, or add it again as ``copied``."""
    archive, path = layout.archives[place["archive"]], place["path"]
    if "old" in place:
        layout = layouts.with_text(layout, archive.name, path, place["old"].encode(), place["new"].encode())
    elif "moved" in place:
        moved = [replace(m, path=place["moved"]) if m.path == path else m for m in archive.members]
        assert place["moved"] in [m.path for m in moved], place
        layout = layouts.changed(layout, archive.name, moved)
    else:
        again = replace(layout.member(archive.name, path), path=place["copied"], data=_other_clip(layout, path))
        layout = layouts.changed(layout, archive.name, [*archive.members, again])
    layouts.write(layout.archives[archive.name], folder)


def _other_clip(layout: Layout, path: str) -> bytes:
    suffix = path[path.rindex(".") :]
    return next(m.data for m in _audio(layout).members if m.path.endswith(suffix) and m.path != path)


@damage
def missing_file(layout: Layout, folder: Path) -> None:
    """A row names a recording that the archive lacks."""
    _rewrite(layout, folder, [member for member in _audio(layout).members if member.path != layout.damage["clip"]])


@damage
def missing_archive(layout: Layout, folder: Path) -> None:
    """Of a split archive the middle part is missing."""
    files = _audio(layout).files
    (folder / files[len(files) // 2]).unlink()


@damage
def truncated_archive(layout: Layout, folder: Path) -> None:
    """The archive, or the middle part of a split one, breaks off after 60 % of its bytes."""
    files = _audio(layout).files
    path = folder / files[len(files) // 2]
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])


@damage
def wrong_checksum(layout: Layout, folder: Path) -> None:
    """One bit is flipped: in the middle of a .tar.gz; in the middle of the clip that is hit in a .zip."""
    paths = [folder / name for name in _audio(layout).files]
    parts = [bytearray(path.read_bytes()) for path in paths]
    if paths[-1].suffix == ".zip":
        part, at = zips.data_place(parts, layout.damage["clip"])
    else:
        part, at = 0, len(parts[0]) // 2
    parts[part][at] ^= 0x10
    paths[part].write_bytes(parts[part])


@damage
def changed_column(layout: Layout, folder: Path) -> None:
    """A header names a column otherwise; where there is no header: a line without a blank, an unknown label."""
    _hit(layout, folder, layout.damage["column"])


@damage
def duplicate_id(layout: Layout, folder: Path) -> None:
    """Two rows, or two files, would become samples of one id."""
    _hit(layout, folder, layout.damage["duplicate"])


@damage
def dot_dot_member(layout: Layout, folder: Path) -> None:
    _insert(layout, folder, Member("../evil.txt", b"evil"))


@damage
def inner_dot_dot_member(layout: Layout, folder: Path) -> None:
    """A path that begins as all others do, and then climbs out of DATA by one."""
    steps = "../" * (layout.damage["clip"].count("/") + 2)
    _insert(layout, folder, Member(_beside(layout, steps + "evil.txt"), b"evil"))


@damage
def absolute_member(layout: Layout, folder: Path) -> None:
    _insert(layout, folder, Member(str(folder.resolve().parent / "evil.txt"), b"evil"))


@damage
def outside_symlink(layout: Layout, folder: Path) -> None:
    suffix = Path(layout.damage["clip"]).suffix
    link = _beside(layout, "hosts" + suffix)
    _insert(layout, folder, Member(link, target="/etc/hosts", kind=tarfile.SYMTYPE))


@damage
def symlinked_clip(layout: Layout, folder: Path) -> None:
    """The recording that a row names is a link to a file outside."""
    clip = layout.damage["clip"]
    link = Member(clip, target="/etc/hosts", kind=tarfile.SYMTYPE)
    _rewrite(layout, folder, [link if member.path == clip else member for member in _audio(layout).members])


@damage
def symlinked_folder(layout: Layout, folder: Path) -> None:
    """A link to a folder outside, and a file written through it."""
    outside = folder.resolve().parent / "outside"
    outside.mkdir(exist_ok=True)
    link = Member(_beside(layout, "out"), target=str(outside), kind=tarfile.SYMTYPE)
    _insert(layout, folder, link, Member(_beside(layout, "out/evil.txt"), b"evil"))


@damage
def hardlink(layout: Layout, folder: Path) -> None:
    _insert(layout, folder, Member(_beside(layout, "hosts"), target="/etc/hosts", kind=tarfile.LNKTYPE))


@damage
def named_pipe(layout: Layout, folder: Path) -> None:
    """Who opens it waits for ever."""
    _insert(layout, folder, Member(_beside(layout, "pipe"), kind=tarfile.FIFOTYPE))


@damage
def zip_bomb(layout: Layout, folder: Path) -> None:
    """300 MB of zeros, said honestly."""
    suffix = Path(layout.damage["clip"]).suffix
    _insert(layout, folder, Member(_beside(layout, "zeros" + suffix), _zeros()))


@damage
def lying_zip_bomb(layout: Layout, folder: Path) -> None:
    """The clip that is hit unpacks to 300 MB of zeros, and its headers say 1,000 bytes."""
    clip = layout.damage["clip"]
    liar = Member(clip, _zeros(), said_size=1000)
    _rewrite(layout, folder, [liar if member.path == clip else member for member in _audio(layout).members])


@damage
def broken_triple(layout: Layout, folder: Path) -> None:
    """Of a question's three rows one is missing."""
    _hit(layout, folder, layout.damage["triple"])


def said(name: str, layout: Layout) -> str:
    """A pattern of what the sentence must name: the file, the row or the member that is wrong."""
    archive, clip = _audio(layout), re.escape(Path(layout.damage["clip"]).stem)
    broken = "|".join([re.escape(file) for file in archive.files] + [clip])
    match name:
        case "missing_file" | "symlinked_clip" | "lying_zip_bomb":
            return clip
        case "missing_archive":
            return re.escape(archive.files[len(archive.files) // 2].removesuffix(".zip"))
        case "truncated_archive" | "wrong_checksum":
            return broken
        case "changed_column" | "duplicate_id":
            return re.escape(layout.damage["column" if name == "changed_column" else "duplicate"]["said"])
        case "broken_triple":
            return re.escape(layout.damage["triple"]["archive"])
        case _:
            return {"zip_bomb": "zeros", "named_pipe": "pipe", "symlinked_folder": "out"}.get(name, "evil|hosts")


@cache
def _zeros() -> bytes:
    return bytes(BOMB)


def applies(name: str, layout: Layout) -> bool:
    """Zip knows neither hard links nor pipes, tar.gz cannot lie of sizes; not every corpus has rows, or triples of rows."""
    archive = _audio(layout)
    zipped = archive.name.endswith(".zip")
    if name in ("truncated_archive", "wrong_checksum", "dot_dot_member", "outside_symlink") and archive.is_folder:
        return False
    if name == "outside_symlink" and archive.name.endswith(".7z"):
        return False
    if name == "wrong_checksum" and archive.name.endswith(".tar"):
        return False  # it has none of what it holds
    if name in ("hardlink", "named_pipe"):
        return not zipped
    if name == "lying_zip_bomb":
        return zipped
    if name == "missing_file":
        return layout.damage.get("named", True)
    needs = {"changed_column": "column", "duplicate_id": "duplicate", "broken_triple": "triple"}
    return name not in needs or needs[name] in layout.damage


def pairs(names: Iterable[str] = DAMAGES) -> list[tuple[str, str]]:
    """All trees with each of these damages that they are tried with."""
    return [
        (tree, name)
        for tree in layouts.NAMES
        for name in names
        if (name in EVERYWHERE or tree in layouts.DEEP) and applies(name, layouts.load(tree))
    ]

"""Archives of every kind as trees of named files: `open_archive`, and `open_folder` for what is unpacked."""

from collections.abc import Sequence
from pathlib import Path

from datasets_prep.archives import tars
from datasets_prep.archives.folders import FileTree, FolderTree
from datasets_prep.archives.tars import TarTree
from datasets_prep.archives.trees import ArchiveError, Tree, inside
from datasets_prep.archives.zips import ZipTree, zip_parts

ENDINGS = (*tars.ENDINGS, ".zip", ".7z", ".parquet")

__all__ = ["ENDINGS", "ArchiveError", "Tree", "inside", "open_archive", "open_folder", "zip_parts"]


def open_archive(path: Path, name: str, tables: Sequence[str] = (), nested: Sequence[str] = ()) -> Tree:
    """The tree of a file that is published as ``name``.

    ``tables``: how the names of members end that are read as tables; ``nested``: of those that are archives themselves
    (of tar and zip archives: tar archives). Raises ArchiveError.
    """
    if name.endswith(tars.ENDINGS):
        return TarTree(path, tables, nested)
    if name.endswith(".zip"):
        return ZipTree(path, nested)
    if name.endswith(".7z"):
        from datasets_prep.archives.sevenzip import SevenZipTree

        return SevenZipTree(path)
    if name.endswith(".parquet"):
        from datasets_prep.archives.parquet import ParquetTree

        return ParquetTree(path)
    return FileTree(path, name)


def open_folder(folder: Path, prefix: str, only: Sequence[str] = (), nested: Sequence[str] = ()) -> Tree:
    """The tree of a folder, or of some files and folders in it (``only``); names begin with ``prefix``. Raises
    ArchiveError."""
    return FolderTree(folder, prefix, only, nested, lambda path: open_archive(path, path.name))

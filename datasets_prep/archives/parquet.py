"""Tables of the Hugging Face hub: parquet files whose cells may be recordings."""

from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow
from pyarrow import parquet

from datasets_prep.archives.trees import Tree, sentences

ROWS = 64
"""Read at a time."""


class ParquetTree(Tree):
    """A table; its recordings are files, named ``<table's stem>/<row>-<column><ending>``."""

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self.path = path
        with self._sentences(), parquet.ParquetFile(path) as table:
            self.columns = [field.name for field in table.schema_arrow]
            self.sounds = [field.name for field in table.schema_arrow if _holds_sound(field.type)]
            self.names = [
                self._name(row, column, cell["path"])
                for column in self.sounds
                for row, cell in enumerate(self._cells(table, column))
                if cell is not None
            ]

    def read(self, names: Collection[str]) -> Iterator[tuple[str, bytes]]:
        wanted = set(names)
        with self._sentences(), parquet.ParquetFile(self.path) as table:
            row = 0
            for batch in table.iter_batches(ROWS, columns=self.sounds):
                for cells in batch.to_pylist():
                    for column, cell in cells.items():
                        if cell is not None and (name := self._name(row, column, cell["path"])) in wanted:
                            yield name, cell["bytes"]
                    row += 1

    def records(self, name: str) -> Iterator[dict[str, Any]]:
        if PurePosixPath(name).name != self.path.name:
            return super().records(name)
        return self._records(str(PurePosixPath(name).parent))

    def _records(self, home: str) -> Iterator[dict[str, Any]]:
        with self._sentences(), parquet.ParquetFile(self.path) as table:
            texts = [column for column in self.columns if column not in self.sounds]
            paths = [f"{column}.path" for column in self.sounds]
            row = 0
            for batch in table.iter_batches(ROWS, columns=[*texts, *paths]):
                for record in batch.to_pylist():
                    for column in self.sounds:
                        cell = record[column]
                        record[column] = (
                            None if cell is None else str(PurePosixPath(home, self._name(row, column, cell["path"])))
                        )
                    yield record
                    row += 1

    def _cells(self, table: parquet.ParquetFile, column: str) -> Iterator[dict[str, Any] | None]:
        for batch in table.iter_batches(1024, columns=[f"{column}.path"]):
            yield from batch.column(0).to_pylist()

    def _name(self, row: int, column: str, path: str | None) -> str:
        return f"{self.path.stem}/{row:06}-{column}{PurePosixPath(path or '').suffix or '.wav'}"

    def _sentences(self):  # type: ignore[no-untyped-def]
        return sentences(self.where, (pyarrow.ArrowException,))


def _holds_sound(kind: pyarrow.DataType) -> bool:
    """As `datasets` stores audio: the bytes of a file, and its name."""
    return pyarrow.types.is_struct(kind) and {field.name for field in kind} >= {"bytes", "path"}

"""Tables of archives: CSV and TSV, by the names of their columns."""

import csv
import io
from collections.abc import Iterator, Sequence

from datasets_prep.archives import Tree
from datasets_prep.corpus import CorpusError


def read_csv(
    tree: Tree, name: str, columns: Sequence[str], encoding: str = "utf-8"
) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and the wanted columns of every row: commas between, double quotes around. Raises CorpusError."""
    lines = csv.reader(io.StringIO(tree.text(name, encoding), newline=""), strict=True)
    return _rows(lines, columns, _where(tree, name))


def read_tsv(tree: Tree, name: str, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and the wanted columns of every row: tabs between, quotes are text, a backslash goes before what is
    meant to the letter. Raises CorpusError."""
    text = io.StringIO(tree.text(name), newline="")
    lines = csv.reader(text, delimiter="\t", quoting=csv.QUOTE_NONE, escapechar="\\")
    return _rows(lines, columns, _where(tree, name))


def _where(tree: Tree, name: str) -> str:
    return name if name == tree.where else f"{name} in {tree.where}"


def _rows(lines, columns: Sequence[str], where: str) -> Iterator[tuple[int, dict[str, str]]]:  # type: ignore[no-untyped-def]
    try:
        header: list[str] = next(lines, [])
        if header:
            header[0] = header[0].removeprefix("\ufeff")
        for column in columns:
            if column not in header:
                raise CorpusError(f"{where} has no column '{column}'; it has {', '.join(header) or 'none'}")
        places = {column: header.index(column) for column in columns}
        for line in lines:
            if line and len(line) != len(header):
                raise CorpusError(f"{where}, line {lines.line_num}: {len(line)} columns, not {len(header)}")
            if line:
                yield lines.line_num, {column: line[place] for column, place in places.items()}
    except csv.Error as error:
        raise CorpusError(f"{where}, line {lines.line_num}: {error}") from None

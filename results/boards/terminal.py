"""A board for a terminal: as many columns beside one another as there is room, the rest below."""

import shutil
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from results import text
from results.boards.board import Board
from results.boards.tables import SUPERSCRIPT, Shown, grid, sentences
from results.console import Lasting

if TYPE_CHECKING:
    from rich.text import Text

GAP = 3  # columns of the terminal that a table's own needs for edges


def show(board: Board, stream: TextIO | None, rows: str = "models") -> None:
    """Print a board; in colour where the stream is a terminal, nothing where it was closed before all began."""
    if stream is None:
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = shutil.get_terminal_size().columns
    console = Console(file=Lasting(stream), width=width, highlight=False, markup=False, emoji=False)  # type: ignore[arg-type]
    shown = grid(board, rows)
    labels = [[Text(text.plain(label)) for label in names] for names, _ in shown.rows]
    heads = [Text("\n".join(filter(None, map(text.plain, head)))) for head in shown.header]
    cells = [[_cell(cell) for cell in line] for _, line in shown.rows]
    widths = [max(_width(item) for item in (head, *column)) for head, *column in zip(heads, *cells, strict=True)]
    room = width - sum(
        GAP + max(len(title), *(_width(names[place]) for names in labels)) for place, title in enumerate(shown.corner)
    )
    for numbers in _parts(widths, room):
        table = Table(box=SIMPLE_HEAD, header_style="bold")
        for title in shown.corner:
            table.add_column(title, overflow="fold")
        for number in numbers:
            table.add_column(heads[number], overflow="fold")
        for place, (names, line) in enumerate(zip(labels, cells, strict=True)):
            table.add_row(*names, *(line[number] for number in numbers), end_section=place + 1 in shown.breaks)
        console.print(table)
    numbered, others = sentences(board, shown, "bold, with a *")
    for number, note in enumerate(numbered, 1):
        console.print(Text(f"{number}".translate(SUPERSCRIPT) + " " + text.plain(note)))
    for sentence in others:
        console.print(Text(text.plain(sentence)))


def _cell(cell: Shown) -> "Text":
    """The value and its marks; below, the interval."""
    from rich.text import Text

    notes = ",".join(map(str, cell.notes)).translate(SUPERSCRIPT)
    value = Text(f"{text.plain(cell.value)}*" if cell.best else text.plain(cell.value), "bold" if cell.best else "")
    said = Text(" ").join(item for item in (Text(cell.sign), value, Text(cell.counts), Text(notes)) if item.plain)
    return Text("\n").join([said, Text(cell.interval, "dim")]) if cell.interval else said


def _width(item: "Text") -> int:
    from rich.cells import cell_len

    return max((cell_len(line) for line in item.plain.split("\n")), default=0)


def _parts(widths: Sequence[int], room: int) -> Iterator[list[int]]:
    """The numbers of the columns that stand beside one another: as many as there is room, one at least."""
    part: list[int] = []
    taken = 0
    for number, width in enumerate(widths):
        if part and taken + width + GAP > room:
            yield part
            part, taken = [], 0
        part.append(number)
        taken += width + GAP
    yield part

"""LaTeX: a board as a table for a paper, with the rules of booktabs."""

from collections.abc import Sequence

from results import text
from results.boards.board import Board
from results.boards.tables import Grid, Shown, grid, sentences


def latex(board: Board, rows: str = "models") -> str:
    r"""A `table` to be taken in with `\input`."""
    shown = grid(board, rows)
    labels = len(shown.corner)
    lines = [
        r"% in the preamble: \usepackage{booktabs}; letters beyond Latin need XeLaTeX or LuaLaTeX",
        r"\begin{table}",
        r"\centering",
        rf"\begin{{tabular}}{{{'l' * (labels + len(shown.header))}}}",
        r"\toprule",
        *_header(shown),
        r"\midrule",
    ]
    for number, (names, cells) in enumerate(shown.rows):
        if number in shown.breaks:
            lines.append(r"\addlinespace")
        lines.append(_row([*map(text.latex, names), *map(_cell, cells)]))
    numbered, others = sentences(board, shown, "bold")
    below = [rf"\textsuperscript{{{number}}} {text.latex(note)}" for number, note in enumerate(numbered, 1)]
    below += [text.latex(sentence) for sentence in others]
    lines += [r"\bottomrule", r"\end{tabular}", "", r"\medskip", r"\raggedright\footnotesize"]
    lines += [rf"{sentence.rstrip('.')}.\par" for sentence in below]
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _header(shown: Grid) -> list[str]:
    """Groups, each above its columns, then names, then what is measured."""
    blank = [""] * (len(shown.corner) - 1)
    lines = []
    if any(title for title, _ in shown.spans):
        lines.append(
            _row([*blank, "", *(rf"\multicolumn{{{n}}}{{c}}{{{text.latex(title)}}}" for title, n in shown.spans)])
        )
        place, rules = len(shown.corner) + 1, []
        for title, count in shown.spans:
            if title:
                rules.append(rf"\cmidrule(lr){{{place}-{place + count - 1}}}")
            place += count
        lines.append("".join(rules))
    lines.append(_row([*map(text.latex, shown.corner), *(text.latex(name) for name, _ in shown.below_spans)]))
    if any(measure for _, measure in shown.header):
        lines.append(_row([*blank, "", *(text.latex(measure) for _, measure in shown.header)]))
    return lines


def _cell(cell: Shown) -> str:
    value = text.latex(cell.value)
    parts = [
        text.latex(cell.sign),
        rf"\textbf{{{value}}}" if cell.best else value,
        rf"{{\footnotesize {text.latex(cell.interval)}}}" if cell.interval else "",
        text.latex(cell.counts),
        rf"\textsuperscript{{{','.join(map(str, cell.notes))}}}" if cell.notes else "",
    ]
    return " ".join(filter(None, parts))


def _row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"

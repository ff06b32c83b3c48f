"""The log of a training, and its picture."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from results.files import write_text

WIDTH, HEIGHT, EDGE = 720, 320, 40
CURVES = (("loss", "#1b5e9e"), ("letters", "#b0561f"))
"""Names in the log, and colours."""
Line = Mapping[str, float]


def read_log(path: Path, until: int | None = None) -> list[Line]:
    """Lines of a log up to a step; none where there is no log. A torn last line is left out."""
    lines: list[Line] = []
    for text in path.read_text("utf-8").splitlines() if path.is_file() else ():
        try:
            line = json.loads(text)
        except ValueError:
            break
        if until is None or line["step"] <= until:
            lines.append(line)
    return lines


def write_curve(path: Path, lines: Sequence[Line]) -> None:
    """Losses by step, as SVG; nothing where there are less than two lines."""
    if len(lines) < 2:
        return
    last, top = max(line["step"] for line in lines), max(line[name] for line in lines for name, _ in CURVES)
    drawn = []
    for place, (name, colour) in enumerate(CURVES):
        points = " ".join(
            f"{EDGE + line['step'] / last * (WIDTH - 2 * EDGE):.1f},"
            f"{HEIGHT - EDGE - line[name] / top * (HEIGHT - 2 * EDGE):.1f}"
            for line in lines
        )
        drawn.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        drawn.append(f'<text x="{WIDTH - 3 * EDGE}" y="{EDGE + 18 * place}" fill="{colour}">{name}</text>')
    axes = f"M{EDGE},{EDGE} V{HEIGHT - EDGE} H{WIDTH - EDGE}"
    write_text(
        path,
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="13"><rect width="100%" height="100%" fill="#fff"/><path d="{axes}" fill="none" stroke="#444"/>'
        f'<text x="4" y="{EDGE + 5}">{top:.1f}</text><text x="18" y="{HEIGHT - EDGE + 5}">0</text>'
        f'<text x="{WIDTH - 2 * EDGE}" y="{HEIGHT - 12}">step {last:.0f}</text>{"".join(drawn)}</svg>\n',
    )

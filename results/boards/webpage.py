"""A board as a page of HTML by itself: no script, and nothing from elsewhere."""

from results import text
from results.boards.board import Board
from results.boards.tables import grid, sentences

PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Leaderboard</title>
<style>
:root { color-scheme: light dark; --line: light-dark(#ccc, #444); --quiet: light-dark(#555, #aaa) }
body { font: 15px/1.4 system-ui, sans-serif; margin: 1.5rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .7rem; text-align: left; white-space: nowrap; border-bottom: 1px solid var(--line) }
thead th { vertical-align: bottom } tbody th { font-weight: normal }
tr.break > * { border-top: 2px solid var(--line) }
.span { text-align: center } .small, .notes { color: var(--quiet); font-size: .85em; font-weight: normal }
.notes { max-width: 60rem; overflow-wrap: anywhere }
</style>
</head>
<body>
<div class="wide">
<table>
<thead>
{%- if spans %}
<tr>{% for _ in corner %}<td></td>{% endfor %}
{%- for title, count in spans %}<th class="span" scope="colgroup" colspan="{{ count }}"><bdi>{{ title }}</bdi></th>
{%- endfor %}</tr>
{%- endif %}
<tr>{% for title in corner %}<th scope="col">{{ title }}</th>{% endfor %}
{%- for name, measure in header %}<th scope="col"><bdi>{{ name }}</bdi>
{%- if measure %}<br><span class="small"><bdi>{{ measure }}</bdi></span>{% endif %}</th>
{%- endfor %}</tr>
</thead>
<tbody>
{%- for labels, cells in rows %}
<tr{% if loop.index0 in breaks %} class="break"{% endif %}>
{%- for label in labels %}<th scope="row"><bdi>{{ label }}</bdi></th>{% endfor %}
{%- for cell in cells %}<td>{{ cell.sign }} {% if cell.best %}<b>{{ cell.value }}</b>
{%- else %}{{ cell.value }}{% endif %}
{%- if cell.interval %} <span class="small">{{ cell.interval }}</span>{% endif %}
{%- if cell.counts %} {{ cell.counts }}{% endif %}
{%- for number in cell.notes %}<sup><a href="#note-{{ number }}">{{ number }}</a></sup>{% endfor %}</td>
{%- endfor %}</tr>
{%- endfor %}
</tbody>
</table>
</div>
<div class="notes">
{%- if notes %}
<ol>{% for note in notes %}<li id="note-{{ loop.index }}"><bdi>{{ note }}</bdi></li>{% endfor %}</ol>
{%- endif %}
{%- for sentence in others %}
<p><bdi>{{ sentence }}</bdi></p>
{%- endfor %}
</div>
</body>
</html>
"""


def webpage(board: Board, rows: str = "models") -> str:
    from jinja2 import Environment  # a tenth of a second, for this form alone

    shown = grid(board, rows)
    numbered, others = sentences(board, shown, "bold")
    environment = Environment(
        autoescape=True, finalize=lambda value: text.plain(value) if type(value) is str else value
    )
    return (
        environment.from_string(PAGE).render(
            spans=shown.spans if any(title for title, _ in shown.spans) else [],
            corner=shown.corner,
            header=shown.below_spans,
            rows=shown.rows,
            breaks=shown.breaks,
            notes=numbered,
            others=others,
        )
        + "\n"
    )

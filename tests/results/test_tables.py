"""Boards in all forms: what users and models wrote is text in each, and the command picks the form one expects."""

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from runs import ACCURACY, WER, Maker
from support import CHECKOUT, ENVIRONMENT

from metrics.score import MetricSpec, ScoringSpec
from results import tables, text
from results.__main__ import main
from results.assembly import assemble
from results.board import Board
from results.latex import latex
from results.published import Place, Published, Row
from results.terminal import show
from results.webpage import webpage

HOSTILE = [
    "<script>alert(1)</script>",
    "a|b \\| c",
    "100 % & more_or_less #1 ~x^2 ${y}$ \\input{secret}",
    "two\nlines\r\n and \u2028 a third",
    "\u202eright to left\u2066",
    "nul\0bell\x07escape\x1b[31m",
    "[click](javascript:alert(1)) *bold* _it_ `code` ~~gone~~ &lt;",
    "[red]rich[/red] :smile:",
    "half a pair \ud800",
    "</table></bdi><img src=x onerror=alert(1)>",
    '"quoted", "", --dashes--',
    "*",
    "[x]",
]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Board:
    """A board whose names, notes and remarks are all hostile."""
    make = Maker(tmp_path_factory.mktemp("runs"))
    spec = ScoringSpec({"a|b_<i>&%": MetricSpec("accuracy", "basic")}, "a|b_<i>&%")
    task = "asr/<b>|_&%$#{}~^\\"
    runs = []
    for name in HOSTILE:
        name = name.replace("\ud800", "HALF")
        runs.append(make(name, {task: (spec, 0.5)}, count=20, failed=1, left_out={name: name}))
        path = runs[-1].path / "run.json"  # which another program may have written, in ASCII
        path.write_text(path.read_text().replace("HALF", "\\ud800"))
    return assemble(runs, published=[published(name, task) for name in HOSTILE])


def published(name: str, task: str) -> Published:
    row = Row(name, "own", "test", "a", "50.0", "%", f"source {name}", note=f"note {name}")
    place = Place("own", "a", task, {"test": "test"}, "a|b_<i>&%", "%", scoring={"metric": "accuracy"})
    return Published(name, task, "test", "a|b_<i>&%", 50.0, 0.05, row, place)


def seen(name: str) -> str:
    """A name as it is to be read."""
    return text.plain(name)


@pytest.mark.parametrize("rows", ["models", "tasks"])
def test_markdown_of_anything_is_a_table_of_text(board: Board, rows: str) -> None:
    lines = tables.markdown(board, rows).split("\n")
    cells = [re.split(r"(?<!\\)(?:\\\\)*\|", line) for line in lines if line.startswith("|")]
    assert len({len(row) for row in cells}) == 1
    assert len(cells) == 2 + (2 * len(HOSTILE) if rows == "models" else 1)
    for line in lines:
        assert "<" not in line and line.isprintable()
        bare = re.sub(r"\\.", "", line).replace("**", "")
        assert not re.search(r"[`$~*]|\]\(|\]\[|&(?!amp;|lt;)|(?<!\w)_|_(?!\w)", bare), line
    assert all(any(text.markdown(seen(name)) in line for line in lines) for name in HOSTILE)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.texts = [""]
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.texts.append("")

    def handle_data(self, data: str) -> None:
        self.texts[-1] += data


@pytest.mark.parametrize("rows", ["models", "tasks"])
def test_html_of_anything_has_no_markup_of_it(board: Board, rows: str) -> None:
    reader = Reader()
    page = webpage(board, rows)
    reader.feed(page)
    assert reader.tags <= {
        *("html", "head", "meta", "title", "style", "body", "div", "table", "thead", "tbody", "tr", "th", "td"),
        *("bdi", "br", "span", "b", "sup", "a", "ol", "li", "p"),
    }  # fmt: skip
    assert reader.attributes <= {"lang", "charset", "name", "content", "class", "scope", "colspan", "href", "id"}
    assert reader.links and all(link.startswith("#note-") for link in reader.links)
    for name in HOSTILE:
        assert seen(name) in reader.texts or f"{seen(name)} †" in reader.texts
        assert f"published in source {seen(name)} (note {seen(name)})" in reader.texts
    assert all(character.isprintable() or character == "\n" for character in page)


@pytest.mark.parametrize("rows", ["models", "tasks"])
def test_latex_of_anything_is_a_table_of_text(board: Board, rows: str) -> None:
    source = latex(board, rows)
    head, body, below = re.split(r"\\toprule\n|\\bottomrule\n", source)
    assert head.startswith("% in the preamble: \\usepackage{booktabs}") and below.endswith("\\end{table}\n")
    columns = len(re.search(r"tabular}\{(l+)\}", head)[1])
    lines = [line for line in body.split("\n") if line.endswith(r" \\")]
    for line in lines:
        spans = sum(int(number) - 1 for number in re.findall(r"\\multicolumn\{(\d+)\}", line))
        bare = re.sub(r"\\[&%$#_{}]", "", line[:-3])
        assert len(bare.split("&")) + spans == columns
        assert bare.count("{") == bare.count("}") and not re.search(r"[%#_~^<>|\"]", bare) and line[0] not in "[*"
    commands = {*re.findall(r"\\([a-zA-Z]+)", body + below)}
    assert commands <= {
        *("textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar", "char"),
        *("uparrow", "downarrow", "approx", "neq", "dagger", "textbf", "textsuperscript", "footnotesize", "par"),
        *("multicolumn", "cmidrule", "addlinespace", "midrule", "end", "medskip", "raggedright", "dots"),
    }  # fmt: skip
    assert len(lines) == (3 + 2 * len(HOSTILE) if rows == "models" else 2)


def test_csv_of_anything_is_read_back(board: Board) -> None:
    head, *rows = csv.reader(io.StringIO(tables.as_csv(board)))
    assert [row[0] for row in rows] == [*map(seen, HOSTILE), *(f"{seen(name)} †" for name in HOSTILE)]
    assert head[1].endswith("a|b_<i>&% ↑ (%)") and head[2:5] == [head[1] + part for part in (" low", " high", " marks")]
    assert float(rows[0][1]) == board.cells[0, 0].value and rows[0][4].startswith("tied; F1")


def test_json_of_anything_is_read_back(board: Board) -> None:
    rows = json.loads(tables.as_json(board).encode())["rows"]
    assert [row["name"] for row in rows[: len(HOSTILE)]] == [name.replace("\ud800", "?") for name in HOSTILE]


class Stream(io.StringIO):
    def fileno(self) -> int:
        raise OSError("no file")


@pytest.mark.parametrize("rows", ["models", "tasks"])
@pytest.mark.parametrize("width", [40, 100])
def test_a_terminal_gets_text_and_no_line_is_wider(
    board: Board, rows: str, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.cells import cell_len

    monkeypatch.setenv("COLUMNS", str(width))
    stream = Stream()
    show(board, stream, rows)
    lines = stream.getvalue().split("\n")
    assert max(map(cell_len, lines)) <= width
    assert all(line.isprintable() for line in lines)
    said = re.sub(r"\s", "", stream.getvalue())
    assert all(re.sub(r"\s", "", seen(name)) in said for name in HOSTILE)


def test_columns_that_have_no_room_beside_the_others_stand_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = Maker(tmp_path)
    tasks = {f"asr/task{number}": (WER, 0.5) for number in range(6)}
    board = assemble([make(name, tasks, count=10) for name in ("one", "two")])
    for width, blocks in ((60, 3), (300, 1)):
        monkeypatch.setenv("COLUMNS", str(width))
        stream = Stream()
        show(board, stream)
        found = stream.getvalue()
        assert len(re.findall("^ +model", found, re.MULTILINE)) == blocks
        assert all(len(re.findall(rf"asr/task{number}\b", found.split("[low")[0])) == 1 for number in range(6))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    make = Maker(tmp_path_factory.mktemp("plain"))
    tasks = {"asr/own": (WER, 0.5), "aqa/own": (ACCURACY, 0.5)}
    return [str(make(name, tasks, count=20).path) for name in ("one", "two")]


@pytest.mark.parametrize(
    ("count", "arguments", "first"),
    [
        (1, [], "| model | task "),
        (2, [], "| model | asr/own wer ↓ (%)"),
        (2, ["--layout", "long"], "| model | task "),
        (1, ["--layout", "board"], "| model | asr/own wer ↓ (%)"),
        (1, ["--rows", "tasks"], "| task    | score "),
        (2, ["--format", "csv"], "model,task,subset,metric,value"),
        (2, ["--format", "json"], "[\n"),
        (2, ["--format", "csv", "--layout", "board"], "model,asr/own wer ↓ (%),"),
        (2, ["--format", "json", "--metric", "all"], "{\n"),
        (1, ["--format", "latex"], "% in the preamble"),
        (1, ["--format", "html"], "<!DOCTYPE html>"),
        (1, ["--format", "terminal"], " "),
        (1, ["--no-intervals"], "| model | asr/own wer"),
        (
            2,
            ["--published", "Qwen-Audio", "--published", "all", "--alpha", "0.01", "--subsets"],
            "| model | asr/own wer",
        ),
    ],
)
def test_defaults_of_the_command(
    runs: list[str], count: int, arguments: list[str], first: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", *runs[:count], *arguments]) == 0
    assert capsys.readouterr().out.startswith(first)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--layout", "long", "--rows", "tasks"], "--rows is of the board; take --layout board, or leave it out"),
        (["--layout", "long", "--format", "html"], "--format html is of the board"),
        (
            ["--published", "qwen-audio"],
            "--published qwen-audio: nothing is published of it on a task here; did you mean",
        ),
        (["--alpha", "0"], "--alpha 0 is no level of significance; name one between 0 and 1"),
        (["--metric", "weer"], "--metric weer: no run here has a score of that name; did you mean 'wer'?"),
        (["--no-intervals", "--format", "json"], "--no-intervals is of tables to be read; leave it out"),
        (["--published", "Qwen-Audo"], "nothing is published of it on a task here; did you mean 'Qwen-Audio'?"),
        (["--rows", "both"], "'both' is not one of 'models', 'tasks'"),
    ],
)
def test_what_cannot_be_shown_is_told_in_one_sentence(
    runs: list[str], arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["leaderboard", *runs, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and said in err and err.startswith("results: ") and err.count("\n") == 1


@pytest.mark.parametrize("form", ["md", "terminal", "latex", "html"])
def test_intervals_can_be_left_out(runs: list[str], form: str, capsys: pytest.CaptureFixture[str]) -> None:
    interval = re.compile(r"\[(\\})?\d+\.\d\d, |\[low|\{\[\}(\d|low)")
    said = []
    for arguments in ([], ["--no-intervals"]):
        assert main(["leaderboard", *runs, "--format", form, *arguments]) == 0
        said.append(capsys.readouterr().out)
    assert interval.search(said[0]) and not interval.search(said[1])
    values = re.findall(r"\d+\.\d\d", said[1])
    assert values and set(values) < set(re.findall(r"\d+\.\d\d", said[0]))


def test_published_numbers_of_some_models_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make = Maker(tmp_path)
    spec = ScoringSpec({"wer_qwen_audio": MetricSpec("wer", "qwen_audio")}, "wer_qwen_audio", language="en")
    run = make("one", {"asr/librispeech": (spec, 0.5)}, count=20, subsets=["test-clean"]).path
    assert main(["leaderboard", str(run), "--published", "Qwen-Audio", "--rows", "tasks"]) == 0
    header, _, row, *_ = capsys.readouterr().out.splitlines()
    assert [cell.strip() for cell in header.split("|")[3:-1]] == ["one", "Qwen-Audio †"] and "2.00" in row


def test_on_a_terminal_a_board_is_for_the_terminal(runs: list[str]) -> None:
    reader, writer = pty.openpty()
    environment = {**ENVIRONMENT, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.Popen(
        [sys.executable, "-m", "results", "leaderboard", *runs], stdout=writer, cwd=CHECKOUT, env=environment
    )
    os.close(writer)
    said = b""
    while True:
        try:
            part = os.read(reader, 10_000)
        except OSError:
            break
        said += part
        if not part:
            break
    assert done.wait() == 0 and b"\x1b[1m" in said and "━" not in said.decode() and b"| ---" not in said

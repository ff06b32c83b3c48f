"""Caption metrics against pycocoevalcap and with, without and with a broken Java."""

import json
import math
import random
import subprocess
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from captions import captions
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import java as programs
from metrics.base import MetricError, Row
from metrics.bootstrap import measure
from metrics.captions import CaptionMetric, common_subsequence, ngrams
from metrics.score import METRICS, MetricSpec, Score, ScoringSpec, check, score
from metrics.spice import JARS

CHECKOUT = Path(__file__).parents[2]
DATA = Path(__file__).parent / "data"
BLEU = [f"caption_bleu{order}" for order in range(1, 5)]
PYTHON = [*BLEU, "rouge_l", "cider_d", "cider"]
"""The metrics that need no Java."""
WORDS = st.lists(
    st.sampled_from(["a", "the", "dog", "cat", "bird", "barks", "sings", "runs", "and", "loudly"]), max_size=9
).map(" ".join)
SETS = st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=3)), min_size=1, max_size=6)


def rows_of(pairs: list[tuple[str, list[str]]]) -> list[Row]:
    return [Row(f"{n:05}", answer, tuple(references), "en", f"{n}") for n, (answer, references) in enumerate(pairs)]


def value(metric: str, rows: list[Row], **options: Any) -> float | None:
    return measure(METRICS[metric](options=options), rows, draws=0)[0]


def tokens_of(rows: list[Row]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """References and answers as pycocoevalcap takes them."""
    metric = METRICS["rouge_l"]()
    assert isinstance(metric, CaptionMetric)
    found = list(zip(rows, metric.captions(rows), strict=True))
    return {row.id: list(refs) for row, (_, refs) in found}, {row.id: [answer] for row, (answer, _) in found}


def scored(pairs: list[tuple[str, list[str]]], *names: str, **options: Any) -> dict[str, Score]:
    records = [
        {
            "id": f"{n:05}",
            "raw": answer,
            "references": list(references),
            "status": "ok",
            "fields": {},
            "subset": "xy"[n % 2],
        }
        for n, (answer, references) in enumerate(pairs)
    ]
    spec = ScoringSpec({name: MetricSpec(name, options=options) for name in names}, primary=names[0])
    return {only.name: only for only in reversed(score(records, spec))}  # all rows come before the subsets


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)


@pytest.mark.filterwarnings("ignore")
def against_the_library(rows: list[Row]) -> None:
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    references, answers = tokens_of(rows)
    for name, expected in zip(BLEU, Bleu(4).compute_score(references, answers, verbose=0)[0], strict=True):
        assert value(name, rows) == pytest.approx(100 * expected, rel=1e-12, abs=1e-300)
    expected, each = Rouge().compute_score(references, answers)
    assert value("rouge_l", rows) == pytest.approx(100 * expected, rel=1e-12)
    assert METRICS["rouge_l"]().table(rows)[:, 0] == pytest.approx(each, rel=1e-12)  # type: ignore[attr-defined]
    if any(text.split() for texts in references.values() for text in texts):  # else the library fails
        expected, each = Cider().compute_score(references, answers)
        assert value("cider_d", rows) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        assert METRICS["cider_d"]().table(rows)[:, 0] == pytest.approx(each, rel=1e-9, abs=1e-12)  # type: ignore[attr-defined]


def plain_cider(rows: list[Row]) -> float:
    """CIDEr from the formula of the paper, with matrices."""
    references, answers = tokens_of(rows)
    total = 0.0
    for order in range(4):
        documents = {row: [ngrams(text)[order] for text in texts] for row, texts in references.items()}
        said = {row: ngrams(texts[0])[order] for row, texts in answers.items()}
        known = sorted({gram for counts in [*said.values(), *chain(*documents.values())] for gram in counts})
        if not known:
            continue
        seen = np.array(
            [sum(any(gram in counts for counts in texts) for texts in documents.values()) for gram in known]
        )
        idf = np.log(len(rows) / np.maximum(1, seen))
        for row, texts in documents.items():
            mine = idf * [said[row][gram] for gram in known]
            for counts in texts:
                theirs = idf * [counts[gram] for gram in known]
                norms = np.linalg.norm(mine) * np.linalg.norm(theirs)
                total += 10 / 4 * (mine @ theirs / norms if norms > 1e-12 else 0) / len(texts) / len(rows)
    return total


@pytest.mark.usefixtures("no_java")
def test_captions_equal_pycocoevalcap() -> None:
    @settings(max_examples=60, deadline=None)
    @given(SETS)
    def equal(pairs: list[tuple[str, list[str]]]) -> None:
        against_the_library(rows_of(pairs))
        assert value("cider", rows_of(pairs)) == pytest.approx(plain_cider(rows_of(pairs)), rel=1e-9, abs=1e-9)

    equal()
    made = captions(240, seed=3)
    rng = random.Random(4)
    pairs = [(made[n] if n % 3 else made[n + 1][:20], made[n : n + rng.randint(1, 5)]) for n in range(0, 200, 2)]
    against_the_library(rows_of(pairs))
    assert value("cider", rows_of(pairs)) == pytest.approx(plain_cider(rows_of(pairs)), rel=1e-9)


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
@settings(max_examples=200, deadline=None)
def test_common_subsequence(first: list[str], second: list[str]) -> None:
    from pycocoevalcap.rouge.rouge import my_lcs

    assert common_subsequence(first, second) == my_lcs(first, second)


METEOR_ROWS = [
    ("A dog barks.", ["A dog is barking loudly", "the dog barked"]),
    ("A dog barks.", ["A dog barks!"]),
    ("", ["a dog"]),
    ("a dog", [""]),
    ("", [""]),
    ("\0", ["x \0 y"]),
    ("😀 שלום מרחبا 日本語", ["שלום 😀"]),
    ("a ||| b ||| c", ["||| a b", "c|||"]),
    ("word " * 2_000, ["a word"]),
    ("a" * 100_000, ["a b"]),
    ("on the mat sat the cats", ["a cat sat on the mat"]),
    ("one\rtwo\u2028three", ["one two three"]),
    *(
        (text, [other, more])
        for text, other, more in zip(captions(60, 5), captions(60, 6), captions(60, 7), strict=True)
    ),
]


@pytest.fixture(scope="module")
def meteor(java: str) -> tuple[list[Row], np.ndarray]:
    """Rows and their statistics, in one start."""
    del java
    rows = [Row("none", None, ("a dog",)), *rows_of(METEOR_ROWS)]
    oracle = [json.loads(line) for line in (DATA / "caption.jsonl").read_text("utf-8").splitlines()]
    rows += [Row(row["id"], row["prediction"], tuple(row["references"])) for row in oracle]
    return rows, METRICS["meteor"]().table(rows)  # type: ignore[attr-defined]


def test_meteor_equals_pycocoevalcap(meteor: tuple[list[Row], np.ndarray]) -> None:
    from pycocoevalcap.meteor.meteor import Meteor

    rows, table = meteor
    metric: Any = METRICS["meteor"]()
    references, answers = tokens_of(rows)
    corpus, each = Meteor().compute_score(references, answers)
    assert metric.score(table.sum(axis=0)) == pytest.approx(100 * corpus, rel=1e-12)
    assert [metric.score(row) for row in table] == pytest.approx([100 * one for one in each], rel=1e-12)
    assert table[0].tolist() == metric.table([Row("empty", "", ("a dog",))])[0].tolist()
    # The published value, from the statistics of its rows among all these; equal tokens are not asked twice
    oracle = [place for place, row in enumerate(rows) if row.id.startswith("caption-")]
    expected = json.loads((DATA / "expected.json").read_text())["caption"]["METEOR"]
    assert metric.score(table[oracle].sum(axis=0)) == pytest.approx(100 * expected, rel=1e-12)
    started = time.perf_counter()
    assert measure(metric, [rows[place] for place in oracle])[0] == pytest.approx(100 * expected, rel=1e-12)
    assert time.perf_counter() - started < 2, "a thousand draws, no second start"


def test_meteor_at_the_edges(meteor: tuple[list[Row], np.ndarray]) -> None:
    metric: Any = METRICS["meteor"]()
    values = [metric.score(row) for row in meteor[1]]
    assert all(0 <= one <= 100 for one in values)
    assert values[0] == values[3] == values[4] == values[5] == 0
    assert values[2] == values[12] == pytest.approx(100)
    assert metric.score(np.zeros(23)) == 0


@pytest.mark.usefixtures("no_java")
@pytest.mark.parametrize("metric", PYTHON)
def test_damage_is_worse_and_order_does_not_matter(metric: str) -> None:
    texts = captions(30, seed=8)
    right = [(text, [text]) for text in texts]
    wrong = [("a thing", [texts[0]]), *right[1:]]
    best = value(metric, rows_of(right))
    worse = value(metric, rows_of(wrong))
    assert best is not None and worse is not None and worse < best
    assert best == pytest.approx(METRICS[metric].range[1], rel=1e-6 if metric in PYTHON[:5] else 0.2)
    assert value(metric, rows_of(wrong)[::-1]) == pytest.approx(worse, rel=1e-12)


@pytest.mark.usefixtures("no_java")
def test_document_frequencies_are_the_sets_own() -> None:
    (single,) = scored([("a dog barks", ["a dog barks"])], "cider_d").values()
    assert single.value == 0, "with one row every n-gram is in every document"
    assert single.details == {
        "document_frequencies_of": 1,
        "warning": "document frequencies of only 1 rows: not comparable with a value of the whole set",
    }
    pairs = [(text, [text]) for text in captions(120, seed=9)]
    many = scored(pairs, "cider_d", "cider")
    assert many["cider_d"].details == {"document_frequencies_of": 120}
    assert many["cider_d"].signature == "cider_d|norm:none.1|tok:ptb-py.1|n:4|df:rows|sigma:6|agg:mean"
    assert many["cider"].signature == "cider|norm:none.1|tok:ptb-py.1|n:4|df:rows|clip:no|agg:mean"
    assert value("cider_d", rows_of(pairs[:60])) != pytest.approx(value("cider_d", rows_of(pairs)))
    metric: Any = METRICS["cider_d"]()
    each = metric.table(rows_of(pairs))[:, 0]
    assert many["cider_d"].ci95 is not None
    assert np.allclose(many["cider_d"].ci95, each.mean() + np.array([-1.96, 1.96]) * each.std() / 120**0.5, atol=0.1)


@pytest.mark.usefixtures("no_java")
def test_without_java_all_but_meteor_is_computed() -> None:
    found = scored([("a dog barks", ["the dog barks"]), ("rain", ["it rains"])], *PYTHON, "meteor", "spice", "spider")
    assert all(found[name].value is not None and "tok:ptb-py.1" in found[name].signature for name in PYTHON)
    for name in ("meteor", "spice", "spider"):
        assert found[name].value is None and found[name].details is None
        assert "no Java is found" in str(found[name].unavailable) and "default-jre-headless" in str(
            found[name].unavailable
        )
    check(ScoringSpec({"meteor": MetricSpec("meteor")}, primary="meteor"))


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


def test_java_home_comes_first_if_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, path = program(tmp_path / "home/bin/java", ""), program(tmp_path / "path/java", "")
    stub = program(tmp_path / "stub/bin/java", "raise SystemExit('No Java runtime present')")
    monkeypatch.setenv("PATH", str(path.parent))
    monkeypatch.setenv("JAVA_HOME", str(home.parent.parent))
    assert programs.find_java() == str(home)
    for other in (stub.parent.parent, tmp_path / "nothing"):
        monkeypatch.setenv("JAVA_HOME", str(other))
        assert programs.find_java() == str(path)
    monkeypatch.setenv("PATH", str(stub.parent))
    assert programs.find_java() is None


def test_java_is_started_once_for_all_metrics_and_subsets(
    java: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = program(
        tmp_path / "bin/java",
        "import os, sys\n"
        f"open({str(tmp_path / 'starts')!r}, 'a').write(' '.join(sys.argv) + '\\n')\n"
        f"os.execv({java!r}, [{java!r}, *sys.argv[1:]])\n",
    )
    monkeypatch.setenv("JAVA_HOME", str(counted.parent.parent))
    found = scored([(text, [text, "a dog"]) for text in captions(40, seed=10)], *PYTHON)
    assert all("tok:ptb-3.4.1" in only.signature for only in found.values())
    starts = (tmp_path / "starts").read_text().splitlines()
    assert len([start for start in starts if "PTBTokenizer" in start]) == 1, starts


@pytest.mark.parametrize(
    ("does", "message"),
    [
        ("sys.exit('Error: could not reserve enough space')", "ended with status 1: Error: could not reserve"),
        ("sys.stdout.write(sys.stdin.read().replace('x\\n', '', 1))", "lost count of the lines"),
        ("sys.stdin.close(); os.kill(os.getpid(), 9)", "ended with status -9: no word"),
    ],
)
def test_a_broken_java_is_a_sentence(does: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = program(tmp_path / "bin/java", f"import os, sys\nif '-version' not in sys.argv: {does}\n")
    monkeypatch.setenv("JAVA_HOME", str(broken.parent.parent))
    with pytest.raises(MetricError, match=f"the PTB tokenizer .*{message}"):
        value("rouge_l", rows_of([("a dog", ["a dog"])]))
    with pytest.raises(MetricError, match="metric 'cider_d': the PTB tokenizer"):
        check(ScoringSpec({"cider_d": MetricSpec("cider_d")}, primary="cider_d"))


def test_a_java_that_hangs_is_ended(tmp_path: Path) -> None:
    said = tmp_path / "pid"
    hangs = program(
        tmp_path / "java", f"import os, time\nopen({str(said)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    )
    with pytest.raises(
        MetricError, match=r"METEOR \(Java\) did not end within 1 s; look for a caption of extreme length"
    ):
        programs._run("METEOR", [str(hangs)], ["x" * 1_000] * 1_000, 1)  # more than a pipe holds
    assert not Path(f"/proc/{said.read_text()}").exists()
    with pytest.raises(MetricError, match="cannot be started: No such file or directory; install a Java runtime"):
        programs._run("METEOR", [str(tmp_path / "none")], [], 1)


DOUBLE = f"""
# A double of Java with SPICE behind it: F is the share of common words, nothing where there are none; tokens by the port.
import json, sys
sys.path.insert(0, {str(CHECKOUT)!r})
from metrics import ptb
args = sys.argv[1:]
if any("PTBTokenizer" in arg for arg in args):
    sys.stdout.write("".join(ptb.tokenize(line) + "\\n" for line in sys.stdin.read().split("\\n")[:-1]))
if "edu.anu.spice.SpiceScorer" in args:
    assert {{"-subset", "-silent"}} <= set(args) and "corenlp" in args[args.index("-cp") + 1]
    found = []
    for item in json.load(open(args[args.index("edu.anu.spice.SpiceScorer") + 1])):
        said, known = set(item["test"].split()), {{word for text in item["refs"] for word in text.split()}}
        f = 2 * len(said & known) / (len(said) + len(known)) if said | known else None
        found.append({{"image_id": item["image_id"], "scores": {{"All": {{"pr": f, "re": f, "f": f}}}}}})
    json.dump(found, open(args[args.index("-out") + 1], "w"))
"""


@pytest.fixture
def spice_double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for CoreNLP's: the jars are empty, and what runs them is a double."""
    monkeypatch.setenv("JAVA_HOME", str(program(tmp_path / "jre/bin/java", DOUBLE).parent.parent))
    folder = tmp_path / "corenlp"
    folder.mkdir()
    for jar in JARS:
        (folder / jar).touch()
    return folder


def test_spice_says_what_is_missing_and_where(spice_double: Path) -> None:
    lacking = METRICS["spice"]().missing() or ""
    for part in (
        *JARS,
        "spice/lib of the installed pycocoevalcap",
        "full-2015-12-09.zip",
        "metrics.ROW.options.corenlp=FOLDER",
    ):
        assert part in lacking
    assert METRICS["spider"](options={"corenlp": str(spice_double)}).missing() is None
    (spice_double / JARS[1]).unlink()
    lacking = METRICS["spider"](options={"corenlp": str(spice_double)}).missing() or ""
    assert lacking.startswith(f"SPIDEr needs {JARS[1]}, not found in '{spice_double}'")
    with pytest.raises(MetricError, match="the option 'corenlp' is 5; write the path of a folder"):
        METRICS["spice"](options={"corenlp": 5})


def test_spice_and_spider_with_a_double(spice_double: Path) -> None:
    pairs = [("a dog barks", ["a dog runs"]), ("rain", ["rain"]), ("", [""]), ("x", ["y", "z"])]
    found = scored(pairs, "spice", "spider", corenlp=str(spice_double))
    assert found["spice"].value == pytest.approx((2 / 3 + 1 + 0) / 3), "a row without F is left out"
    assert found["spice"].details == {"rows_without_f": 1}
    assert found["spider"].value == pytest.approx((found["spice"].value + (value("cider_d", rows_of(pairs)) or 0)) / 2)
    assert found["spider"].details == {"document_frequencies_of": 4, "rows_without_f": 1} | {
        "warning": "document frequencies of only 4 rows: not comparable with a value of the whole set"
    }
    assert found["spice"].signature == "spice|norm:none.1|tok:ptb-3.4.1|agg:mean|spice:1.0|corenlp:3.6.0"
    assert found["spider"].signature.startswith(
        "spider|norm:none.1|tok:ptb-3.4.1|n:4|df:rows|sigma:6|agg:mean|spice:1.0"
    )
    assert found["spider"].ci95 is not None and found["spice"].ci95 is not None


def test_spice_that_leaves_nothing_is_a_sentence(spice_double: Path, tmp_path: Path) -> None:
    program(tmp_path / "jre/bin/java", DOUBLE.replace("json.dump(", "print("))
    with pytest.raises(MetricError, match="SPICE left no scores that can be read"):
        value("spice", rows_of([("a unique dog", ["b"])]), corenlp=str(spice_double))


def test_a_set_of_the_size_of_clothos_is_scored_in_seconds() -> None:
    made = captions(6 * 1045, seed=11)
    rows = rows_of([(made[n], made[n + 1 : n + 6]) for n in range(0, len(made), 6)])
    started = time.perf_counter()
    for metric in PYTHON:
        assert measure(METRICS[metric](), rows)[1] is not None
    assert time.perf_counter() - started < 15


def test_nothing_that_a_caption_can_hold_is_an_error() -> None:
    pairs = [
        ("\0", [""]),
        ("", ["\0"]),
        ("\ud83d", ["a"]),
        ("a" * 100_000, ["a"]),
        ("שלום 😀", ["\u2028"]),
        ("...", ["."]),
    ]
    for metric in PYTHON:
        found = value(metric, rows_of(pairs))
        assert found is not None and math.isfinite(found)


def test_pycocoevalcap_is_not_imported_for_its_jars() -> None:
    code = "import sys; from metrics import java; java._bundled('meteor/meteor-1.5.jar'); assert 'pycocoevalcap' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=False).returncode == 0

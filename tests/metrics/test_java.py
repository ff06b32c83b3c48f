"""The Java programs behind captions: found or not, broken, started once; SPICE with a double of its program."""

import subprocess
import sys
from pathlib import Path

import pytest
from caption_rows import PYTHON, program, rows_of, scored, value
from captions import captions
from support import CHECKOUT

from metrics import java as programs
from metrics.base import MetricError
from metrics.score import METRICS, MetricSpec, ScoringSpec, check, score
from metrics.spice import JARS


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


@pytest.fixture
def starts(java: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The command lines of Java, in a file; all but `-version`."""
    counted = program(
        tmp_path / "bin/java",
        "import os, sys\n"
        f"if '-version' not in sys.argv: open({str(tmp_path / 'starts')!r}, 'a').write(' '.join(sys.argv) + '\\n')\n"
        f"os.execv({java!r}, [{java!r}, *sys.argv[1:]])\n",
    )
    monkeypatch.setenv("JAVA_HOME", str(counted.parent.parent))
    return tmp_path / "starts"


def test_java_is_started_once_for_all_metrics_and_subsets(starts: Path) -> None:
    found = scored([(text, [text, "a dog"]) for text in captions(40, seed=10)], *PYTHON)
    assert all("tok:ptb-3.4.1" in only.signature for only in found.values())
    assert len(starts.read_text().splitlines()) == 1


def test_meteor_is_started_once_for_checking_and_scoring(starts: Path) -> None:
    spec = ScoringSpec({"meteor": MetricSpec("meteor"), "again": MetricSpec("meteor", "basic")}, primary="meteor")
    rows = [
        {"id": f"{n}", "raw": text, "references": [text], "fields": {}, "subset": "xy"[n % 2]}
        for n, text in enumerate(("a dog barks", "rain"))
    ]
    check(spec, rows)
    assert not starts.exists(), "to check starts nothing that takes seconds"
    assert [only.value for only in score(rows, spec)] == [pytest.approx(100)] * 6
    assert ["meteor-1.5.jar" in line for line in starts.read_text().splitlines()] == [False, True]


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
    assert (found["spice"].n, found["spice"].unjudged, found["spider"].n, found["spider"].unjudged) == (3, 1, 4, 1)
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


def test_pycocoevalcap_is_not_imported_for_its_jars() -> None:
    code = "import sys; from metrics import java; java._bundled('meteor/meteor-1.5.jar'); assert 'pycocoevalcap' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=CHECKOUT, check=False).returncode == 0

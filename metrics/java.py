"""The Java programs of coco-caption, bundled by pycocoevalcap: PTB tokenizer, METEOR, SPICE.

A program is started once for everything that is asked in one go and was not asked before: the metrics of a scoring
share its replies, and so do the subsets. Nothing keeps running.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Generic, TypeVar

from metrics import ptb
from metrics.base import MetricError

PTB_VERSION = "ptb-3.4.1"
INSTALL = "install a Java runtime (Debian, Ubuntu: apt-get install default-jre-headless) or set JAVA_HOME"
METEOR_JAR = "meteor/meteor-1.5.jar"
LIMIT = 500_000
"""Answers that a program's memory holds at most; then it starts anew."""

Question = TypeVar("Question", bound=Hashable)
Reply = TypeVar("Reply")
Caption = tuple[str, tuple[str, ...]]
"""Tokens of an answer and of its references, each joined by blanks."""


class Remembered(Generic[Question, Reply]):
    """A function of many questions at once that asks each of them once; a reply depends on its own question alone."""

    def __init__(self, ask: Callable[[list[Question]], list[Reply]]) -> None:
        self._ask = ask
        self._known: dict[Question, Reply] = {}

    def __call__(self, questions: Sequence[Question]) -> list[Reply]:
        known = self._known
        new = [question for question in dict.fromkeys(questions) if question not in known]
        if len(known) + len(new) > LIMIT:
            known, new = {}, list(dict.fromkeys(questions))
        if new:
            known = self._known = {**known, **dict(zip(new, self._ask(new), strict=True))}
        return [known[question] for question in questions]


def find_java() -> str | None:
    """The `java` of JAVA_HOME, else of PATH, if it runs; looked for at each call."""
    home = os.environ.get("JAVA_HOME")
    for program in (shutil.which("java", path=str(Path(home) / "bin")) if home else None, shutil.which("java")):
        if program and _runs(program):
            return program
    return None


def tokenizer() -> Remembered[str, str]:
    """A function of texts: their PTB tokens without punctuation, joined by blanks; by Java where there is one."""
    return _tokenizer(find_java())


def tokenizer_version() -> str:
    """Which tokenizer `tokenizer` is, for signatures."""
    return PTB_VERSION if find_java() else ptb.VERSION


@lru_cache(maxsize=2)
def _tokenizer(java: str | None) -> Remembered[str, str]:
    if java is None:
        return Remembered(lambda texts: [ptb.tokenize(text) for text in texts])
    return Remembered(lambda texts: _ptb(java, texts))


def _ptb(java: str, texts: list[str]) -> list[str]:
    """Tokens by Java. The program looks ahead over the end of a line, and a line more or less would shift all others:
    behind each text stands a line `x`, so that a text's tokens are its own, and each must come back at its place."""
    jar = _bundled("tokenizer/stanford-corenlp-3.4.1.jar")
    command = [java, "-Dfile.encoding=UTF-8", "-cp", str(jar), "edu.stanford.nlp.process.PTBTokenizer"]
    command += ["-preserveLines", "-lowerCase", "-encoding", "UTF-8"]
    lines = _run("the PTB tokenizer", command, [f"{ptb.clean(text)}\nx" for text in texts], 120 + 0.01 * len(texts))
    if len(lines) != 2 * len(texts) or any(line != "x" for line in lines[1::2]):
        raise MetricError("the PTB tokenizer lost count of the lines; please report this with the captions")
    return [ptb.without_punctuation(line.rstrip().split(" ")) for line in lines[::2]]


def meteor_missing() -> str | None:
    """What METEOR lacks on this machine, and the cure, in a sentence; None: nothing. The program isn't started."""
    if find_java() is None:
        return f"METEOR is a Java program, and no Java is found in JAVA_HOME or on PATH; {INSTALL}, then rescore"
    try:
        _bundled(METEOR_JAR)
    except MetricError as error:
        return str(error)
    return None


@lru_cache(maxsize=1)
def meteor(java: str) -> Remembered[Caption, tuple[float, ...]]:
    """A function of captions: the 23 statistics of METEOR 1.5 for each, from the best of its references."""
    return Remembered(lambda captions: _meteor(java, captions))


def _meteor(java: str, captions: list[Caption]) -> list[tuple[float, ...]]:
    jar = _bundled(METEOR_JAR)
    command = [java, "-Dfile.encoding=UTF-8", "-Xmx2G", "-jar", str(jar), "-", "-", "-stdio", "-l", "en", "-norm"]
    lines = [" ||| ".join(["SCORE", *map(_field, references), _field(answer)]) for answer, references in captions]
    products = sum(len(answer.split()) * len(text.split()) for answer, references in captions for text in references)
    replies = _run("METEOR", command, lines, 300 + 0.5 * len(lines) + 3e-4 * products)
    try:
        statistics = [tuple(map(float, reply.split())) for reply in replies]
    except ValueError:
        statistics = []
    if len(statistics) != len(captions):
        raise MetricError(f"METEOR gave {len(replies)} lines for {len(captions)} captions, such as {replies[-1:]}")
    return statistics


def _field(tokens: str) -> str:
    """Tokens that hold no separator of METEOR's fields; the tokenizer leaves none, and a stray one would shift them."""
    return tokens.replace("|||", "").replace("  ", " ")


@lru_cache(maxsize=2)
def spice(java: str, corenlp: str | None) -> Remembered[Caption, float]:
    """A function of captions: SPICE's F for each; nan where neither answer nor references hold a proposition."""
    return Remembered(lambda captions: _spice(java, corenlp_folder(corenlp), captions))


def corenlp_folder(corenlp: str | None) -> Path:
    """Where the jars of CoreNLP 3.6.0 lie: the folder given, else the one that pycocoevalcap itself loads them into."""
    return _bundled("spice/lib") if corenlp is None else Path(corenlp)


def _spice(java: str, corenlp: Path, captions: list[Caption]) -> list[float]:
    """Without SPICE's cache of parses, which would be written into the installed package."""
    own = _bundled("spice/spice-1.0.jar")
    jars = os.pathsep.join([str(own), str(own.parent / "lib" / "*"), str(corenlp.resolve() / "*")])
    items = [{"image_id": place, "test": test, "refs": list(refs)} for place, (test, refs) in enumerate(captions)]
    with TemporaryDirectory(prefix="spice-") as folder:
        asked, found = Path(folder) / "captions.json", Path(folder) / "scores.json"
        asked.write_text(json.dumps(items), "ascii")
        command = [java, "-Dfile.encoding=UTF-8", "-Xmx8G", "-cp", jars, "edu.anu.spice.SpiceScorer", str(asked)]
        _run("SPICE", [*command, "-out", str(found), "-subset", "-silent"], [], 600 + 5 * len(captions))
        try:
            scores = {item["image_id"]: item["scores"]["All"]["f"] for item in json.loads(found.read_text("utf-8"))}
            return [float("nan" if scores[place] is None else scores[place]) for place in range(len(captions))]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise MetricError(f"SPICE left no scores that can be read ({type(error).__name__}: {error})") from None


def _run(name: str, command: list[str], lines: list[str], seconds: float) -> list[str]:
    """The lines that a program answers to lines on its standard input. It has ended, or was killed, on return."""
    given = "".join(f"{line}\n" for line in lines).encode()
    try:
        done = subprocess.run(command, input=given, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        cure = "look for a caption of extreme length, or leave the metric out"
        raise MetricError(f"{name} (Java) did not end within {seconds:.0f} s; {cure}") from None
    except OSError as error:
        raise MetricError(f"{name} (Java) cannot be started: {error.strerror}; {INSTALL}") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no word"]
        fatal = next((line for line in said if "Exception" in line or "Error" in line), said[-1])
        cure = "; is a caption of extreme length?" if "OutOfMemory" in fatal else ""
        raise MetricError(f"{name} (Java) ended with status {done.returncode}: {fatal}{cure}")
    return done.stdout.decode("utf-8", "replace").removesuffix("\n").split("\n")


def _bundled(path: str) -> Path:
    """A file of pycocoevalcap, found without importing it."""
    spec = find_spec("pycocoevalcap")
    for folder in spec.submodule_search_locations or () if spec else ():
        if (Path(folder) / path).exists():
            return Path(folder) / path
    raise MetricError(f"pycocoevalcap's {path} is not installed; pip install pycocoevalcap==1.2")


@lru_cache(maxsize=8)
def _runs(program: str) -> bool:
    """Whether it is a Java at all: macOS has a `java` that only says where to get one."""
    try:
        return subprocess.run([program, "-version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False

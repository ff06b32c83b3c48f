"""A language model as the judge of answers, behind an OpenAI-compatible endpoint.

Nothing here shows how well a judge agrees with people: that is a property of the model and rubric that you choose.
"""

import json
import os
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from metrics.base import MetricError, Row, SumMetric
from metrics.endpoint import Endpoint, Message, Reply, at_home, default_cache
from metrics.judge_options import check_options

RUBRICS = Path(__file__).parent / "rubrics"
SHOWN = 20
"""Ids of samples without a verdict that are listed at most."""
TEXTS = ("context", "question")
"""What goes along with the references, in this order; each is also the option that names its field."""


class JudgeMetric(SumMetric):
    """What both judges have in common.

    The judge is asked with the option's `model` at `url` (up to `/v1`), temperature 0, at most `max_tokens`, and what
    `body` adds to a request or, as null, takes away: `{max_tokens: null, max_completion_tokens: 2000}`. The key is the
    value of the environment variable `key_variable` (a name in capitals); null sends none, and an option that holds
    what looks like a key is refused. A request with all of its reply may last `timeout` seconds. Connection errors,
    timeouts, statuses 429 and 5xx are tried again `retries` times, after `backoff`, twice that, ... seconds, or what
    Retry-After asks for. Replies are kept in the folder `cache`, by default `$XDG_CACHE_HOME/alm-eval/judge`, so that
    scoring again asks nothing but what had no text (a refusal, a filter); without a reply to each sample there is no
    value, and scoring again goes on where it stopped.

    A sample's `question` and `context` (the names of its fields; what it does not have is left out) go along with the
    references. All texts stand between markers that hold a number made of them, and the verdict must repeat it on the
    last line: so an answer can neither close its marker nor hold the verdict. A reply whose last line is no such
    verdict is unjudged, never guessed. By default (`unjudged: lowest`) it counts as the lowest value, so that no answer
    gains by confusing its judge and all systems have the same denominator; `unjudged: out` leaves it out of the value
    and of `n`. Either way it is counted beside the value and listed in the details, with the value of the judged ones
    alone; where nothing that was asked about is judged there is no value. A missing or empty answer has the lowest
    value and is not asked about.

    Statistics: points, samples.
    """

    options: Mapping[str, Any] = {
        "url": None,
        "model": None,
        "rubric": None,
        "key_variable": "OPENAI_API_KEY",
        "question": "question",
        "context": "context",
        "unjudged": "lowest",
        "max_tokens": 1024,
        "body": {},
        "timeout": 60,
        "retries": 5,
        "backoff": 1,
        "concurrency": 8,
        "cache": None,
    }
    costly_trial = True
    kind: str
    """The kind of rubric."""
    lowest: float

    def __init__(self, labels: Sequence[str] | None = None, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(labels, options)
        check_options(self.name, self.settings, options or {})
        self.unjudged_out = self.settings["unjudged"] == "out"
        self.rubric = _rubric(self.settings["rubric"] or self.kind, self.kind)
        self.cache = at_home(self.settings["cache"], "cache") if self.settings["cache"] else None
        self._asked: dict[str, Reply] = {}

    @abstractmethod
    def requests(self, row: Row) -> list[list[Message]]:
        """The requests that judge a row."""

    @abstractmethod
    def points(self, row: Row, replies: Sequence[Reply]) -> float | None:
        """The row's value by the replies to its requests; None where there is no verdict."""

    def missing(self) -> str | None:
        for key in ("url", "model"):
            if not self.settings[key]:
                return f"no judge: set option {key} (url=http://HOST:8000/v1, model=NAME)"
        variable = self.settings["key_variable"]
        if variable and not self._key():
            return f"the environment variable {variable} is empty or no key; set it, or key_variable=null to send none"
        return None

    def check_row(self, row: Row) -> None:
        if not any(reference.strip() for reference in row.references):
            raise MetricError("the references are empty; a judge needs one to judge by")

    def statistics(self, row: Row) -> Sequence[float]:
        return [float(count) for count in self.table([row])[0]]

    def table(self, rows: Sequence[Row]) -> np.ndarray:
        values = self.judged(rows)
        asked = [row for row in rows if _has_answer(row)]
        if asked and values.count(None) == len(asked):
            raise MetricError(self._no_verdict(asked))
        unjudged = (0.0, 0.0) if self.unjudged_out else (self.lowest, 1.0)
        points = [unjudged if value is None else (value, 1.0) for value in values]
        return np.array(points).reshape(-1, 2)

    def unjudged(self, rows: Sequence[Row]) -> int:
        return self.judged(rows).count(None)

    def judged(self, rows: Sequence[Row]) -> list[float | None]:
        """The value of each row; None where the judge gave no verdict."""
        asked = {row.id: self.requests(row) for row in rows if _has_answer(row)}
        named = {
            f"{name} ({number})": request for name, all_ in asked.items() for number, request in enumerate(all_, 1)
        }
        new = {name: request for name, request in named.items() if _identity(request) not in self._asked}
        if new:
            replies = self._endpoint().ask(new)
            self._asked |= {_identity(new[name]): reply for name, reply in replies.items()}
        return [
            self.points(row, [self._asked[_identity(request)] for request in asked[row.id]])
            if row.id in asked
            else self.lowest
            for row in rows
        ]

    def score(self, summed: np.ndarray) -> float:
        return float(summed[0]) / float(summed[1]) if summed[1] else float("nan")

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        body, sent = self.settings["body"], self._sent()
        parts = {
            "judge": str(self.settings["model"] or "none"),
            "rubric": f"{self.rubric['name']}.{self.rubric['version']}.{_digest(self.rubric)}",
            **{name: str(self.settings[name] or "none") for name in TEXTS},
            "temperature": str(sent.get("temperature", "default")),
            "max_tokens": str(sent.get("max_tokens", "default")),
        }
        return parts | ({"body": _digest(body)} if body else {}) | {"unjudged": self.settings["unjudged"]}

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        """What was judged, what was not, and what it cost: tokens as the endpoint counts them, each different request
        once, no matter whether its reply was asked for now or kept from before."""
        values = self.judged(rows)
        answered = [row for row in rows if _has_answer(row)]
        unjudged = [row.id for row, value in zip(rows, values, strict=True) if value is None]
        judged = [value for value in values if value is not None]
        identities = {_identity(request) for row in answered for request in self.requests(row)}
        replies = [self._asked[identity] for identity in identities]
        return {
            "unanswered": len(rows) - len(answered),
            "unjudged": len(unjudged),
            "unjudged_ids": unjudged[:SHOWN],
            "value_of_judged": self.score(np.array([sum(judged), len(judged)])) if judged else None,
            "requests": len(replies),
            "prompt_tokens": sum(reply.prompt_tokens for reply in replies),
            "completion_tokens": sum(reply.completion_tokens for reply in replies),
        }

    def texts(self, row: Row) -> list[tuple[str, str]]:
        """The question and what else is known, by name, in order."""
        found = []
        for name in TEXTS:
            value = row.fields.get(self.settings[name]) if self.settings[name] else None
            if value not in (None, ""):
                found.append((name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
        return found

    def request(self, texts: Sequence[tuple[str, str]]) -> list[Message]:
        """The rubric, then each text between its markers."""
        number = _number(texts)
        parts = [f"<{name} {number}>\n{text}\n</{name} {number}>" for name, text in texts]
        instructions = self.rubric["instructions"].replace("{id}", number)
        return [{"role": "system", "content": instructions}, {"role": "user", "content": "\n\n".join(parts)}]

    def _endpoint(self) -> Endpoint:
        said = self.settings
        return Endpoint(
            url=said["url"],
            settings=self._sent(),
            cache=self.cache or default_cache(),
            key=self._key(),
            timeout=said["timeout"],
            retries=said["retries"],
            backoff=said["backoff"],
            concurrency=said["concurrency"],
        )

    def _sent(self) -> dict[str, Any]:
        """The request, apart from its messages."""
        said = self.settings
        sent = {"model": said["model"], "temperature": 0, "max_tokens": said["max_tokens"], **said["body"]}
        return {key: value for key, value in sent.items() if value is not None}

    def _key(self) -> str | None:
        """The key; None where there is none that can stand in a header."""
        variable = self.settings["key_variable"]
        key = os.environ.get(variable, "").strip() if variable else ""
        return key if key and key.isascii() and key.isprintable() else None

    def _no_verdict(self, asked: Sequence[Row]) -> str:
        """The sentence for answers of which none was judged."""
        replies = [self._asked[_identity(request)] for row in asked for request in self.requests(row)]
        first = next((reply for reply in replies if not reply.text), replies[0])
        said = f"ends with {first.text[-80:]!r}" if first.text else "is empty"
        why = f" ({first.finish_reason})" if first.finish_reason else ""
        return (
            f"the judge {self.settings['model']} gave no verdict on any of the {len(asked)} answers that it was asked "
            f"about; a reply {said}{why}: look at the model, max_tokens and the rubric"
        )


class JudgeCorrect(JudgeMetric):
    """Share of answers that the judge finds correct beside their references (all of them are shown), in percent."""

    name = "judge_correct"
    kind = "correct"
    lowest = 0.0

    def requests(self, row: Row) -> list[list[Message]]:
        references = [("reference answer", reference) for reference in row.references]
        return [self.request([*self.texts(row), *references, ("answer", row.answer or "")])]

    def points(self, row: Row, replies: Sequence[Reply]) -> float | None:
        (request,), (reply,) = self.requests(row), replies
        verdict = _verdict(reply, r"VERDICT {id}: ?(CORRECT|INCORRECT)", request)
        return None if verdict is None else 100.0 * (verdict[0].upper() == "CORRECT")


class JudgeScore(JudgeMetric):
    """Mean over samples of the score from 1 to 10 that the judge gives the answer beside the first reference, which is
    scored too: asked twice, in both orders, and averaged, as in AIR-Bench's chat part (Yang et al. 2024), with a rubric
    of our own. Where either order has no verdict, the sample has none.
    """

    name = "judge_score"
    kind = "score"
    unit = "of 10"
    range = (1.0, 10.0)
    lowest = 1.0

    def requests(self, row: Row) -> list[list[Message]]:
        pair = [row.references[0], row.answer or ""]
        names = ("first reply", "second reply")
        return [self.request([*self.texts(row), *zip(names, order, strict=True)]) for order in (pair, pair[::-1])]

    def points(self, row: Row, replies: Sequence[Reply]) -> float | None:
        found = self.pairs(row, replies)
        return None if found is None else (found[0][1] + found[1][0]) / 2

    def pairs(self, row: Row, replies: Sequence[Reply]) -> list[tuple[float, float]] | None:
        """The scores of first and second reply, with the reference first, then with the answer first."""
        number = r"(10(?:\.0+)?|[1-9](?:\.\d+)?)"
        found = []
        for request, reply in zip(self.requests(row), replies, strict=True):
            verdict = _verdict(reply, rf"SCORES {{id}}: ?{number},? {number}", request)
            if verdict is None:
                return None
            found.append((float(verdict[0]), float(verdict[1])))
        return found

    def signature_parts(self, rows: Sequence[Row]) -> dict[str, str]:
        refs = {"refs": "first"} if any(len(row.references) > 1 for row in rows) else {}
        return super().signature_parts(rows) | {"order": "both"} | refs

    def details(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Those of all; the mean score of the references, and how far an answer's scores in the two orders differ."""
        found = super().details(rows)
        pairs = [
            pair
            for row in rows
            if _has_answer(row)
            and (pair := self.pairs(row, [self._asked[_identity(request)] for request in self.requests(row)]))
        ]
        return found | {
            "score_of_references": float(np.mean([(one[0] + two[1]) / 2 for one, two in pairs])) if pairs else None,
            "difference_by_order": float(np.mean([abs(one[1] - two[0]) for one, two in pairs])) if pairs else None,
        }


def _has_answer(row: Row) -> bool:
    return bool(row.answer and row.answer.strip())


def _number(texts: Sequence[tuple[str, str]]) -> str:
    """A number that the texts do not hold, since it is made of them."""
    return sha256(json.dumps(list(texts)).encode()).hexdigest()[:8]


def _identity(request: Sequence[Message]) -> str:
    return json.dumps(list(request))


def _digest(value: Any) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:8]


def _verdict(reply: Reply, pattern: str, request: Sequence[Message]) -> tuple[str, ...] | None:
    """The groups of the verdict on the reply's last line, marked with the request's own number; None without one, or
    where the reply holds several that differ."""
    number = request[1]["content"].partition(">")[0].rpartition(" ")[2]
    form = re.compile(pattern.replace("{id}", number), re.IGNORECASE)
    lines = [" ".join(line.strip(" \t*_`#>.").split()) for line in (reply.text or "").strip().splitlines()]
    found = {match.groups() for line in lines if (match := form.fullmatch(line))}
    return found.pop() if len(found) == 1 and form.fullmatch(lines[-1]) else None


def _rubric(name: Any, kind: str) -> dict[str, Any]:
    """A rubric that comes along, by name, or that of a YAML file."""
    import yaml

    own = str(name).endswith((".yaml", ".yml"))
    path = at_home(name, "rubric") if own else RUBRICS / f"{name}.yaml"
    known = ", ".join(sorted(rubric.stem for rubric in RUBRICS.glob("*.yaml")))
    if not path.is_file():
        raise MetricError(f"no rubric {str(name)!r}; known: {known}, or the path of a file that ends in .yaml")
    try:
        rubric = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeError, RecursionError) as error:
        raise MetricError(f"rubric {path}: not YAML ({str(error).splitlines()[0]})") from None
    except OSError as error:
        raise MetricError(f"rubric {path} cannot be read ({error.strerror})") from None
    keys = {"name", "version", "kind", "instructions"}
    if not isinstance(rubric, dict) or rubric.keys() != keys or not isinstance(rubric["instructions"], str):
        raise MetricError(
            f"rubric {path}: write the keys {', '.join(sorted(keys))}, as metrics/rubrics/{kind}.yaml does"
        )
    if rubric["kind"] != kind:
        raise MetricError(f"rubric {path} is of the kind {rubric['kind']!r}; this metric needs {kind!r}")
    if "{id}" not in rubric["instructions"]:
        raise MetricError(
            f"rubric {path}: the instructions must ask for the last line as metrics/rubrics/{kind}.yaml does"
        )
    return rubric


METRICS = (JudgeCorrect, JudgeScore)

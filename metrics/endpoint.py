"""A chat model behind an OpenAI-compatible endpoint: asked with patience, each answer kept on disk.

The key comes from an environment variable, travels in one header, and stands nowhere else: no file, message, cache or
signature holds it. Redirects are not followed, since they would carry it elsewhere.
"""

import http.client
import json
import os
import random
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from metrics.base import MetricError
from metrics.deadline import Http, Https

AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
"""Statuses after which a request is sent again."""
REFUSED = frozenset({400, 413, 422})
"""Statuses that are about this one request, such as a text that is too long."""
LONGEST_WAIT = 120.0
"""Seconds; an endpoint that asks for a longer wait is given up."""
LARGEST_REPLY = 10_000_000
"""Bytes."""
SHORTEST_KEY = 8
"""A shorter key is a word such as `EMPTY` that a local server is given: it is no secret, and masking it would mar
replies."""
SHOWN = 300
"""Characters of what an endpoint says that a message repeats at most."""

Message = Mapping[str, str]


@dataclass(frozen=True)
class Reply:
    """What the endpoint said to one request."""

    text: str | None
    """The message, None where there is none (a refusal, a filter)."""
    finish_reason: str | None
    """Why it ended: `stop`, `length`, `content_filter`; `refused: ...` where the endpoint took the request for a bad
    one, with what it said."""
    prompt_tokens: int
    """Tokens of the request, as the endpoint counts them; 0 where it doesn't say."""
    completion_tokens: int
    """Tokens of the answer, likewise."""


@dataclass(frozen=True)
class Endpoint:
    """Where a model is asked, and how."""

    url: str
    """Up to `/v1`, or with `/chat/completions`."""
    settings: Mapping[str, Any]
    """The request, apart from its messages: model, temperature, ..."""
    cache: Path
    """The folder where replies are kept."""
    key: str | None = None
    """Sent as `Authorization: Bearer KEY`; None sends no such header."""
    timeout: float = 60.0
    """Seconds for a request with all of its reply, from the moment a connection is asked for."""
    retries: int = 5
    """How often a request is sent again."""
    backoff: float = 1.0
    """Seconds before the first time; then twice as many each time."""
    concurrency: int = 8
    """Requests at a time."""

    def __repr__(self) -> str:
        return f"Endpoint({self.address})"  # the key is in no message

    @property
    def address(self) -> str:
        """Where requests go."""
        base, _, query = self.url.strip().partition("?")
        path = base.rstrip("/")
        whole = path if path.endswith("/chat/completions") else f"{path}/chat/completions"
        return f"{whole}?{query}" if query else whole

    def ask(self, requests: Mapping[str, Sequence[Message]]) -> dict[str, Reply]:
        """The replies to named lists of messages, by name: from the cache, else from the endpoint, a few at a time.

        Raises MetricError where a reply cannot be had; those that came before it are kept, so that the next call
        asks for the rest only. A request that is refused by itself has a Reply without a text. Only replies with a text
        are kept: what was refused, filtered or left empty may be answered another time.
        """
        keys = {name: self._key_of(messages) for name, messages in requests.items()}
        different = {keys[name]: (name, requests[name]) for name in sorted(requests)}
        replies = {key: reply for key in different if (reply := self._kept(key)) is not None}
        left = [(key, *different[key]) for key in different if key not in replies]
        if left:
            replies |= self._ask_all(left)
        return {name: replies[key] for name, key in keys.items()}

    def _ask_all(self, left: Sequence[tuple[str, str, Sequence[Message]]]) -> dict[str, Reply]:
        replies: dict[str, Reply] = {}
        stop = threading.Event()
        pool = ThreadPoolExecutor(min(self.concurrency, len(left)))
        try:
            futures = {pool.submit(self._ask_one, key, messages, stop): (key, name) for key, name, messages in left}
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future, (key, name) in futures.items():
                try:
                    if future in done:
                        replies[key] = future.result()
                except MetricError as error:
                    raise MetricError(
                        f"{error}, asked about {name}; what was answered is kept in {self.cache}"
                    ) from None
        finally:
            stop.set()  # nobody waits for what those would get that wait before they try again
            pool.shutdown(cancel_futures=True)
        return replies

    def _ask_one(self, key: str, messages: Sequence[Message], stop: threading.Event) -> Reply:
        reply = self._send(json.dumps({**self.settings, "messages": list(messages)}).encode(), stop)
        return self._keep(key, reply) if reply.text and reply.text.strip() else reply

    def _send(self, body: bytes, stop: threading.Event) -> Reply:
        opener = urllib.request.build_opener(Http, Https, _NoRedirect)
        for attempt in range(self.retries + 1):
            least = 0.0
            try:
                with opener.open(self._request(body), timeout=self.timeout) as response:
                    data = response.read(LARGEST_REPLY)
                reply = _reply(data)
                return replace(
                    reply,
                    text=reply.text and self._without_key(reply.text),
                    finish_reason=reply.finish_reason and self._without_key(reply.finish_reason),
                )
            except urllib.error.HTTPError as error:
                trouble = self._said_by(error)
                if error.code in REFUSED:
                    return Reply(None, f"refused: {trouble}", 0, 0)
                if error.code not in AGAIN:
                    raise MetricError(f"{self.address} says {trouble}") from None
                least = _seconds_to_wait(error.headers.get("Retry-After"))
            except (OSError, http.client.HTTPException, ValueError) as error:  # timeouts, half replies, odd lengths
                trouble = self._shown(str(getattr(error, "reason", error)) or type(error).__name__)
            except _MalformedError:
                trouble = f"the reply {self._shown(data.decode('utf-8', 'replace'))[:80]!r} is no chat completion"
            pause = max(least, min(self.backoff * 2**attempt * random.uniform(1, 1.25), LONGEST_WAIT))
            if attempt == self.retries or least > LONGEST_WAIT or stop.wait(pause):
                break
        again = f" and asks to wait {least:.0f} seconds" if least > LONGEST_WAIT else ""
        raise MetricError(f"{self.address} gave no answer in {attempt + 1} attempts: {trouble}{again}")

    def _request(self, body: bytes) -> urllib.request.Request:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        return urllib.request.Request(self.address, body, headers)

    def _said_by(self, error: urllib.error.HTTPError) -> str:
        try:
            text = error.read(LARGEST_REPLY).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException, ValueError):
            text = ""
        return f"{self._shown(f'{error.code} {error.reason}')} {self._shown(text)}".strip()

    def _shown(self, text: str) -> str:
        """A foreign text for a message: on one line, short, without the key; masked before it is cut, since half a key
        is one too."""
        start = self._without_key(text)[: 10 * SHOWN]
        return " ".join("".join(letter if letter.isprintable() else " " for letter in start).split())[:SHOWN]

    def _without_key(self, text: str) -> str:
        if not self.key or len(self.key) < SHORTEST_KEY:
            return text
        return text.replace(self.key, "***").replace(self.key.replace("/", "\\/"), "***")  # JSON may escape a slash

    def _key_of(self, messages: Sequence[Message]) -> str:
        """The sha256 of what decides a reply; credentials are refused in the URL, and its query is left out."""
        parts = urlsplit(self.address)
        asked = [f"{parts.scheme}://{parts.hostname}:{parts.port}{parts.path}", self.settings, list(messages)]
        return sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()

    def _kept(self, key: str) -> Reply | None:
        """The reply in the cache; None where there is none, or none that is whole and has a text."""
        try:
            entry = json.loads(self._path(key).read_bytes())
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(entry, dict) or entry.pop("key", None) != key:
            return None
        kinds: dict[str, Any] = {
            "text": str,
            "finish_reason": str | None,
            "prompt_tokens": int,
            "completion_tokens": int,
        }
        if entry.keys() != kinds.keys() or not all(isinstance(entry[name], kind) for name, kind in kinds.items()):
            return None
        return Reply(**entry) if entry["text"].strip() else None

    def _keep(self, key: str, reply: Reply) -> Reply:
        """Keep a reply. Returns the one that is kept: where several processes ask the same at a time, all go by the
        first that came."""
        path, entry = self._path(key), json.dumps({"key": key, **asdict(reply)})
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as folder:  # gone, whatever happens
                part = Path(folder) / path.name
                part.write_text(entry, "ascii")
                with suppress(OSError):  # it is there, or links are not made here
                    path.hardlink_to(part)
                    return reply
                first = self._kept(key)
                if first is None:
                    part.replace(path)
                return first or reply
        except OSError as error:
            raise MetricError(f"replies cannot be kept in {self.cache} ({error.strerror}); set option cache") from None

    def _path(self, key: str) -> Path:
        return self.cache / key[:2] / f"{key}.json"


def default_cache() -> Path:
    """`$XDG_CACHE_HOME/alm-eval/judge`, by default `~/.cache/alm-eval/judge`."""
    folder = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(folder) if Path(folder).is_absolute() else at_home("~/.cache", "cache")) / "alm-eval" / "judge"


def at_home(path: str, option: str) -> Path:
    """A path in which `~` stands for the home folder; a MetricError where there is none, as in some containers."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise MetricError(f"no home folder is known for {path}; write a whole path as option {option}") from None


class _MalformedError(Exception):
    """The endpoint's reply is no chat completion."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Looks at no redirect: not even at where it points, which may be no address at all."""

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> None:
        return None

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _reply(body: bytes) -> Reply:
    try:
        said = json.loads(body)
        choice = said["choices"][0]
        text, reason, usage = choice["message"].get("content"), choice.get("finish_reason"), said.get("usage") or {}
        tokens = [usage.get(f"{part}_tokens") or 0 for part in ("prompt", "completion")]
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        tokens = [None]
    if not all(isinstance(count, int) and 0 <= count < 10**9 for count in tokens) or not isinstance(text, str | None):
        raise _MalformedError
    return Reply(text, reason if isinstance(reason, str) else None, *tokens)


def _seconds_to_wait(said: str | None) -> float:
    """Retry-After: seconds or a date (RFC 9110); 0 where it says nothing that can be read."""
    if not said:
        return 0.0
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(said)
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return max(0.0, (until - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return 0.0

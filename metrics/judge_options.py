"""What the options of a judge may be. No message repeats a value that could be a key, and none gets into a file."""

import json
import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from metrics.base import MetricError
from metrics.endpoint import SHORTEST_KEY

VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")
"""A name as POSIX gives them to environment variables; a key written in its place has other characters."""
KEY = re.compile(
    r"\b(sk-(?=[\w-]*\d)[\w-]{12,}|(hf_|gsk_|r8_|ghp_|xai-|pplx-)[A-Za-z0-9]{20,}|nvapi-[\w-]{20,}|AIza[\w-]{20,}"
    r"|AKIA[A-Z0-9]{12,}|eyJ[\w-]{8,}\.[\w-]+|Bearer\s+\S+)"
)
"""Keys as the usual services write them."""
CREDENTIALS = re.compile(r'"[^"]*(api.?key|secret|passw|authori[sz]ation|(access|auth|bearer).?token)[^"]*":', re.I)
"""The name of a setting of `body` that holds some."""
IN_QUERY = re.compile(r"key|token|secret|sig|pass|auth", re.IGNORECASE)
ELSEWHERE = "leave it out, and put the key into the environment variable that key_variable names"


def check_options(metric: str, said: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Raise a MetricError for the first option that is wrong; those `given` are said by the user."""
    for key, (right, wish) in _checks(said).items():
        if not right:
            hidden = key in ("url", "key_variable") or KEY.search(repr(said[key]))
            raise MetricError(f"metric {metric!r}: option {key!r}{'' if hidden else f' is {said[key]!r}'}; {wish}")
    own = os.environ.get(said["key_variable"] or "", "").strip()
    for key, value in given.items():
        text = json.dumps(value)
        known = len(own) >= SHORTEST_KEY and own in text
        if known or KEY.search(text) or (key == "body" and CREDENTIALS.search(text)):
            raise MetricError(f"metric {metric!r}: option {key!r} holds what looks like a key; {ELSEWHERE}")


def _checks(said: Mapping[str, Any]) -> dict[str, tuple[bool, str]]:
    """Each option: whether it is right, and what to write."""

    def number(key: str, least: float, most: float, kind: Any = int) -> tuple[bool, str]:
        value: Any = said[key]
        right = isinstance(value, int | kind) and not isinstance(value, bool) and least <= value <= most
        return right, f"write a number from {least:g} to {most:g}"

    names = ("model", "rubric", "question", "context", "cache")
    return {
        "url": _url(said["url"]),
        "key_variable": _variable(said["key_variable"]),
        **{key: (said[key] is None or _is_text(said[key]), "write a text on one line") for key in names},
        "unjudged": (said["unjudged"] in ("lowest", "out"), "write lowest or out"),
        "max_tokens": number("max_tokens", 1, 1e6),
        "body": (_is_body(said["body"]), "write a mapping of settings, without model, messages, n and stream"),
        "timeout": number("timeout", 0.01, 1e5, float),
        "retries": number("retries", 0, 100),
        "backoff": number("backoff", 0, 1e3, float),
        "concurrency": number("concurrency", 1, 1000),
    }


def _variable(name: Any) -> tuple[bool, str]:
    right = name is None or name == "" or (isinstance(name, str) and VARIABLE.fullmatch(name) is not None)
    return right, "write the name, in capitals, of the environment variable that holds the key (not the key itself)"


def _is_text(value: Any) -> bool:
    """Whether it can stand in a path and in a signature."""
    return isinstance(value, str) and (value == "" or value.isprintable())


def _is_body(body: Any) -> bool:
    if not isinstance(body, Mapping) or {"model", "messages", "stream", "n"} & body.keys():
        return False
    try:
        json.dumps(body, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _url(url: Any) -> tuple[bool, str]:
    if url is None:
        return True, ""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        right = parts.scheme in ("http", "https") and bool((parts.hostname or "").encode("idna")) and parts.port != 0
    except ValueError:
        right = False
    if not right or not url.isascii() or any(character <= " " for character in url):
        return False, "write http://HOST:PORT/v1 or https://HOST/v1"
    secret = parts.username is not None or any(IN_QUERY.search(key) for key, _ in parse_qsl(parts.query, True))
    return not secret, f"it holds credentials; {ELSEWHERE}"

"""Text as text: what models and users wrote, in forms that have a markup of their own."""

import re
from typing import Any

CONTROL = r"\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"
BIDI = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
UNSEEN = re.compile(rf"[{CONTROL}{BIDI}\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb]")
"""What is not seen, moves the cursor or turns the text around it; not the joiners of Persian, Hindi and emoji."""
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
IN_MARKDOWN = {"&": "&amp;", "<": "&lt;", **{sign: "\\" + sign for sign in "\\|`*~$"}}
AS_MARKUP = re.compile(r"(?<![^\W_])_|_(?![^\W_])|(?<=\])(?=[(\[])")
"""An underscore at the edge of a word, and the place between the two brackets of a link."""
AS_BLOCK = re.compile(r"^(\d{0,9})(?=>|(?:#{1,6}|[+-]|(?<=\d)[.)])(?: |$)|[-= ]+$)")
"""The place before what makes a line a quotation, a heading, an entry of a list or a rule."""
IN_LATEX = {
    **{sign: "\\" + sign for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"{\char34}",
    "`": r"{\char96}",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "≈": r"$\approx$",
    "≠": r"$\neq$",
    "†": r"$\dagger$",
    "–": "--",
    "[": "{[}",
    "*": "{*}",
    "…": r"\dots{}",
    "�": "?",
}


def shown(text: str, longest: int | None = None) -> str:
    """A text on one line, without anything that moves the cursor or turns the direction of reading: control and bidi
    characters stand as ``\\x07``, ``\\u202e``. Of one longer than ``longest`` characters the start, and its length."""
    if longest is not None and len(text) > longest:
        return f"{shown(text[:longest])}… ({len(text):,} characters)"
    return UNSEEN.sub(lambda found: _escape(found[0]), text)


def plain(text: str) -> str:
    """As ``shown``, of a name or a sentence: white space of any kind and length is one blank."""
    return shown(" ".join(text.split()))


def markdown(text: str) -> str:
    """Within a table's cell or a line of Markdown (of GitHub)."""
    escaped = "".join(IN_MARKDOWN.get(sign, sign) for sign in plain(text))
    return AS_BLOCK.sub(r"\1\\", AS_MARKUP.sub(lambda found: "\\" + found[0], escaped))


def latex(text: str) -> str:
    """Within LaTeX, at the beginning of a row too, where brackets and a star would be those of the last one's end.
    Letters beyond Latin are left as they are; XeLaTeX and LuaLaTeX take them."""
    apart = re.sub(r"-(?=-)|'(?=')", lambda found: found[0] + "\0", plain(text))  # else a dash, or a closing quote
    return "".join("{}" if sign == "\0" else IN_LATEX.get(sign, sign) for sign in apart)


def whole(data: Any) -> Any:
    """JSON-able data whose texts, at any depth, can be written as UTF-8: without halves of surrogate pairs."""
    if isinstance(data, str):
        return data.encode("utf-8", "replace").decode()
    if isinstance(data, dict):
        return {whole(key): whole(value) for key, value in data.items()}
    return [whole(value) for value in data] if isinstance(data, list | tuple) else data


def xml(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold; its own five are escaped by who writes it."""
    return NOT_XML.sub("", text)


def _escape(character: str) -> str:
    code = ord(character)
    if character in "\n\t\r":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[character]
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"

"""Text as text: what models and users wrote, in forms that have a markup of their own."""

import re
from typing import Any

HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
"""What is not seen, and what turns the text around it: control and direction characters, halves of surrogate pairs."""
IN_MARKDOWN = {"&": "&amp;", "<": "&lt;", **{sign: "\\" + sign for sign in "\\|`*~$"}}
AS_MARKUP = re.compile(r"(?<![^\W_])_|_(?![^\W_])|(?<=\])(?=[(\[])")
"""An underscore at the edge of a word, and the place between the two brackets of a link."""
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


def plain(text: str) -> str:
    """One line; what is hidden becomes a sign that is seen."""
    return " ".join(HIDDEN.sub("�", text).split())


def markdown(text: str) -> str:
    """Within a table's cell or a line of Markdown (of GitHub)."""
    escaped = "".join(IN_MARKDOWN.get(sign, sign) for sign in plain(text))
    return AS_MARKUP.sub(lambda found: "\\" + found[0], escaped)


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

"""What the mappings of a recipe may hold: fields of a kind, with defaults and bounds."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from datasets_prep.corpus import nearest

NEEDED: Any = object()
"""The default of what must be given."""
KINDS = {str: "a text", float: "a number", int: "a whole number", list: "a list", dict: "a mapping"}


class RecipeError(ValueError):
    """A recipe that stands for no sound; one sentence that says what and what to do."""


@dataclass(frozen=True)
class Field:
    """One key of a mapping."""

    kind: type
    default: Any = NEEDED
    """None: it may be left out."""
    among: Collection[str] = ()
    low: float | None = None
    high: float | None = None
    item: "Field | None" = None
    """Of each entry of a list."""
    fields: Mapping[str, "Field"] | None = None
    """Of a mapping."""


def filled(given: Mapping[Any, Any], fields: Mapping[str, Field], what: str) -> dict[str, Any]:
    """A mapping with its defaults, values of the right kinds. Raises RecipeError."""
    for key in given:
        if key not in fields:
            raise RecipeError(f"{what} has no key '{key}'{nearest(str(key), list(fields))}")
    values = {}
    for key, field in fields.items():
        value = given.get(key, field.default)
        if value is NEEDED:
            raise RecipeError(f"{what} needs '{key}'")
        values[key] = None if value is None and field.default is None else checked(value, field, f"'{key}' of {what}")
    return values


def checked(given: Any, field: Field, what: str) -> Any:
    """A value as its field wants it. Raises RecipeError."""
    whole = isinstance(given, int) and not isinstance(given, bool)
    value: Any = float(given) if field.kind is float and whole else given
    if isinstance(value, bool) or not isinstance(value, field.kind):
        raise RecipeError(f"{what} is {KINDS[field.kind]}, not {value!r}")
    if field.among and value not in field.among:
        raise RecipeError(f"{what} is '{value}', which there is not{nearest(value, list(field.among))}")
    if field.low is not None and field.high is not None and not field.low <= value <= field.high:
        raise RecipeError(f"{what} is {value:g}, not from {field.low:g} to {field.high:g}")
    if isinstance(value, str | list | dict) and not value and field.default is NEEDED:
        raise RecipeError(f"{what} is empty")
    if field.item is not None:
        return [checked(entry, field.item, f"an entry of {what}") for entry in value]
    return filled(value, field.fields, what) if field.fields is not None else value

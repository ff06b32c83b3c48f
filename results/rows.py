"""Rows of any origin: JSON Lines of answers that other harnesses wrote, as rows to score."""

import json
from pathlib import Path
from typing import Any

RESERVED = ("id", "prediction", "reference", "references", "subset", "group")


class RowError(ValueError):
    """A file of answers that cannot be scored; one sentence that names the line."""


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Read ``id``, ``prediction``, ``reference`` or ``references``, optional ``subset`` and ``group``; further keys
    become fields. A prediction or reference that is no text stays as its JSON; ``structured`` says of a row that a
    reference was a list or an object, which only some metrics read. Raises RowError."""
    if not path.is_file():
        raise RowError(f"no file at {path}")
    rows: list[dict[str, Any]] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        row = _row(line, f"{path}, line {number}")
        if row["id"] in seen:
            raise RowError(f"{path}, line {number}: the id '{row['id']}' stands already in line {seen[row['id']]}")
        seen[row["id"]] = number
        rows.append(row)
    if not rows:
        raise RowError(f"{path} holds no row")
    return rows


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line.decode("utf-8-sig"))
    except UnicodeError:
        raise RowError(f"{where}: not UTF-8 text") from None
    except (ValueError, RecursionError) as error:
        raise RowError(f"{where}: not JSON ({str(error).splitlines()[0]})") from None
    if not isinstance(record, dict):
        raise RowError(f"{where}: a row is an object with id, prediction and reference")
    identity, prediction = record.get("id"), record.get("prediction")
    if not isinstance(identity, str | int) or isinstance(identity, bool) or identity == "":
        raise RowError(f"{where}: 'id' must be a text that is not empty")
    if "raw" in record and "prediction" not in record:
        raise RowError(f"{where}: this is a file of a run of ours; 'python -m results rescore RUN' scores it")
    if "prediction" not in record:
        raise RowError(f"{where}: no 'prediction'; the keys are {', '.join(map(str, record))}")
    if prediction is None:
        raise RowError(f"{where}: 'prediction' is null; it is a text (the empty text where there was no answer)")
    if "reference" in record and "references" in record:
        raise RowError(f"{where}: 'reference' and 'references' are both given; keep one")
    references = [record["reference"]] if "reference" in record else record.get("references")
    if not isinstance(references, list) or not references or None in references:
        raise RowError(f"{where}: 'reference' must be a text, or 'references' a list of one or more texts")
    for key in ("subset", "group"):
        if not isinstance(record.get(key), str | int | None):
            raise RowError(f"{where}: '{key}' must be a text")
    return {
        "id": str(identity),
        "subset": None if record.get("subset") is None else str(record["subset"]),
        "group": record.get("group"),
        "references": [_text(reference) for reference in references],
        "structured": any(isinstance(reference, list | dict) for reference in references),
        "fields": {key: value for key, value in record.items() if key not in RESERVED},
        "raw": _text(prediction),
        "status": "ok",
        "flags": ["empty"] if prediction == "" else [],
    }


def _text(value: Any) -> str:
    """Answers that are more than a text (events, scores, entities) as their JSON, which their metrics read."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

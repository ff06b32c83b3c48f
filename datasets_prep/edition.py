"""Which edition of a file a server sends, by what its answers say."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from datasets_prep.record import replace_file

RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


@dataclass(frozen=True)
class Edition:
    """A file as it was when it was asked for."""

    url: str
    etag: str | None = None
    modified: str | None = None
    """Last-Modified, to the letter."""
    size: int | None = None
    """Bytes of the whole file; None: not said."""

    @classmethod
    def of(cls, url: str, status: int, headers: Mapping[str, str]) -> "Edition":
        """What an answer says."""
        length = headers.get("Content-Length", "")
        size = int(length) if status == 200 and length.isdecimal() else range_of(headers)[1]
        return cls(url, headers.get("ETag"), headers.get("Last-Modified"), size)

    @classmethod
    def read(cls, path: Path) -> "Edition | None":
        """None where there is none that can be read."""
        try:
            edition = cls(**json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        texts = (edition.url, edition.etag or "", edition.modified or "")
        whole = all(isinstance(text, str) for text in texts) and isinstance(edition.size, int | None)
        return edition if whole else None

    def write(self, path: Path) -> None:
        replace_file(path, json.dumps(asdict(self), indent=1).encode() + b"\n")

    @property
    def condition(self) -> str | None:
        """If-Range of a request for the rest. A weak ETag (W/) does not vouch for the bytes."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified

    def agrees(self, later: "Edition") -> bool:
        """Whether a later answer may be about the same edition: a server need not heed If-Range."""
        tag, date, size = (self.etag, later.etag), (self.modified, later.modified), (self.size, later.size)
        pairs = (size, date if None in tag else tag)
        return all(None in pair or pair[0] == pair[1] for pair in pairs)


def range_of(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    """First byte, and bytes of the whole file, as Content-Range says them; None for what it does not say."""
    found = RANGE.fullmatch(headers.get("Content-Range", "").strip())
    if not found:
        return None, None
    first, _, size = found.groups()
    return int(first) if first else None, int(size) if size.isdecimal() else None

"""How long a server is put up with."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Patience:
    """Bounds of waiting and asking again; times in seconds."""

    tries: int = 8
    """In a row that bring nothing new."""
    pause: float = 1.0
    """Before the second of them; then twice as long each time."""
    longest_pause: float = 60.0
    longest_wait: float = 900.0
    """That a server may ask for; where one asks for more, the file is given up for now."""
    timeout: float = 60.0
    """Without a byte, or for a connection."""


def seconds_to_wait(said: str | None) -> float:
    """Retry-After: seconds or a date (RFC 9110); 0 where it says nothing that can be read."""
    if not said:
        return 0.0
    if said.strip().isdecimal():
        return float(said)
    try:
        until = parsedate_to_datetime(said)
        until = until if until.tzinfo else until.replace(tzinfo=UTC)
        return max(0.0, (until - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):
        return 0.0

"""Reading what the venue answered: whatever is wrong with an answer is the venue's trouble, typed.

A gateway or a proxy may answer 200 with something else altogether. Whoever cancels, closes or
watches must then ask again, not end.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mm.errors import UNREADABLE, ConfigError, EventError, VenueError
from mm.hyperliquid.errors import UnreadableError

Json = dict[str, Any]  # Any: what the venue answered

SHOWN_CHARS = 100
# First and last byte of a JSON text, white space apart: the cheap half of being one.
_ENDS = {ord("{"): b"}", ord("["): b"]", ord('"'): b'"', ord("n"): b"l", ord("t"): b"e"}
_ENDS[ord("f")] = b"e"
_NUMBER = b"-0123456789"


@contextmanager
def understood(what: str, otherwise: type[VenueError] = UnreadableError) -> Iterator[None]:
    """Read an answer for the length of a `with` block, and do nothing else there.

    Args:
        what: The query or action that was answered.
        otherwise: What is raised; `LostReplyError` where an action was answered, for then nobody
            knows what became of it.

    Raises:
        VenueError: As `otherwise` says: it is not of the form that is read.
    """
    try:
        yield
    except (*UNREADABLE, EventError, ConfigError) as error:
        shown = str(error)[:SHOWN_CHARS]
        raise otherwise(
            f"{what}: not the answer expected: {type(error).__name__}: {shown}"
        ) from error


def rows_of(body: bytes) -> list[Json]:
    """The rows of a list, for use inside `understood`: an object is no empty list."""
    rows = json.loads(body)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise TypeError("expected a list of objects")
    return rows


def looks_like_json(body: bytes) -> bool:
    """Whether a body begins and ends as a JSON text does: no page of HTML, nothing cut off."""
    text = body.strip(b" \t\r\n")
    if not text:
        return False
    if text[0] in _NUMBER:
        return text[-1] in _NUMBER
    end = _ENDS.get(text[0])
    return end is not None and text.endswith(end) and len(text) > 1

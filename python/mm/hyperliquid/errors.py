"""What can go wrong on the way to the venue and back."""

from __future__ import annotations

from mm.errors import RejectedError, VenueError

HTTP_OK = 200
HTTP_TOO_MANY_REQUESTS = 429


class UnreachableError(VenueError):
    """No connection: nothing was sent."""


class LostReplyError(VenueError):
    """Sent, but no answer came: what became of it is unknown until queried."""


class UnreadableError(VenueError):
    """An answer came and is not of the form that it should have: it tells nothing."""


class HttpStatusError(RejectedError):
    """The venue answered with an HTTP error.

    Attributes:
        status: HTTP status; `None` where none is known.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

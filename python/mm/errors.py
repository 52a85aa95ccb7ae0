"""Errors that mm raises. Each maker of errors adds its own; `mm.exits` gives each an exit code."""

from mm._core import ConfigError, EventError, MmError

__all__ = [
    "UNREADABLE",
    "CheckFailed",
    "ConfigError",
    "EventError",
    "InvariantError",
    "MmError",
    "RateLimitedError",
    "RejectedError",
    "RiskStop",
    "StateError",
    "VenueError",
]

UNREADABLE = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What reading JSON of another form than expected may raise: for the only `except` around that."""


class VenueError(MmError):
    """The venue, the network or a port did not do what was needed."""


class RejectedError(VenueError):
    """The venue answered and refused."""


class RateLimitedError(VenueError):
    """The venue asked for fewer requests."""


class StateError(MmError):
    """A state directory cannot be used: held by another process, or unreadable."""


class CheckFailed(MmError):
    """Something was compared or checked, and differs."""


class RiskStop(MmError):
    """A risk limit stopped the maker."""


class InvariantError(MmError):
    """A rule that must always hold was broken: a bug."""

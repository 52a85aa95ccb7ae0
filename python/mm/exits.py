"""What a process of `mm` ends with: the only table of exit codes."""

from enum import IntEnum

from mm.errors import (
    CheckFailed,
    ConfigError,
    EventError,
    InvariantError,
    MmError,
    RiskStop,
    StateError,
    VenueError,
)


class Exit(IntEnum):
    """Exit codes of every command."""

    DONE = 0
    """Done; also Ctrl-C after an orderly stop."""
    DIFFERENCE = 1
    """A comparison differs or a check failed (replay, parity, chaos, doctor)."""
    USAGE = 2
    """Usage, configuration or input data."""
    VENUE = 3
    """Venue, network or port."""
    RISK = 4
    """Stopped by a risk limit."""
    INVARIANT = 5
    """An invariant was broken, or the core panicked."""
    INTERRUPTED = 130
    """A signal came before there was anything to stop in order (128 + SIGINT, as shells say)."""


_BY_ERROR: tuple[tuple[type[MmError], Exit], ...] = (
    (CheckFailed, Exit.DIFFERENCE),
    (RiskStop, Exit.RISK),
    (InvariantError, Exit.INVARIANT),
    (VenueError, Exit.VENUE),
    (ConfigError, Exit.USAGE),
    (EventError, Exit.USAGE),
    (StateError, Exit.USAGE),
)


def exit_of(error: BaseException) -> Exit:
    """The exit code that an error which reached the edge of the process stands for.

    Args:
        error: Anything caught at the edge. A Rust panic is a `BaseException` of PyO3's.

    Returns:
        The code of RUNTIME's table; what nobody foresaw is a broken invariant.
    """
    if isinstance(error, KeyboardInterrupt):
        return Exit.INTERRUPTED
    for kind, code in _BY_ERROR:
        if isinstance(error, kind):
            return code
    if isinstance(error, OSError):
        return Exit.VENUE if isinstance(error, ConnectionError) else Exit.USAGE
    return Exit.INVARIANT

"""Log lines: text on a terminal, JSON everywhere else; no secret in either.

Event names are snake_case (`order_placed`), values are fields with the unit in the key. Standard
output is never written to: it belongs to results.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, TextIO

import structlog
from pydantic import SecretBytes, SecretStr

from mm.errors import ConfigError

Level = Literal["debug", "info", "warning", "error"]
Fields = MutableMapping[str, Any]  # Any: whatever a caller logs

HIDDEN = "**********"
_SECRET_KEY = re.compile(
    r"(?i)(secret|private|passw|passphrase|mnemonic|seed_phrase|api_?key|agent_?key|token)"
)
_known: set[str] = set()


def hide(secret: str) -> None:
    """Blank this text in every later line, wherever it stands, with and without its 0x."""
    if bare := secret.removeprefix("0x"):
        _known.add(bare)


@contextmanager
def writing(level: Level, file: Path | None = None, screen: TextIO | None = None) -> Iterator[None]:
    """Log for the length of a `with` block; after it, to the screen alone.

    Args:
        level: The least severe line that is written.
        file: Also append JSON lines here.
        screen: Instead of standard error.

    Raises:
        ConfigError: The file cannot be written.
    """
    stream = screen or sys.stderr
    on_screen = _Sink(stream, text=stream.isatty())
    if file is None:
        _configure(level, [on_screen])
        yield
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        opened = file.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise ConfigError(f"log_file = {file}: cannot be written: {error.strerror}") from error
    _configure(level, [on_screen, _Sink(opened, text=False)])
    try:
        yield
    finally:
        _configure(level, [on_screen])
        with suppress(OSError):
            opened.close()


def _configure(level: Level, sinks: list["_Sink"]) -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.format_exc_info,
            redact,
            _hand_over,
        ],
        logger_factory=lambda *_: _Writer(sinks),
        cache_logger_on_first_use=False,
    )


def redact(_logger: object, _method: str, fields: Fields) -> Fields:
    """The same fields without secrets: by type, by key, and by every text given to `hide`."""
    return {key: _clean(key, value) for key, value in fields.items()}


def _clean(key: str, value: object) -> object:
    if isinstance(value, SecretStr | SecretBytes) or _SECRET_KEY.search(key):
        return HIDDEN
    if isinstance(value, Mapping):
        return {str(name): _clean(str(name), inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", inner) for inner in value]
    if isinstance(value, str):
        return _blank(value)
    if isinstance(value, int | float | None):
        return value
    return _blank(str(value))


def _blank(text: str) -> str:
    for secret in _known:
        text = text.replace(secret, HIDDEN)
    return text


class _Sink:
    """One stream and how lines look there."""

    def __init__(self, stream: TextIO, *, text: bool) -> None:
        self._stream = stream
        self._console = structlog.dev.ConsoleRenderer(colors=True) if text else None
        self._closed = False

    def write(self, fields: Fields) -> None:
        if self._console is None:
            line = json.dumps(fields, default=str, ensure_ascii=False)
        else:
            shown = {**fields, "timestamp": str(fields["time"])[11:23]}
            del shown["time"]
            # A status line may stand open on the terminal: the log line takes its place.
            line = f"\r\x1b[K{self._console(None, '', shown)}"
        if self._closed or self._stream.closed:
            return
        try:
            self._stream.write(f"{line}\n")
        except OSError:
            # A full disk or a reader that went away: what is logged about is worth more than that.
            self._closed = True


class _Writer:
    """What structlog calls at the end: every severity goes to every sink."""

    def __init__(self, sinks: list[_Sink]) -> None:
        self._sinks = sinks

    def _write(self, **fields: object) -> None:
        for sink in self._sinks:
            sink.write(fields)

    debug = info = warning = error = critical = exception = _write


def _hand_over(_logger: object, _method: str, fields: Fields) -> tuple[tuple[()], Fields]:
    return (), fields

"""Where a running maker answers questions: a unix socket in its account's state directory.

One request, one answer, one JSON line each; then the connection is closed:

    {"ask": "status"}                      {"answer": {...}}
    {"ask": "kill", "why": "fat finger"}   {"answer": {...}}
    {"ask": "reconcile"}                   {"answer": {...}}
    {"ask": "lunch"}                       {"error": "..."}

Only the owner of the state directory can connect (mode 0600), and an answer proves that the event
loop which steps the engine is alive.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

from mm.errors import CheckFailed, MmError, StateError

log = structlog.get_logger(__name__)

Json = dict[str, Any]  # Any: whatever JSON holds
Answer = Callable[[Json], Awaitable[Json]]

FILE = "control.sock"
# Wall seconds for a request to be whole, for an answer to be made, and for it to be waited for.
REQUEST_S = 5.0
ANSWER_S = 10.0
PATIENCE_S = 12.0
LINE_BYTES = 64 * 1024
# Bytes of a unix socket's address on every system we know, and the end-of-string.
ADDRESS_BYTES = 103


class NobodyAnswersError(CheckFailed):
    """No maker runs for the account, or it does not answer."""


class ControlSocket:
    """Serves while its `async with` block runs."""

    def __init__(self, directory: Path) -> None:
        """Answer in the state directory that this process holds."""
        self._path = directory / FILE
        self._answers: dict[str, Answer] = {}
        self._server: asyncio.Server | None = None

    def on(self, ask: str, answer: Answer) -> None:
        """Answer requests `ask` with what `answer` makes of them; its `MmError` is told as such."""
        self._answers[ask] = answer

    async def __aenter__(self) -> ControlSocket:
        """Begin to listen; a socket that a killed process left behind is replaced."""
        self._server = await asyncio.start_unix_server(
            self._serve, sock=_listening(self._path), limit=LINE_BYTES
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening and take the socket away."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client that went away, or never says anything, is nobody's concern.
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(REQUEST_S):
                line = await self._line(reader)
            reply = await self._reply(line)
            writer.write(json.dumps(reply).encode() + b"\n")
            async with asyncio.timeout(REQUEST_S):
                await writer.drain()
        with suppress(OSError):
            writer.close()

    @staticmethod
    async def _line(reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.readline()
        except ValueError:
            # Longer than a request may be: what there is of it is none.
            return b""

    async def _reply(self, line: bytes) -> Json:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError) as error:
            return {"error": f"not a request: {error}"}
        ask = request.get("ask") if isinstance(request, dict) else None
        if not isinstance(ask, str) or ask not in self._answers:
            return {"error": f"ask was {ask!r}, expected one of {', '.join(sorted(self._answers))}"}
        try:
            async with asyncio.timeout(ANSWER_S):
                return {"answer": await self._answers[ask](request)}
        except TimeoutError:
            return {"error": f"no answer to {ask} within {ANSWER_S:g} s"}
        except MmError as error:
            return {"error": str(error)}


def ask_running(directory: Path, request: Json, timeout_s: float = PATIENCE_S) -> Json:
    """Ask the maker that runs for an account.

    Args:
        directory: The account's state directory.
        request: With `ask`.
        timeout_s: Longest wait for the answer, wall seconds.

    Raises:
        NobodyAnswersError: None runs, or it does not answer in time.
        StateError: It answered that it cannot.
    """
    path = directory / FILE
    line = b""
    try:
        with address(path) as name, socket.socket(socket.AF_UNIX) as client:
            client.settimeout(timeout_s)
            client.connect(name)
            client.sendall(json.dumps(request).encode() + b"\n")
            while not line.endswith(b"\n") and (part := client.recv(LINE_BYTES)):
                line += part
        reply = json.loads(line)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NobodyAnswersError(f"no maker runs for {directory}") from None
    except TimeoutError:
        raise NobodyAnswersError(
            f"the maker at {directory} did not answer within {timeout_s:g} s"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise NobodyAnswersError(f"the maker at {directory} broke off: {error}") from error
    if not isinstance(reply, dict) or not (
        "error" in reply or isinstance(reply.get("answer"), dict)
    ):
        raise NobodyAnswersError(f"the maker at {directory} said nothing of use: {str(reply)[:80]}")
    if "error" in reply:
        raise StateError(str(reply["error"]))
    answer: Json = reply["answer"]
    return answer


def _listening(path: Path) -> socket.socket:
    """A socket at `path`, its owner's alone.

    Raises:
        StateError: It cannot be made there.
    """
    server = socket.socket(socket.AF_UNIX)
    try:
        path.unlink(missing_ok=True)
        with address(path) as name:
            server.bind(name)
        path.chmod(0o600)
        server.listen()
    except OSError as error:
        server.close()
        raise StateError(f"{path}: cannot listen there: {error.strerror or error}") from error
    return server


@contextmanager
def address(path: Path) -> Iterator[str]:
    """The address of a socket: its path, or a shorter way to the same place.

    Raises:
        OSError: The path is longer than an address may be, and there is no shorter way.
    """
    if len(os.fsencode(path)) <= ADDRESS_BYTES:
        yield str(path)
        return
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        short = Path(f"/proc/self/fd/{directory}")
        if not short.exists():
            raise OSError(
                f"the path is longer than {ADDRESS_BYTES} bytes: choose a shorter MM_STATE_DIR"
            )
        yield f"{short}/{path.name}"
    finally:
        os.close(directory)

"""The run's event log: every event in, every action out, as zstd-compressed JSON lines.

The session writes what the engine logged before it sends anything, so a crash can lose the last
moment of the log but never leave an action that the log does not explain.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import zstandard

from mm.errors import StateError

LEVEL = 3


class Recorder:
    """Appends lines; flushed and synced on their own beats, and at the end."""

    def __init__(self, path: Path, *, flush_s: float, sync_s: float) -> None:
        """Create the file; an existing one is an error, for a log is never overwritten.

        Args:
            path: Of the log, ending in `.jsonl.zst`.
            flush_s: Wall seconds between hand-overs to the operating system.
            sync_s: Wall seconds between writes to the disk.

        Raises:
            FileExistsError: There is one already.
        """
        self._file = path.open("xb")
        self._stream = zstandard.ZstdCompressor(level=LEVEL).stream_writer(
            self._file, closefd=False
        )
        self._flush_s = flush_s
        self._sync_s = sync_s
        self._pending: list[bytes] = []
        self.lines = 0

    def write(self, lines: bytes) -> None:
        """Append whole lines, each with its line feed."""
        if lines:
            self._pending.append(lines)
            self.lines += lines.count(b"\n")

    async def run(self) -> None:
        """Flush and sync until cancelled. Syncing waits for the disk in a thread of its own."""
        loop = asyncio.get_running_loop()
        synced = loop.time()
        while True:
            await asyncio.sleep(self._flush_s)
            self.flush()
            if loop.time() - synced >= self._sync_s:
                await asyncio.to_thread(os.fsync, self._file.fileno())
                synced = loop.time()

    def flush(self) -> None:
        """Hand everything written so far to the operating system.

        Raises:
            StateError: It takes no more, such as when the disk is full.
        """
        if not self._pending:
            return
        try:
            self._stream.write(b"".join(self._pending))
            self._pending.clear()
            self._stream.flush(zstandard.FLUSH_BLOCK)
            self._file.flush()
        except OSError as error:
            raise StateError(f"{self._file.name}: cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Flush, end the compressed frame, sync and close. Closing twice does nothing."""
        if self._file.closed:
            return
        self.flush()
        try:
            self._stream.flush(zstandard.FLUSH_FRAME)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise StateError(f"{self._file.name}: cannot be written: {error.strerror}") from error


def read_lines(path: Path) -> tuple[bytes, bool]:
    """Read a log up to its last whole line.

    Args:
        path: Of the log.

    Returns:
        The whole lines, and whether the log breaks off: its run is still going, or was killed.
    """
    reader = zstandard.ZstdDecompressor().decompressobj()
    text = reader.decompress(path.read_bytes())
    whole = text.rfind(b"\n") + 1
    return text[:whole], not reader.eof or whole < len(text)

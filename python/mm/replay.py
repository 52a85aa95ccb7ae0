"""A run's event log, read for a replay."""

from pathlib import Path

import zstandard

from mm.errors import EventError

LOG = "events.jsonl.zst"


def read_run(run: Path) -> tuple[Path, bytes]:
    """Read a log, compressed or plain, up to where it breaks off.

    Args:
        run: The directory of a run, or the log itself.

    Returns:
        Path of the log, and its bytes.

    Raises:
        EventError: It cannot be read; with its path.
    """
    path = run / LOG if run.is_dir() else run
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EventError(f"{path}: {error.strerror}") from error
    if path.suffix != ".zst":
        return path, data
    try:
        # A log of a killed run ends in the middle of a frame: what is there is read.
        return path, zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(
            data
        )
    except zstandard.ZstdError as error:
        raise EventError(f"{path}: not zstd data: {error}") from error

"""A run's event log, read for a replay."""

from pathlib import Path

import zstandard

from mm.errors import ConfigError, EventError

LOG = "events.jsonl.zst"


def logs(run: Path, coin: str | None = None) -> list[Path]:
    """The event logs of a run: one, or one a coin.

    Args:
        run: Its directory, or a log itself.
        coin: Of this coin alone.

    Raises:
        ConfigError: There is none, or none of this coin.
    """
    if not run.is_dir() or (run / LOG).exists():
        return [run]
    found = {path.parent.name: path.parent for path in sorted(run.glob(f"*/{LOG}"))}
    if not found:
        raise ConfigError(f"{run}: no event log there")
    if coin is None:
        return list(found.values())
    if (name := coin.replace(":", "-")) not in found:
        raise ConfigError(f"--coin was {coin!r}, expected one of {', '.join(found)} of {run}")
    return [found[name]]


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

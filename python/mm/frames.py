"""Recordings on disk: raw websocket frames, `<receive ns> <frame JSON>` a line, zstd or plain.

Beside `NAME.frames.zst` stands `NAME.meta.json`, where `mm record` wrote it: the coin as the venue
listed it, in the form of a `meta` answer.
"""

import json
from pathlib import Path

import zstandard

from mm._core import Instrument
from mm.errors import UNREADABLE, ConfigError, EventError


def read_frames(path: Path) -> bytes:
    """Read a recording whole, decompressed.

    Args:
        path: A file; `.zst` is decompressed.

    Returns:
        Its lines.

    Raises:
        EventError: The file cannot be read, or is cut off: with the first line not whole.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EventError(f"{path}: {error.strerror}") from error
    return _decompress(path, data) if path.suffix == ".zst" else data


def _decompress(path: Path, data: bytes) -> bytes:
    """Decompress every zstd frame of a file, one after the other."""
    parts: list[bytes] = []
    while data:
        reader = zstandard.ZstdDecompressor().decompressobj()
        try:
            parts.append(reader.decompress(data))
        except zstandard.ZstdError as error:
            raise EventError(_broken(path, parts, f"not zstd data: {error}")) from error
        if not reader.eof:
            raise EventError(_broken(path, parts, "the file is cut off"))
        data = reader.unused_data
    return b"".join(parts)


def _broken(path: Path, parts: list[bytes], what: str) -> str:
    line = sum(part.count(b"\n") for part in parts) + 1
    return f"{path}: line {line}: {what}"


def listing_path(path: Path) -> Path:
    """Where the listing of a recording is, if there is one."""
    return path.with_name(f"{path.name.split('.')[0]}.meta.json")


def listing_beside(path: Path) -> Instrument | None:
    """The perp that a recording is of, as its venue listed it; `None`: nobody wrote that down.

    Args:
        path: Of the recording.

    Raises:
        EventError: The listing beside it cannot be read.
    """
    beside = listing_path(path)
    try:
        meta = beside.read_bytes()
        coin = str(json.loads(meta)["universe"][0]["name"])
        return Instrument.from_meta(meta, coin)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EventError(f"{beside}: {error.strerror}") from error
    except (*UNREADABLE, ConfigError, EventError) as error:
        raise EventError(f"{beside}: expected the listing of one perp: {error}") from error

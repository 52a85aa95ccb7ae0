"""Recordings on disk: raw websocket frames, `<receive ns> <frame JSON>` a line, zstd or plain."""

from pathlib import Path

import zstandard

from mm.errors import EventError


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

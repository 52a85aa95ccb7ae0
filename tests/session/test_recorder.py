"""The event log: whole lines survive whatever happens to the process."""

import asyncio
import contextlib
import os
from pathlib import Path

import pytest

from mm.errors import StateError
from mm.recorder import Recorder, read_lines


def recorder(path: Path) -> Recorder:
    return Recorder(path, flush_s=0.01, sync_s=0.02)


def test_what_was_flushed_can_be_read_while_the_log_is_open(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl.zst"
    log = recorder(path)
    log.write(b'{"a":1}\n{"b":2}\n')
    log.flush()
    log.write(b'{"c":3}\n')
    assert read_lines(path) == (b'{"a":1}\n{"b":2}\n', True)
    log.close()
    log.close()
    assert read_lines(path) == (b'{"a":1}\n{"b":2}\n{"c":3}\n', False)
    assert log.lines == 3


def test_a_truncated_tail_is_read_up_to_the_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl.zst"
    log = recorder(path)
    log.write(b'{"a":1}\n')
    log.flush()
    log.write(b'{"b":"' + bytes(range(65, 91)) * 40)
    log.close()
    assert read_lines(path) == (b'{"a":1}\n', True)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert read_lines(path) == (b'{"a":1}\n', True)


def test_a_log_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl.zst"
    recorder(path).close()
    with pytest.raises(FileExistsError):
        recorder(path)


async def test_it_flushes_and_syncs_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl.zst"
    log = recorder(path)
    task = asyncio.create_task(log.run())
    log.write(b"{}\n")
    await asyncio.sleep(0.08)
    assert read_lines(path) == (b"{}\n", True)
    task.cancel()
    log.close()


def test_a_full_disk_is_named_with_the_file(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "a.jsonl.zst", flush_s=1, sync_s=1)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, recorder._file.fileno())
    recorder.write(b"{}\n")
    with pytest.raises(StateError, match=r"a\.jsonl\.zst: cannot be written: No space left"):
        recorder.flush()
    with pytest.raises(StateError, match="No space left"):
        recorder.close()
    with contextlib.suppress(OSError):
        recorder._file.close()

"""Logging: JSON in files, nothing on standard output, no secret anywhere."""

import io
import json
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr

from mm import log
from mm.errors import ConfigError

SECRET = "0x" + "5e" * 32


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_file_has_one_json_object_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    screen, file = Terminal(), tmp_path / "logs" / "mm.jsonl"
    logger = structlog.get_logger()
    with log.writing("info", file, screen):
        logger.debug("not_written")
        logger.info("order_placed", px_usd="98765.5", levels=[1, 2], reason=None)
        try:
            raise KeyError("x")
        except KeyError:
            logger.exception("frame_refused")
    logger.info("after_the_end")
    first, second = [json.loads(line) for line in file.read_text().splitlines()]
    assert first["event"] == "order_placed"
    assert first["level"] == "info"
    assert (first["px_usd"], first["levels"], first["reason"]) == ("98765.5", [1, 2], None)
    assert "KeyError" in second["exception"]
    assert "order_placed" in screen.getvalue()
    assert "after_the_end" in screen.getvalue()
    assert screen.getvalue().startswith("\r\x1b[K"), "a status line is written over, not added to"
    assert capsys.readouterr().out == ""


def test_a_full_disk_stops_the_log_and_nothing_else() -> None:
    with log.writing("info", Path("/dev/full"), screen := io.StringIO()):
        for number in range(3):
            structlog.get_logger().info("said", number=number)
    assert screen.getvalue().count("said") == 3


def test_standard_error_that_is_no_terminal_gets_json() -> None:
    screen = io.StringIO()
    with log.writing("warning", None, screen):
        structlog.get_logger().warning("book_stale", age_s=2.5)
    assert json.loads(screen.getvalue())["age_s"] == 2.5


@pytest.mark.parametrize(
    "fields",
    [
        {"secret_key": SECRET},
        {"privateKey": SECRET},
        {"value": SecretStr(SECRET)},
        {"inner": {"agent_key": SECRET, "list": [{"password": SECRET}]}},
        {"error": f"bad key {SECRET}: off the curve"},
        {"error": ValueError(f"no key {SECRET.removeprefix('0x')}")},
        {"texts": [f"a {SECRET}"]},
    ],
)
def test_no_secret_reaches_a_line(tmp_path: Path, fields: dict[str, object]) -> None:
    log.hide(SECRET)
    screen, file = Terminal(), tmp_path / "mm.jsonl"
    with log.writing("debug", file, screen):
        structlog.get_logger().info("key_loaded", **fields)
    for text in (file.read_text(), screen.getvalue()):
        assert SECRET.removeprefix("0x") not in text
        assert log.HIDDEN in text


def test_log_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"), log.writing("info", tmp_path):
        pass


def test_a_screen_that_was_closed_loses_lines_and_nothing_else() -> None:
    screen = io.StringIO()
    with log.writing("info", screen=screen):
        screen.close()
        structlog.get_logger().info("said")

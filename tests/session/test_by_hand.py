"""What an operator does by hand after a maker died: look, cancel, close. Real processes."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from maker_process import Maker, exchange, has_quoted, wait_for
from mm.cli import run
from mm.errors import StateError, VenueError
from watched import bid_by_hand, position, resting

pytestmark = pytest.mark.wire


@pytest.fixture
def left(tmp_path: Path) -> Iterator[None]:
    """A paper exchange with the orders and the position of a maker that was killed."""
    config = tmp_path / "mm.toml"
    config.write_text('[process]\nwatchdog = "off"\n')
    maker = Maker("--coin", "BTC", "--speed", "60", "--seed", "7", "--config", str(config))
    try:
        wait_for(lambda: has_quoted(8) and position() != 0 and len(resting()) > 0, maker)
        with pytest.raises(StateError, match="held by another mm"):
            run(["cancel-all", "--yes"])
        maker.kill()
        yield
    finally:
        maker.kill()
        os.kill(exchange()["pid"], signal.SIGKILL)


def test_what_a_dead_maker_left_is_seen_cancelled_and_closed(
    left: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", "--json"]) == 0
    found = {row["name"]: row for row in json.loads(capsys.readouterr().out)["findings"]}
    assert {row["grade"] for row in found.values()} <= {"ok", "warn"}
    assert "requests left" in found["requests"]["text"]
    run(["cancel-all", "--yes"])
    assert "verified: nothing rests for BTC" in capsys.readouterr().out
    assert resting() == []
    bid_by_hand()
    run(["flatten", "--yes"])
    said = capsys.readouterr().out
    assert "BTC; 1 orders rest" in said
    assert "bps (" in said
    assert "verified: nothing rests and nothing is held" in said
    assert position() == 0
    assert resting() == [], "an operator's flatten takes what was placed by hand too"
    run(["flatten", "--yes"])
    assert "no position in BTC; 0 orders rest" in capsys.readouterr().out


def test_without_an_exchange_there_is_nothing_to_do() -> None:
    for command in ("cancel-all", "flatten"):
        with pytest.raises(VenueError, match="nothing rests, nothing is held"):
            run([command, "--yes"])
    with pytest.raises(VenueError, match="no paper exchange lives"):
        run(["doctor"])

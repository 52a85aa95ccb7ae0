"""What an operator does by hand after a maker died: look, cancel, close. Real processes."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from maker_process import Maker, exchange, has_quoted, runs, wait_for
from mm.cli import run
from mm.errors import StateError, VenueError
from watched import bid_by_hand, buy_by_hand, position, resting, stops

pytestmark = pytest.mark.wire


@pytest.fixture
def left(tmp_path: Path) -> Iterator[None]:
    """A paper exchange with the orders and the position of a maker that was killed."""
    config = tmp_path / "mm.toml"
    config.write_text('[process]\nwatchdog = "off"\n')
    options = ("--coin", "BTC", "--speed", "60", "--seed", "7", "--config", str(config))
    first = Maker(*options)
    try:
        wait_for(has_quoted, first)
    finally:
        first.kill()
    # The market goes on: what rests must not close the position before an operator looks.
    buy_by_hand("0.04")
    maker = Maker(*options)
    try:
        wait_for(lambda: len(runs()) == 2 and has_quoted(8) and is_held(), maker)
        with pytest.raises(StateError, match="held by another mm"):
            run(["cancel-all", "--yes"])
        maker.kill()
        yield
    finally:
        maker.kill()
        os.kill(exchange()["pid"], signal.SIGKILL)


def is_held() -> bool:
    """Whether more is held than all that rests could close, with its stop."""
    # Each look weighs 42 of the 1,200 that an address has in a minute of the exchange.
    time.sleep(0.1)
    rests = sum(float(row["sz"]) for row in resting())
    return bool(stops()) and 0 < rests < position()


def test_what_a_dead_maker_left_is_seen_cancelled_and_closed(
    left: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["doctor", "--json"]) == 0
    found = {row["name"]: row for row in json.loads(capsys.readouterr().out)["findings"]}
    assert {row["grade"] for row in found.values()} <= {"ok", "warn"}
    assert "requests left" in found["requests"]["text"]
    run(["cancel-all", "--yes"])
    said, kept = capsys.readouterr().out, stops()
    assert "verified: nothing but that rests for BTC" in said
    assert resting() == []
    assert [f"stays: the stop at {row['triggerPx']}" in said for row in kept] == [True] * len(kept)
    # One, or two where the kill came between the new one and the end of the old one.
    assert len(kept) in {1, 2}
    bid_by_hand()
    run(["flatten", "--yes"])
    said = capsys.readouterr().out
    assert f"BTC; {1 + len(kept)} orders rest" in said
    assert "bps (" in said
    assert "verified: nothing rests and nothing is held" in said
    assert position() == 0
    assert resting() == [], "an operator's flatten takes what was placed by hand too"
    assert stops() == [], "nothing is held any more"
    run(["flatten", "--yes"])
    assert "no position in BTC; 0 orders rest" in capsys.readouterr().out


def test_the_stop_of_a_position_goes_when_the_operator_says_so(
    left: None, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["cancel-all", "--yes", "--stop-too"])
    said = capsys.readouterr().out
    assert "verified: nothing rests for BTC" in said
    assert "stays" not in said
    assert (resting(), stops()) == ([], [])
    assert position() != 0


def test_without_an_exchange_there_is_nothing_to_do() -> None:
    for command in ("cancel-all", "flatten"):
        with pytest.raises(VenueError, match="nothing of it rests or is held"):
            run([command, "--yes"])
    with pytest.raises(VenueError, match="no paper exchange lives"):
        run(["doctor"])

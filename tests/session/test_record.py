"""`mm record`: what it writes is what the backtest reads."""

from pathlib import Path

import pytest

from mm.cli import run
from mm.errors import ConfigError, VenueError
from mm.frames import read_frames
from paper_process import serving

pytestmark = pytest.mark.wire


def test_a_recording_of_a_live_market_is_a_market_to_trade_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "recordings"
    with serving(tmp_path, "--speed", "60", "--seed", "7") as served:
        at = ["--base-url", served.url, "--out", str(out)]
        run(["record", "--coin", "BTC", "--duration", "3", *at])
        assert "BTC.frames.zst: " in capsys.readouterr().out
        with pytest.raises(ConfigError, match="never overwritten"):
            run(["record", "--coin", "BTC", *at])
        with pytest.raises(ConfigError, match="coin BTCC is unknown"):
            run(["record", "--coin", "BTCC", *at])
    lines = read_frames(out / "BTC.frames.zst").splitlines()
    channels = {line.split(b'"channel":"')[1].split(b'"')[0] for line in lines}
    assert channels >= {b"l2Book", b"bbo", b"trades", b"activeAssetCtx"}
    stamps = [int(line.split(b" ", 1)[0]) for line in lines]
    assert stamps == sorted(stamps)
    run(["backtest", str(out / "BTC.frames.zst"), "--json"])
    assert '"quote_cycles"' in capsys.readouterr().out


def test_a_venue_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(VenueError, match="no connection"):
        run(["record", "--coin", "BTC", "--base-url", "http://127.0.0.1:9", "--out", str(tmp_path)])

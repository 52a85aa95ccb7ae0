"""The most a half-spread may be, from the key in the user's configuration to the price sent."""

from pathlib import Path

import pytest
import zstandard

from engine_desk import EngineDesk
from mm import explain


def depths_bps(desk: EngineDesk, side: str) -> list[float]:
    """Of what was sent last, from the mid."""
    outward = 1 if side == "Ask" else -1
    orders = {order["cloid"]: order for order in desk.orders(side)}.values()
    return [outward * (order["px"] / 10 / desk.mid - 1) * 1e4 for order in orders]


@pytest.mark.parametrize(("most_bps", "levels"), [(100.0, 5), (10.0, 1), (12.0, 2)])
def test_no_level_is_sent_wider_than_the_cap(most_bps: float, levels: int, tmp_path: Path) -> None:
    """Ten bps asked of the first level and 1/k = 1.43 bps more of each behind it."""
    settings = {
        "quoting.strategy": "symmetric",
        "quoting.half_spread_bps": 10.0,
        "quoting.half_spread_max_bps": most_bps,
    }
    desk = EngineDesk(settings).open()
    for side in ("Bid", "Ask"):
        sent = depths_bps(desk, side)
        assert max(sent) <= min(most_bps, 10.0 + 4 / 0.7) + 0.2
        assert len({round(depth, 1) for depth in sent}) >= levels
    (tmp_path / "events.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(desk.journal))
    shown = explain.quotes(explain.stand(tmp_path, None))
    for side in ("bid", "ask"):
        assert len(shown[side]["orders"]) >= levels
        for order in shown[side]["orders"]:
            half = order["half_spread"]
            assert abs(half["sum_bps"] - half["half_spread_bps"]) < 0.01


def test_what_the_cap_took_is_a_term_that_explain_shows(tmp_path: Path) -> None:
    """A jump asks for a premium of 5 bps; 2 of them pass, and the price says so."""
    settings = {
        "quoting.strategy": "symmetric",
        "quoting.half_spread_bps": 10.0,
        "quoting.half_spread_max_bps": 12.0,
        "quoting.levels": 1,
    }
    desk = EngineDesk(settings).open()
    desk.after(5.0)
    desk.bbo(mid=desk.mid + 400.0)
    desk.after(1.0)
    trace = desk.snapshot()["trace"][0]
    assert trace["premium_bps"] == pytest.approx(5.0)
    assert trace["cap_bps"] == pytest.approx(-3.0)
    assert depths_bps(desk, "Bid")[-1] == pytest.approx(12.0, abs=0.3)
    (tmp_path / "events.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(desk.journal))
    shown = explain.quotes(explain.stand(tmp_path, None))
    assert "cap_bps -3.0000" in "\n".join(explain.text_of_quotes(shown))

"""The edge that is measured, and who stands back for it: screens, status and metrics."""

from typing import Any

import pytest

from engine_desk import EngineDesk
from mm import edge_shown, status
from mm.config import load
from mm.terminal import Quoted, coin_lines, status_line

Json = dict[str, Any]


def told(no_edge: str, buyers: int) -> EngineDesk:
    desk = EngineDesk({"models.no_edge": no_edge, "control.widen_term_bps": 0.0}).open()
    desk.informed(buyers)
    return desk


def shown(desk: EngineDesk) -> Json:
    return edge_shown.as_json(desk.snapshot()["models"])


def test_nothing_is_said_before_enough_came() -> None:
    text = edge_shown.text(shown(told("quote", 4)))
    assert text == "not known yet: 4 takers apart were seen, 10 a side are the least"


@pytest.mark.parametrize("no_edge", ["quote", "stand_back"])
def test_who_stands_back_says_so_everywhere(no_edge: str) -> None:
    """Buyers know of 20 bps: our asks lose as far as they came, whatever is configured."""
    desk = told(no_edge, 14)
    snapshot, back = desk.snapshot(), no_edge == "stand_back"
    asks = shown(desk)["ask"]
    assert asks["loses_bps"][0] == 0.0
    assert asks["pays_bps"] is None
    at_5 = next(one for one in asks["depths"] if one["depth_bps"] == 5.0)
    assert at_5["net_bps"] == pytest.approx(5.0 - 1.5 - 20.0, abs=0.5)
    assert at_5["n"] == pytest.approx(14.0, abs=0.5)
    said = edge_shown.text(shown(desk))
    assert said.startswith("no distance has an edge that chance does not explain: bids not known")
    assert "asks lose as far as 10 bps (n 14)" in said
    assert snapshot["suppressed"]["ask"] == ("no_edge" if back else None)
    assert snapshot["suppressed"]["bid"] is None
    line = status_line(snapshot, "BTC", 5)
    assert ("(ask back: no edge)" in line) == back
    screen = " ".join(" ".join(coin_lines(Quoted(load(None), 5, 0), snapshot)).split())
    assert "no distance has an edge that chance does not explain" in screen
    stands = status.standing(snapshot, "BTC", 5)
    lines = status._coin_lines(stands, "")
    assert ("  Asks         none: no edge" in lines) == back
    edge = next(line for line in lines if line.startswith("  Edge"))
    assert said in edge
    assert ("stood back: asks" in edge) == back
    scraped = desk.scraped()
    assert scraped['mm_net_edge_bps{depth_bps="5",side="ask"}'] == at_5["net_bps"]
    assert (scraped['mm_stood_back_seconds_total{side="ask"}'] > 10) == back
    assert scraped['mm_stood_back_seconds_total{side="bid"}'] == 0


def test_a_status_of_an_earlier_version_has_no_edge() -> None:
    stands = status.standing(EngineDesk().open().snapshot(), "BTC", 5)
    del stands["edge"]
    assert "  Edge         not known" in status._coin_lines(stands, "")

"""Golden one, the seed's case: 0.0885 BTC short at mid 88,571.5.

(A) with equity unknown the fallback of 0.05 holds: 177 %, asks cleared. (B) with everything known
the limit is 0.283: 31.27 %, two-sided. The whole outcome is in `one.json`.
"""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

import mm

GOLDEN = Path(__file__).with_name("one.json")
MID = "88571.5"
POSITION = -8_850
BIDS = np.array([885_700, 885_650], dtype=np.int64)
ASKS = np.array([885_730, 885_780], dtype=np.int64)
SIZES = np.array([1_000, 2_000], dtype=np.int64)
RATES = np.array([0.5, 0.2])
CAPTURE_BPS = np.array([1.0, 2.0])

CONFIG = mm.DynamicRiskConfig(
    risk_fraction=0.5,
    num_sigmas=5,
    sigma_prior=2e-4,
    risk_horizon_s=2.5,
    leverage_cap=40,
    initial_margin_frac=1,
)


def unknown_equity() -> mm.Limits:
    return mm.derive_limits(
        account_value=None,
        max_leverage=40,
        sigma=1.39e-4,
        sigma_confidence=0.5,
        mid=MID,
        sz_decimals=5,
        config=CONFIG,
        fallback_max_position="0.05",
        position="-0.0885",
    )


def known_equity() -> mm.Limits:
    return mm.derive_limits(
        account_value="627.445283",
        max_leverage=40,
        sigma=1.39e-4,
        sigma_confidence=0.5,
        mid=MID,
        sz_decimals=5,
        config=CONFIG,
        fallback_max_position="0.05",
        position="-0.0885",
        position_cap="0.283",
        exchange_leverage=40,
    )


def sized(limits: mm.Limits) -> mm.Ladder:
    return mm.size_ladder(
        limits=limits,
        config=CONFIG,
        position=POSITION,
        mid=MID,
        bid_px=BIDS,
        bid_fill_rate=RATES,
        bid_net_capture_bps=CAPTURE_BPS,
        ask_px=ASKS,
        ask_fill_rate=RATES,
        ask_net_capture_bps=CAPTURE_BPS,
        target=limits.lots_short // 5,
        min_level_usd=12,
    )


def filtered(limits: mm.Limits) -> mm.Ladder:
    return mm.reduce_only_filter(
        limits=limits,
        config=CONFIG,
        position=POSITION,
        mid=MID,
        bid_px=BIDS,
        bid_sz=SIZES,
        ask_px=ASKS,
        ask_sz=SIZES,
    )


def shown(ladder: mm.Ladder) -> dict[str, Any]:  # Any: JSON
    return {
        "mode": ladder.mode,
        "reason": ladder.reason,
        "utilization_pct": str(ladder.utilization_pct),
        "reduce_only": ladder.reduce_only,
        "rooms": ladder.rooms,
        "bids": [[int(px), int(sz)] for px, sz in zip(ladder.bid_px, ladder.bid_sz, strict=True)],
        "asks": [[int(px), int(sz)] for px, sz in zip(ladder.ask_px, ladder.ask_sz, strict=True)],
        "refusals": [[r.side, r.px, r.sz, r.reason, r.limit] for r in ladder.refusals],
    }


def test_golden_one_a() -> None:
    limits = unknown_equity()
    assert (limits.source, limits.binding) == ("warmup", "fallback")
    plan = filtered(limits)
    assert str(plan.utilization_pct) == "177"
    assert (plan.mode, plan.reason, plan.reduce_only) == ("no_asks", "OverValueLimit", True)
    assert len(plan.ask_px) == 0
    assert [refusal.reason for refusal in plan.refusals] == ["OverValueLimit"] * 2
    # Filter and sizing agree.
    assert (sized(limits).mode, len(sized(limits).ask_px)) == ("no_asks", 0)


def test_golden_one_b() -> None:
    limits = known_equity()
    assert (limits.lots_long, limits.lots_short) == (28_300, 28_300)
    assert (limits.source, limits.binding) == ("valid", "position_cap")
    plan = filtered(limits)
    assert str(plan.utilization_pct) == "31.27"
    assert (plan.mode, plan.reason, plan.refusals) == ("two_sided", None, [])
    assert (plan.bid_px.tolist(), plan.ask_px.tolist()) == (BIDS.tolist(), ASKS.tolist())


def test_golden_one_to_the_last_field() -> None:
    found = {
        name: {
            "limits": json.loads(limits.json),
            "sized": shown(sized(limits)),
            "filtered": shown(filtered(limits)),
        }
        for name, limits in (("A", unknown_equity()), ("B", known_equity()))
    }
    if os.environ.get("MM_GOLDEN") == "renew":
        GOLDEN.write_text(json.dumps(found, indent=1) + "\n")
    assert json.loads(json.dumps(found)) == json.loads(GOLDEN.read_text())

"""`make coverage`: does the price keep inside `num_sigmas`? Recorded, and on synthetic series."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mm._core import Instrument
from mm.backtest import read_recording, run_backtest
from mm.config import Config, load
from mm.coverage.moves import moves
from mm.coverage.series import Samples, garch, gbm, recorded, sample, synthetic
from mm.coverage.statistics import cover

HORIZONS_S = (1.0, 5.0, 30.0)
SIGMAS = (2.0, 3.0)
SYNTHETIC_SIGMA = 6e-5
SYNTHETIC_STEP_S = 10.0
MODELS = {"gbm": gbm, "garch": garch}
BELIEFS = ("sigma", "sigma_eff")


def table(samples: Samples, horizons_s: tuple[float, ...]) -> list[dict[str, Any]]:
    """Coverage at each horizon, number of sigmas and belief."""
    rows = []
    for horizon_s in horizons_s:
        for belief in BELIEFS:
            apart, every = samples.scores(horizon_s, getattr(samples, belief))
            for sigmas in SIGMAS:
                found = cover(apart, every, sigmas)
                row = {"horizon_s": horizon_s, "belief": belief, **asdict(found)}
                rows.append({**row, "verdict": found.verdict})
    return rows


def of_recording(path: Path) -> dict[str, Any]:
    """One recording: coverage, and a backtest's limit and quotes."""
    recording = read_recording([path])
    config = market_of(path, recording.instrument.coin)
    samples = sample(config, recording.instrument, recorded(recording.frames), 1.0)
    done = run_backtest(recording, config)
    return {
        "series": recording.instrument.coin,
        "coverage": table(samples, HORIZONS_S),
        "limit": asdict(moves(done.log, done.summary)),
    }


def market_of(path: Path, coin: str) -> Config:
    """Defaults, with the recording as the market at its own speed."""
    return load(
        None,
        {"process.coin": coin, "process.market": f"replay:{path}", "process.speed": 1.0},
    )


def of_model(name: str, hours: float, seed: int) -> dict[str, Any]:
    """A long synthetic series, judged at T."""
    config = load(None, {"process.speed": 1.0})
    instrument = Instrument("BTC", 0, 5, 40)
    returns = MODELS[name](hours + 24, SYNTHETIC_STEP_S, SYNTHETIC_SIGMA, seed)
    candles, frames = synthetic(returns, SYNTHETIC_STEP_S, instrument)
    step_s = 60.0
    samples = sample(config, instrument, frames, step_s, candles, gap_s=2 * SYNTHETIC_STEP_S)
    series = f"{name}, {hours:g} h, seed {seed}"
    return {"series": series, "coverage": table(samples, (60.0, config.limits.risk_horizon_s))}


def show(result: dict[str, Any]) -> None:
    """One series for a person."""
    print(f"\n{result['series']}")
    print(
        f"{'h s':>6} {'belief':<10}{'k':>3} {'n':>6} {'failed':>7} {'rate':>9} {'expected':>9}"
        f" {'p':>7} {'found from':>11} {'all windows':>12} {'k needed':>9}"
    )
    for row in result["coverage"]:
        p = "-" if row["p_value"] is None else f"{row['p_value']:.3f}"
        least = "-" if row["detectable_rate"] is None else f"{row['detectable_rate']:.4f}"
        print(
            f"{row['horizon_s']:>6g} {row['belief']:<10}{row['sigmas']:>3g} {row['n']:>6}"
            f" {row['failures']:>7} {row['rate']:>9.5f} {row['expected_rate']:>9.5f} {p:>7}"
            f" {least:>11} {row['overlapping_rate']:>12.5f} {row['sigmas_needed']:>9.2f}"
            f"  {row['verdict']}"
        )
    if "limit" in result:
        limit = result["limit"]
        print(f"limit fell {sum(limit['falls'].values())} times: {limit['falls']}")
        print(f"limit rose {sum(limit['rises'].values())} times: {limit['rises']}")
        print(
            f"quotes: {limit['ready_cycles']} cycles ready, two-sided"
            f" {_share(limit['two_sided_frac'])}, limit valid {_share(limit['valid_frac'])}"
        )


def _share(frac: float | None) -> str:
    return "-" if frac is None else f"{100 * frac:.2f} %"


def main() -> None:
    """Read the command line, and test every series named."""
    parser = argparse.ArgumentParser(prog="make coverage", description=__doc__)
    parser.add_argument("recordings", nargs="*", type=Path, help="frames of one coin each")
    parser.add_argument("--hours", type=float, default=500.0, help="of each synthetic series")
    parser.add_argument("--seeds", type=int, default=2, help="of each synthetic model")
    parser.add_argument("--json", action="store_true", help="one object a series on stdout")
    given = parser.parse_args()
    for path in given.recordings:
        _tell(of_recording(path), as_json=given.json)
    for name in MODELS:
        for seed in range(given.seeds):
            _tell(of_model(name, given.hours, seed), as_json=given.json)


def _tell(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(result))
    else:
        show(result)
    sys.stdout.flush()


if __name__ == "__main__":
    main()

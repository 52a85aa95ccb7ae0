"""How the models are shown: what prices rest on, and beside what is assumed what was measured."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from mm import edge_shown, evidence_shown, places_shown, shift_shown
from mm.figures import iso

Json = dict[str, Any]

SIDES = ("bid", "ask")
TAKERS = ("buy", "sell")
SPANS = ("1s", "5s", "30s")
HALF_LIVES = ("2min", "10min", "1h")
BPS = 1e4
REGIMES = ("calm", "usual", "lively", "wild")


def as_json(models: Json) -> Json:
    """One object of a snapshot's `models`.

    Args:
        models: As the engine shows them.

    Returns:
        What is used, where it comes from, and beside it what was measured: the intensity fitted
        for each side of ours, None where too few takers came; what our own orders saw; the flow.
    """
    used = models["used"]
    return {
        "fair": models["fair"],
        "fair_from_mid_bps": models["fair_from_mid_bps"],
        "fitted_at": None if models["fitted"] is None else iso(models["fitted"]),
        "fair_price": models["fair_price"],
        "intensity": models["intensity"],
        "arrival_per_s": used["arrival_per_s"],
        "kappa_per_bps": used["kappa_per_bps"],
        "adverse_selection": models["adverse_selection"],
        "measured": {
            side: fit and _fitted(fit) for side, fit in zip(SIDES, models["fits"], strict=True)
        },
        "own": {side: _seen(own) for side, own in zip(SIDES, models["own"], strict=True)},
        "own_costs": {
            side: _beside_tape(own) for side, own in zip(SIDES, models["own_costs"], strict=True)
        },
        "flow": models["flow"],
        "volatility": models["volatility"],
        "regime": models["regime"],
        "regime_ratio": models["regime_ratio"],
        "toxic": models["toxic"],
        "funding": models["funding"],
        "queue": models.get("queue"),
        "shift": models["shift"],
        "rests_on": evidence_shown.as_json(models["rests_on"]),
        "edge": edge_shown.as_json(models),
    }


def cost_source(models: Json) -> str:
    """Where the cost of a fill comes from: what is configured, once anything was measured."""
    known = any(cost is not None for side in models["costs"] for cost in side)
    return str(models["adverse_selection"]) if known else "assumed"


def _seen(own: Json) -> Json:
    return {
        "rested_s": own["exposure_s"],
        "fills": own["fills"],
        **_fitted(own["fit"]),
        "tape": own["tape"] and _fitted(own["tape"]),
    }


def _beside_tape(own: Json) -> Json:
    """What our fills of a side cost beside the tape; `residual` is None before a few of them."""
    residual = own["residual"]
    measured = residual and {key: residual[key] for key in ("mean_bps", "se_bps", "n")}
    return {"residual": measured, "shift_bps": own["shift_bps"]}


def _fitted(fit: Json) -> Json:
    return {
        "arrival_per_s": math.exp(fit["log_arrival"]),
        "log_arrival_se": math.sqrt(fit["var_log_arrival"]),
        "range_bps": fit["range_bps"],
        "kappa_per_bps": fit["kappa"],
        "kappa_se": math.sqrt(fit["var_kappa"]),
        "n": fit["n"],
    }


def lines(shown: Json) -> list[str]:
    """The same for a person."""
    fair = "-" if shown["fair"] is None else f"{shown['fair']:,.10g}"
    return [
        f"fair {fair} ({shown['fair_price']}{_from_mid(shown)})  A {shown['arrival_per_s']:.4g}/s"
        f"  k {shown['kappa_per_bps']:.4g}/bps ({shown['intensity']})"
        f"  adverse selection {shown['adverse_selection']}",
        *(
            f"  takers that reach our {side}s: A {_arrival(fit)}"
            f"  k {fit['kappa_per_bps']:.4g} +- {fit['kappa_se']:.2g}/bps  (n {fit['n']:.3g}, at"
            f" {fit['range_bps'][0]:g} to {fit['range_bps'][1]:g} bps, as of {shown['fitted_at']})"
            for side, fit in shown["measured"].items()
            if fit is not None
        ),
        *(
            f"  where our {side}s rested, {own['tape']['range_bps'][0]:g} to"
            f" {own['tape']['range_bps'][1]:g} bps: A {own['tape']['arrival_per_s']:.4g}/s"
            f"  k {own['tape']['kappa_per_bps']:.4g} +- {own['tape']['kappa_se']:.2g}/bps"
            f" (n {own['tape']['n']:.0f})"
            for side, own in shown["own"].items()
            if own["tape"] is not None
        ),
        *(
            f"  our {side}s: {own['fills']:.3g} fills in {own['rested_s']:,.0f} s at rest,"
            f" A {_arrival(own)}"
            f"  k {own['kappa_per_bps']:.4g} +- {own['kappa_se']:.2g}/bps"
            for side, own in shown["own"].items()
            if own["rested_s"] > 0
        ),
        *(
            f"  our {side}s that were met cost {own['residual']['mean_bps']:+.2f}"
            f" +- {own['residual']['se_bps']:.2g} bps beside the tape"
            f" (n {own['residual']['n']:.3g}): {own['shift_bps']:+.2f} bps of it"
            for side, own in shown["own_costs"].items()
            if own["residual"] is not None
        ),
        _volatility(shown["volatility"]),
        f"  regime {regime_text(shown)}  sides taken off: {shown['toxic']['jump']} for a jump,"
        f" {shown['toxic']['flow']} for the flow",
        _funding(shown["funding"]),
        *(
            f"  takers of {flow['half_life_s']:g} s: buy {flow['per_s'][0]:.3g}/s"
            f"  sell {flow['per_s'][1]:.3g}/s  score {flow['score']:+.2f}"
            for flow in shown["flow"]
            if flow["per_s"] is not None
        ),
        *places_shown.model_lines(shown["queue"]),
        *shift_shown.lines(shown["shift"]),
        *edge_shown.lines(shown["edge"]),
        *evidence_shown.lines(shown["rests_on"]),
    ]


def _from_mid(shown: Json) -> str:
    shift = shown["fair_from_mid_bps"]
    return "" if shift is None else f", {shift:+.4f} bps from mid"


def _arrival(fit: Json) -> str:
    arrival = fit["arrival_per_s"]
    return f"{arrival:.4g} +- {arrival * fit['log_arrival_se']:.2g}/s"


def sigma_se(shown: Json) -> list[float | None]:
    """Standard errors of the volatilities of 2 min, 10 min and 1 h, as of normal returns.

    `sigma / sqrt(2 n)`; the tails of recorded returns make it two to three times that.
    """
    return [
        None if sigma is None or n is None else sigma / math.sqrt(2 * n)
        for sigma, n in zip(shown["half_lives"], shown["effective_n"], strict=True)
    ]


def _volatility(shown: Json) -> str:
    """Bps per square root of a second, `-` where not ready."""
    spans = [
        "-"
        if sigma is None
        else f"{sigma * BPS:.3g}" + ("" if se is None else f" +- {se * BPS:.2g}")
        for sigma, se in zip(shown["half_lives"], sigma_se(shown), strict=True)
    ]
    as_of = "" if shown["as_of"] is None else f"  as of {iso(shown['as_of'])}"

    def bps(sigmas: list[float | None]) -> str:
        return " ".join("-" if sigma is None else f"{sigma * BPS:.3g}" for sigma in sigmas)

    return (
        f"  sigma of 2 min, 10 min, 1 h: {', '.join(spans)}"
        f" on a grid of {shown['grid_s']} s"
        f"  over 1, 5, 30 s: {bps(shown['signature'])}"
        f"  without {shown['jumps']} jumps: {bps([shown['robust']])} bps/sqrt(s){as_of}"
    )


def _funding(shown: Json) -> str:
    """The rate, what it shifts, and what of it the limit reserves; bps."""
    rate = shown["rate"]
    if rate is None:
        return "  funding: not known"
    to = rate["predicted_per_h"]
    toward = "" if to is None else f" (toward {to * BPS:+.4g})"
    use = "shifts" if shown["used"] else "would shift"
    due = shown["reserved_frac"]
    return (
        f"  funding {rate['rate_per_h'] * BPS:+.4g} bps/h{toward}, held for"
        f" {shown['holding_s'] / 60:,.0f} min: {use} prices {shown['shift_bps']:+.3g} bps"
        + ("" if due is None else f", the limit reserves {due * BPS:.3g} bps")
    )


def regime_text(shown: Json) -> str:
    """The regime, and volatility over the usual one."""
    ratio = shown["regime_ratio"]
    measured = "the usual volatility is not known" if ratio is None else f"{ratio:.2f} of the usual"
    return f"{shown['regime']} ({measured})"


def market_line(models: Json) -> str:
    """The market as it is measured, for the first screen."""
    shown = models["volatility"]
    measured = "volatility not ready"
    if shown["half_lives"][1] is not None:
        measured = f"sigma {_compact(shown['half_lives'], ' ')} bps/sqrt(s) of 2 min, 10 min, 1 h"
    return f"{measured}, {regime_text(models)}"


def fair_line(models: Json) -> str:
    """What prices are centred on and how one-sided takers come, for the first screen."""
    if models["fair"] is None:
        return "no book yet"
    flow = models["flow"][-1]
    takers = f"takers of {flow['half_life_s']:g} s"
    if flow["per_s"] is not None:
        buy, sell = flow["per_s"]
        takers += f": buy {buy:.3g}/s, sell {sell:.3g}/s, score {flow['score']:+.2f}"
    else:
        takers += ": none yet"
    return (
        f"{models['fair']:,.10g} by {models['fair_price']},"
        f" {models['fair_from_mid_bps']:+.3g} bps from mid; {takers}"
    )


def status_text(models: Json) -> str:
    """The same on the status line, as far as it is known; else nothing."""
    told = []
    if models["fair"] is not None:
        told.append(f"fair {models['fair_from_mid_bps']:+.2f} bps")
    if any(sigma is not None for sigma in models["volatility"]["half_lives"]):
        told.append(f"sigma {_compact(models['volatility']['half_lives'], '/')}")
    flow = models["flow"][-1]
    if flow["per_s"] is not None:
        told.append(f"flow {flow['score']:+.1f}")
    return f" | {' '.join(told)}" if told else ""


def _compact(sigmas: list[float | None], between: str) -> str:
    return between.join("-" if sigma is None else f"{sigma * BPS:.2f}" for sigma in sigmas)


def taken_off_text(snapshot: Mapping[str, Any]) -> str:
    """What the status line adds where takers took a side off; else nothing."""
    sides = [side for side in SIDES if snapshot["suppressed"][side] == "toxic"]
    return f" ({', '.join(sides)} off: toxic)" if sides else ""


def arrival(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """Samples of a metric: `A` as it is used."""
    yield (), models["used"]["arrival_per_s"]


def own_rested(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """Seconds that our orders rested, by side; absent before any did."""
    for side, own in zip(SIDES, models["own"], strict=True):
        if own["exposure_s"] > 0:
            yield (side,), own["exposure_s"]


def own_arrival(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """`A` as our own orders found it, by side; absent before any rested."""
    for side, own in zip(SIDES, models["own"], strict=True):
        if own["exposure_s"] > 0:
            yield (side,), math.exp(own["fit"]["log_arrival"])


def own_cost_shift(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """What our fills shift the tape's cost by, bps, by side; absent before a few of a side."""
    for side, own in zip(SIDES, models["own_costs"], strict=True):
        if own["residual"] is not None:
            yield (side,), own["shift_bps"]


def taker_rate(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """Takers a second, by their side and the half-life of the memory."""
    for flow in models["flow"]:
        for side, rate in zip(TAKERS, flow["per_s"] or (), strict=False):
            yield (side, f"{flow['half_life_s']:g}s"), rate


def flow_score(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """How one-sided takers come, by the half-life of the memory."""
    for flow in models["flow"]:
        if flow["per_s"] is not None:
            yield (f"{flow['half_life_s']:g}s",), flow["score"]


def fair_price(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """Samples of a metric: what quotes are centred on, USDC; absent without a book."""
    if models["fair"] is not None:
        yield (), models["fair"]


def fair_from_mid(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """The same against the mid, bps."""
    if models["fair_from_mid_bps"] is not None:
        yield (), models["fair_from_mid_bps"]


def sigma_by_half_life(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """Volatility by its memory, bps per square root of a second; absent where not ready."""
    for memory, sigma in zip(HALF_LIVES, models["volatility"]["half_lives"], strict=True):
        if sigma is not None:
            yield (memory,), sigma * BPS


def sigma_by_span(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """The signature plot, bps per square root of a second; absent where not ready."""
    for span, sigma in zip(SPANS, models["volatility"]["signature"], strict=True):
        if sigma is not None:
            yield (span,), sigma * BPS


def sigma_without_jumps(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """The twin of ten minutes, bps per square root of a second; absent where not ready."""
    sigma = models["volatility"]["robust"]
    if sigma is not None:
        yield (), sigma * BPS


def regime_ratio(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """Volatility over the usual one; absent where either is not known."""
    if models["regime_ratio"] is not None:
        yield (), models["regime_ratio"]


def funding_rate(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """The hour's rate, bps; absent where not known."""
    rate = models["funding"]["rate"]
    if rate is not None:
        yield (), rate["rate_per_h"] * BPS


def funding_shift(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """What prices are shifted by, bps; absent where not known or not used."""
    shown = models["funding"]
    if shown["used"] and shown["shift_bps"] is not None:
        yield (), shown["shift_bps"]


def regime(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """1 for how lively the market is."""
    for one in REGIMES:
        yield (one,), float(one == models["regime"])


def toxic(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """How often a side was taken off, by the sign."""
    yield from (((sign,), count) for sign, count in sorted(models["toxic"].items()))

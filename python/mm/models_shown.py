"""How the models are shown: what prices rest on, and beside what is assumed what was measured."""

import math
from typing import Any

Json = dict[str, Any]

SIDES = ("bid", "ask")


def as_json(models: Json) -> Json:
    """One object of a snapshot's `models`.

    Args:
        models: As the engine shows them.

    Returns:
        What is used, where it comes from, and the intensity fitted for each side of ours; None
        where too few takers came.
    """
    used = models["used"]
    return {
        "fair": models["fair"],
        "fair_price": models["fair_price"],
        "intensity": models["intensity"],
        "arrival_per_s": used["arrival_per_s"],
        "kappa_per_bps": used["kappa_per_bps"],
        "adverse_selection": models["adverse_selection"],
        "measured": {
            side: fit and _fitted(fit) for side, fit in zip(SIDES, models["fits"], strict=True)
        },
    }


def _fitted(fit: Json) -> Json:
    return {
        "arrival_per_s": math.exp(fit["log_arrival"]),
        "kappa_per_bps": fit["kappa"],
        "kappa_se": math.sqrt(fit["var_kappa"]),
        "n": fit["n"],
    }


def lines(shown: Json) -> list[str]:
    """The same for a person."""
    fair = "-" if shown["fair"] is None else f"{shown['fair']:,.10g}"
    return [
        f"fair {fair} ({shown['fair_price']})  A {shown['arrival_per_s']:.4g}/s"
        f"  k {shown['kappa_per_bps']:.4g}/bps ({shown['intensity']})"
        f"  adverse selection {shown['adverse_selection']}",
        *(
            f"  takers that reach our {side}s: A {fit['arrival_per_s']:.4g}/s"
            f"  k {fit['kappa_per_bps']:.4g} +- {fit['kappa_se']:.2g}/bps"
            for side, fit in shown["measured"].items()
            if fit is not None
        ),
    ]

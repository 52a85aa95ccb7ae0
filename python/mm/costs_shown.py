"""How the cost of a fill by distance is shown: as the tape measured it, and as it is used."""

from __future__ import annotations

from typing import Any

from mm.figures import iso

Json = dict[str, Any]

SIDES = ("bid", "ask")
HORIZON_S = 5
"""When the move against a fill is taken, s."""


def as_json(models: Json) -> Json:
    """The curves of a snapshot's `models`.

    Args:
        models: As the engine shows them.

    Returns:
        Where the cost in use comes from; the time as of which it was measured (None: it was not);
        for each side of ours by distance, bps: the mean move against a maker, its standard error
        and effective number (None: too few came), and what is used.
    """
    newest = [cost["as_of"] for side in models["costs"] for cost in side if cost is not None]
    return {
        "source": models["adverse_selection"],
        "horizon_s": HORIZON_S,
        "as_of": iso(max(newest)) if newest else None,
        **{
            side: [
                {
                    "depth_bps": depth,
                    "mean_bps": cost and cost["mean_bps"],
                    "se_bps": cost and cost["se_bps"],
                    "n": cost and cost["n"],
                    "used_bps": used,
                }
                for depth, cost, used in zip(
                    models["cost_depths_bps"],
                    models["costs"][index],
                    models["used"]["adverse"][index],
                    strict=True,
                )
            ]
            for index, side in enumerate(SIDES)
        },
    }


def lines(shown: Json) -> list[str]:
    """The same for a person; a cost that is assumed is the same everywhere, and one line."""
    if shown["source"] == "assumed":
        used = shown["bid"][0]["used_bps"]
        return [f"cost of a fill by the move against it: {used:.4f} bps everywhere, assumed"]
    as_of = "nothing measured yet" if shown["as_of"] is None else f"as of {shown['as_of']}"
    return [
        f"cost of a fill by the move against it after {shown['horizon_s']} s, bps"
        f" ({shown['source']}, {as_of}): measured -> used, shrunk and not falling",
        f"  {'distance':>8}  {'our bids':>32}  {'our asks':>32}",
        *(
            f"  {bid['depth_bps']:>8g}  {_cost(bid):>32}  {_cost(ask):>32}"
            for bid, ask in zip(shown["bid"], shown["ask"], strict=True)
        ),
    ]


def _cost(row: Json) -> str:
    measured = "-"
    if row["mean_bps"] is not None:
        measured = f"{row['mean_bps']:+.2f} +- {row['se_bps']:.2f} (n {row['n']:.3g})"
    return f"{measured} -> {row['used_bps']:.4f}"

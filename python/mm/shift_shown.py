"""How the signals are shown that move the fair price: what each predicts, or why it does not."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

SIGNALS = ("lead", "ofi")
GATES = {
    "off": "no reference is configured",
    "unheard": "no reference was heard since the stream came up",
    "stale": "the reference is too old",
    "settling": "what is usual of it is not known yet",
    "warmup": "too few seconds were seen",
    "shut": "it explains no more than chance would",
    "open": "predicts",
}
"""Why a signal moves nothing, or that it does."""


def lines(shift: Json) -> list[str]:
    """For a person: the reference, and what each signal says of the next second.

    Args:
        shift: As the engine shows it.
    """
    told = [f"  shift of fair {shift['shift_bps']:+.3g} bps, within the touch"]
    if shift["reference"] != "off":
        told.append(f"  reference {shift['reference']} {_heard(shift)}")
    return told + [
        f"  {name} ({'used' if shift[f'{name}_used'] else 'not used'}): {_signal(shift[name])}"
        for name in SIGNALS
        if shift[name]["gate"] != "off"
    ]


def _heard(shift: Json) -> str:
    if shift["reference_px"] is None:
        return "not heard"
    return f"{shift['reference_px']:,.10g}, {shift['reference_age_s']:.1f} s ago"


def _signal(signal: Json) -> str:
    slope = signal["slope"]
    measured = "nothing measured"
    if slope is not None:
        measured = (
            f"one brings {slope['value']:+.3g} +- {slope['se']:.2g} bps in 1 s,"
            f" R2 {slope['r2']:+.4f} (above {slope['r2_least']:.4f} in {slope['n']:,.0f} s)"
        )
    now = "-" if signal["value"] is None else f"{signal['value']:+.3g}"
    return f"{GATES[signal['gate']]}; now {now}, {signal['shift_bps']:+.3g} bps; {measured}"


def shift_bps(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """Samples of a metric: what each signal predicts, used or not; absent where it does not."""
    for name in SIGNALS:
        if models["shift"][name]["gate"] == "open":
            yield (name,), models["shift"][name]["shift_bps"]


def r2(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """What each signal explained of seconds that were to come; absent before it was measured."""
    for name in SIGNALS:
        slope = models["shift"][name]["slope"]
        if slope is not None:
            yield (name,), slope["r2"]


def reference_age_s(models: Json) -> Iterator[tuple[tuple[str, ...], float]]:
    """Since when the reference is what it is; absent before it was heard."""
    if models["shift"]["reference_age_s"] is not None:
        yield (), models["shift"]["reference_age_s"]

"""Which models speak, and how long they remember."""

from typing import Literal

from mm.config.keys import COUNT, SECONDS, WORD, Section, key


class ModelsConfig(Section):
    """What is measured of the market while it runs, and what of it prices and sizes use."""

    fair_price: Literal["mid", "weighted", "micro"] = key(
        "mid",
        WORD,
        "what quotes are centred on: mid; weighted by the sizes at the touch; micro, where the mid"
        " went from such a touch before",
    )
    intensity: Literal["assumed", "tape"] = key(
        "assumed",
        WORD,
        "how often an order at a distance is reached: assumed ([quoting] arrival_per_s and"
        " kappa_per_bps), or fitted to the takers on the tape and pulled to those",
    )
    intensity_half_life_s: float = key(1200.0, SECONDS, "of what that remembers", ge=10, le=604_800)
    adverse_selection: Literal["assumed", "tape"] = key(
        "assumed",
        WORD,
        "the price's move against a fill: assumed ([quoting] adverse_selection_bps), or by side and"
        " distance from the tape, 5 s after each taker, and pulled to that",
    )
    adverse_half_life_s: float = key(3600.0, SECONDS, "of what that remembers", ge=10, le=604_800)
    shrink_n0: float = key(
        100.0, COUNT, "takers that an assumption is worth beside what is measured", ge=0, le=1e6
    )

"""Which models speak, and how long they remember."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mm.config.keys import BPS, RATIO, SECONDS, SHARE, WORD, Section, key

REFERENCE = r"^(off|oracle|coin:[A-Za-z0-9]+(:[A-Za-z0-9]+)?)$"


class ModelsConfig(Section):
    """What is measured of the market while it runs, and what of it prices and sizes use."""

    fair_price: Literal["mid", "weighted", "micro"] = key(
        "micro",
        WORD,
        "what quotes are centred on: mid; weighted by the sizes at the touch; micro, where the mid"
        " went from such a touch before",
    )
    intensity: Literal["assumed", "tape", "own"] = key(
        "tape",
        WORD,
        "how often an order at a distance is reached: assumed ([quoting] arrival_per_s and"
        " kappa_per_bps); tape, fitted to the takers there and pulled to those; own, by how long"
        " our orders rested and how often they were met, the tape's fit beforehand",
    )
    intensity_half_life_s: float = key(1200.0, SECONDS, "of what that remembers", ge=10, le=604_800)
    adverse_selection: Literal["assumed", "tape", "own"] = key(
        "tape",
        WORD,
        "the price's move against a fill: assumed ([quoting] adverse_selection_bps); tape, by side"
        " and distance 5 s after each taker, and pulled to that; own, the tape's and what our fills"
        " cost beside it, pulled to none",
    )
    adverse_half_life_s: float = key(3600.0, SECONDS, "of what that remembers", ge=10, le=604_800)
    shrink_n0: float = key(
        30.0, "takers", "that an assumption is worth beside what is measured", ge=0, le=1e6
    )
    no_edge: Literal["quote", "stand_back"] = key(
        "stand_back",
        WORD,
        "where what is measured (5 s after takers that came so far, with 95 % for all distances at"
        " once) shows that a fill loses: quote all the same; stand_back, the increasing side stands"
        " at the nearest distance where no loss is shown, or not at all where there is none",
    )
    gamma_at: Literal["present", "usual"] = key(
        "usual",
        WORD,
        "the market that risk_aversion's gamma is found for: present, so that the skew at full"
        " inventory is the same in every market; usual, of this hour of the day by the candles, so"
        " that skew and edge rise with volatility and fall with the arrival rate",
    )
    queue: bool = key(
        False,
        "true or false",
        "where our orders stand in their queues is estimated and is part of what each is worth; the"
        " time that our own intensity counts is of those takers who would meet us",
    )
    regime: bool = key(
        False,
        "true or false",
        "sizes and the pace of requoting follow how lively the market is against what it usually is"
        " at this hour; the spread never does, volatility is in it already",
    )
    lively_size_frac: float = key(
        0.7, SHARE, "of the size where volatility is 1.5 times the usual", ge=1e-3, le=1
    )
    wild_size_frac: float = key(0.4, SHARE, "the same at three times", ge=1e-3, le=1)
    funding: bool = key(
        False,
        "true or false",
        "prices shift by what funding is expected to take while a position is held, and shortly"
        " before the hour the limit reserves what the position at the limit would pay",
    )
    funding_max_bps: float = key(5.0, BPS, "the largest shift of prices by funding", ge=0, le=5)
    funding_reserve_s: float = key(
        600.0, SECONDS, "before the hour that its payment counts against the limit", ge=0, le=3600
    )
    calm_refresh_ratio: float = key(
        0.7, RATIO, "that divides the derived requote tolerance at half the usual", ge=0.1, le=10
    )
    lively_refresh_ratio: float = key(1.3, RATIO, "the same at 1.5 times", ge=0.1, le=10)
    wild_refresh_ratio: float = key(2.0, RATIO, "the same at three times", ge=0.1, le=10)
    reference: Annotated[str, Field(pattern=REFERENCE)] = key(
        "off",
        "off, oracle or coin:NAME",
        "a price that ours may follow: oracle, the venue's, of which we hear once a second, or"
        " another coin of the venue, at every change of its best bid or offer; a backtest needs"
        " that coin's recording, mm backtest --reference",
    )
    lead: bool = key(
        False,
        "true or false",
        "the fair price moves, within the touch, by what the reference's latest move predicts of"
        " the next second, once that beat predicting nothing",
    )
    ofi: bool = key(
        False,
        "true or false",
        "the same by what was added to and taken from the best bid and ask in the last second",
    )
    shift_half_life_s: float = key(1800.0, SECONDS, "of what these two remember", ge=10, le=604_800)
    basis_half_life_s: float = key(
        2.0,
        SECONDS,
        "of the average against which the reference's distance from our mid is a move of it",
        ge=0.1,
        le=86_400,
    )
    reference_stale_s: float = key(
        5.0, SECONDS, "without the reference after which it moves nothing", ge=0.1, le=86_400
    )

    @model_validator(mode="after")
    def _what_leads_is_named(self) -> Self:
        if self.lead and self.reference == "off":
            raise ValueError(
                "lead = true: expected reference = oracle or coin:NAME, or nothing leads"
            )
        return self

    @property
    def followed(self) -> str | None:
        """The other coin that the reference is; None: it is none."""
        kind, _, coin = self.reference.partition(":")
        return coin if kind == "coin" else None

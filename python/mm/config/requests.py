"""The section `[requests]`: what the venue counts, and how it is spent."""

from mm.config.keys import SECONDS, SHARE, USD, Section, key


class RequestsConfig(Section):
    """What requests cost. The venue gives an address 10,000 and one more for each USDC traded.

    Scarcity makes quotes move less often and at fewer levels, never at other prices, and never on
    one side alone.
    """

    reserve: int = key(
        500,
        "requests",
        "that only safety may spend: cancels, reducing orders, ways out",
        ge=0,
        le=10**6,
    )
    plan_days: float = key(
        3.0,
        "days",
        "over which what is left above the reserve may be spent beyond what fills earn",
        ge=0.01,
        le=3650,
    )
    burst_frac: float = key(
        0.10,
        SHARE,
        "of it that may be spent ahead of that plan: the price of a request rises from 0 to"
        " price_max_usd meanwhile, and then whatever can wait waits",
        gt=0,
        le=1,
    )
    price_max_usd: float = key(
        0.0005,
        USD,
        "that a request must be expected to earn, at the most; the venue sells one for 0.0005",
        ge=0,
        le=0.0005,
    )
    ask_s: float = key(
        60.0, SECONDS, "between two questions for what the venue has counted", ge=1, le=3600
    )
    watchdog_weight_per_min: int = key(
        300,
        "weight",
        "a minute of the IP address that is left to the watchdog, of the venue's 1,200",
        ge=100,
        le=900,
    )

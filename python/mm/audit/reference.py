"""The limit derivation again, slow and obvious, from the records of a journal.

It shares no code with the core: fractions throughout, one square root to 60 digits. Everything it
reads is what the journal holds, in its units: money in micro-USDC, sizes in lots, ages in
nanoseconds, beliefs as numbers. A float means the shortest decimal that names it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | Decimal | list[Json] | dict[str, Json] | None"
Record: TypeAlias = Mapping[str, Json]

MICRO = 10**6
NANO = 10**9
DIGITS = 60
BOUNDARY = Fraction(1, 10**12)
"""Relative distance from a lot boundary within which floor may go either way."""

AGEING = ("market", "account", "head_room", "sigma", "own_stream")
BY_SIDE = ("open_interest", "head_room")
"""Terms that may differ between the sides."""
BY_LOTS = ("position_cap", "fallback", *BY_SIDE)
"""Terms that no amount of money is derived from: the slow rise of V does not bound them."""
GAP_MOVES = ((25, Fraction(8, 100)), (10, Fraction(15, 100)), (0, Fraction(30, 100)))
"""Gap of the price by the least maximum leverage of the asset."""


@dataclass(frozen=True, slots=True)
class Cap:
    """One term.

    Attributes:
        value: USDC; None for a term in lots while there is no mid, and for one of a single side.
        lots: (long, short), not floored; None for money while there is no mid.
    """

    value: Fraction | None
    lots: tuple[Fraction, Fraction] | None


@dataclass(frozen=True, slots=True)
class ReferenceLimit:
    """What the limit should be.

    Attributes:
        source: `warmup`, `valid`, `degraded` or `invalid`.
        value: The largest value of a position, USDC; None while neither equity nor mid is known.
        long: The largest long position in lots, not floored.
        short: The largest short position in lots, not floored.
        terms: Every term that applied, by name.
    """

    source: str
    value: Fraction | None
    long: Fraction
    short: Fraction
    terms: dict[str, Cap]

    def agrees(self, long: int, short: int) -> bool:
        """Whether these lots are right, a boundary nearer than 1e-12 taken either way."""
        return same_lots(self.long, long) and same_lots(self.short, short)


def disagreement(
    limits: Record, settings: Record, freshness: Record, *, sz_decimals: int
) -> str | None:
    """Recompute a journalled limit from its own inputs.

    Args:
        limits: The whole record of a limit, as the journal or `mm.Limits.json` has it.
        settings: The `limits` section of the engine's configuration.
        freshness: Its `freshness` section, seconds.
        sz_decimals: Decimals of a size.

    Returns:
        What differs, with both numbers; None when nothing does.
    """
    before = limits["previous"]
    wanted = derive(
        _record(limits["inputs"]),
        settings,
        freshness,
        sz_decimals=sz_decimals,
        previous=None if before is None else _record(before),
    )
    if limits["source"] != wanted.source:
        return f"source was {limits['source']}, should be {wanted.source}"
    long, short = _pair(limits["lots"]) or (0, 0)
    if not wanted.agrees(long, short):
        should = (floor(wanted.long), floor(wanted.short))
        return f"limit was ({long}, {short}) lots, should be {should}"
    value = _fraction(limits["value"])
    if (value is None) != (wanted.value is None):
        return f"value was {limits['value']} micro-USDC, should be {wanted.value} USDC"
    if value is not None and wanted.value is not None:
        exact = wanted.value * MICRO
        if abs(value - exact) > 1 + exact * BOUNDARY:
            return f"value was {value} micro-USDC, should be {float(exact)}"
    return None


def same_lots(exact: Fraction, lots: int) -> bool:
    """Whether `lots` is the floor of `exact`, give or take 1e-12 of it."""
    return floor(exact * (1 - BOUNDARY)) <= lots <= floor(exact * (1 + BOUNDARY))


def floor(number: Fraction) -> int:
    """Toward minus infinity."""
    return number.numerator // number.denominator


def derive(
    inputs: Record,
    settings: Record,
    freshness: Record,
    *,
    sz_decimals: int,
    previous: Record | None = None,
) -> ReferenceLimit:
    """Derive the limit anew.

    Args:
        inputs: As the journal writes them beside a limit.
        settings: The `limits` section of the engine's configuration.
        freshness: Its `freshness` section, seconds.
        sz_decimals: Decimals of a size.
        previous: The journal's account of the limit before.

    Returns:
        The limit, exact but for one square root.
    """
    facts = _Facts(inputs, settings, sz_decimals)
    equity = facts.money("account_value")
    stale = _staleness(inputs, freshness)
    ready = equity is not None and facts.mid is not None and inputs.get("sigma") is not None
    if equity is not None and equity <= 0:
        source = "invalid"
    elif stale != "fresh":
        source = "degraded"
    else:
        source = "valid" if ready else "warmup"

    terms = _terms(facts)
    if source != "invalid" and not ready:
        terms["fallback"] = _fallback(facts)
    ramp = _ramp(terms, facts)
    if ramp is not None:
        terms["ramp"] = ramp
    if source == "warmup" and previous is not None and previous.get("held") is not None:
        terms["last_valid"] = _last_valid(_record(previous["held"]), facts)
    if source == "valid" and previous is not None and previous.get("held") is not None:
        risen = facts.in_money(_rise(terms, previous, facts))
        sides = _side_rise(terms, previous, facts)
        terms |= {"rise": risen, "side_rise": Cap(None, sides)}
    value = min((cap.value for cap in terms.values() if cap.value is not None), default=None)
    long = _smallest(terms, 0)
    short = _smallest(terms, 1)
    if source == "degraded":
        value, (long, short) = _degraded(facts, stale, value, (long, short), previous)
    return ReferenceLimit(source, value, long, short, terms)


class _Facts:
    """The record, read."""

    def __init__(self, inputs: Record, settings: Record, sz_decimals: int) -> None:
        self._inputs = inputs
        self._settings = settings
        self.lots_per_coin = 10**sz_decimals
        self.mid = self.number("mid")
        self.position = self.integer("position")

    def number(self, name: str) -> Fraction | None:
        return _fraction(self._inputs.get(name))

    def money(self, name: str) -> Fraction | None:
        micro = self.number(name)
        return None if micro is None else micro / MICRO

    def holds(self, name: str) -> bool:
        return self._inputs.get(name) is True

    def integer(self, name: str) -> int:
        return _integer(self._inputs[name])

    def pair(self, name: str) -> tuple[int, int] | None:
        return _pair(self._inputs.get(name))

    def setting(self, name: str) -> Fraction:
        number = self.optional_setting(name)
        if number is None:
            raise KeyError(name)
        return number

    def optional_setting(self, name: str) -> Fraction | None:
        return _fraction(self._settings.get(name))

    def worth(self, lots: Fraction) -> Fraction | None:
        return None if self.mid is None else lots * self.mid / self.lots_per_coin

    def in_money(self, value: Fraction) -> Cap:
        if value == 0:
            return Cap(value, (Fraction(0), Fraction(0)))
        if self.mid is None:
            return Cap(value, None)
        lots = value / self.mid * self.lots_per_coin
        return Cap(value, (lots, lots))

    def in_coin(self, coin: Fraction) -> Cap:
        lots = Fraction(floor(coin * self.lots_per_coin))
        return Cap(self.worth(lots), (lots, lots))


def _terms(facts: _Facts) -> dict[str, Cap]:
    """Every term that does not depend on the limit before."""
    terms: dict[str, Cap] = {}
    equity = facts.money("account_value")
    max_leverage = facts.number("max_leverage")
    if equity is not None and max_leverage is not None:
        equity_or_none = max(equity, Fraction(0))
        terms["leverage"] = facts.in_money(equity_or_none * max_leverage)
        terms["volatility"] = facts.in_money(_volatility_limit(facts, equity))
        terms |= _shares_of_equity(facts, equity_or_none, max_leverage)
    traded = facts.number("traded_notional_1h")
    if traded is not None:
        terms["liquidity"] = facts.in_money(traded * facts.setting("liquidity_frac"))
    tier_notional = facts.money("tier_notional_max")
    if tier_notional is not None:
        terms["margin_tier"] = facts.in_money(tier_notional)
    if facts.holds("at_open_interest_cap"):
        held = (max(0, facts.position), max(0, -facts.position))
        terms["open_interest"] = Cap(None, (Fraction(held[0]), Fraction(held[1])))
    cap_usd = facts.optional_setting("position_cap_usd")
    if cap_usd is not None:
        terms["position_cap_usd"] = facts.in_money(cap_usd)
    cap_coin = facts.optional_setting("position_cap_coin")
    if cap_coin is not None:
        terms["position_cap"] = facts.in_coin(cap_coin)
    head_room = facts.pair("head_room")
    if head_room is not None:
        own = facts.pair("own_increasing") or (0, 0)
        long = max(0, facts.position + own[0] + head_room[0])
        short = max(0, -facts.position + own[1] + head_room[1])
        terms["head_room"] = Cap(None, (Fraction(long), Fraction(short)))
    return terms


def _shares_of_equity(facts: _Facts, equity: Fraction, max_leverage: Fraction) -> dict[str, Cap]:
    terms: dict[str, Cap] = {}
    shared = equity * _share(facts)
    leverage = facts.number("exchange_leverage")
    if leverage is not None:
        margin = shared * facts.setting("initial_margin_frac")
        terms["initial_margin"] = facts.in_money(margin * leverage)
    asset_leverage = facts.number("asset_max_leverage")
    if asset_leverage is not None:
        move = facts.optional_setting("gap_move_frac")
        if move is None:
            move = next(move for least, move in GAP_MOVES if asset_leverage >= least)
        terms["gap"] = facts.in_money(shared * facts.setting("gap_loss_frac") / move)
    if facts.number("equity_share") is not None:
        terms["equity_share"] = facts.in_money(shared * max_leverage)
    return terms


def _share(facts: _Facts) -> Fraction:
    """Of equity and loss budget that the coin may use; all of it where it is the only one."""
    share = facts.number("equity_share")
    return Fraction(1) if share is None else share


def _volatility_limit(facts: _Facts, equity: Fraction) -> Fraction:
    budget = equity * facts.setting("risk_fraction")
    left = facts.money("loss_left")
    if left is not None:
        budget = min(budget, left)
    budget *= _share(facts)
    if budget <= 0:
        return Fraction(0)
    least = facts.setting("risk_horizon_s")
    horizon = facts.number("horizon_s")
    horizon = least if horizon is None else min(max(horizon, least), 4 * least)

    prior = facts.number("sigma_prior") or facts.setting("sigma_prior")
    sigma = facts.number("sigma")
    confidence = facts.number("sigma_confidence") or Fraction(0)
    if sigma is None or sigma == 0:
        sigma, confidence = prior, Fraction(0)
    sigma_24h = facts.number("sigma_24h")
    if sigma_24h is not None:
        sigma = max(sigma, sigma_24h * facts.setting("sigma_floor_frac"))
    variance = confidence * sigma**2 + (1 - confidence) * prior**2
    due = facts.number("funding_frac") or Fraction(0)
    return budget / (facts.setting("num_sigmas") * _root(variance * horizon) + due)


def _fallback(facts: _Facts) -> Cap:
    coin = facts.optional_setting("warmup_max_position_coin")
    if coin is not None:
        return facts.in_coin(coin)
    cap = facts.in_money(facts.setting("warmup_max_position_usd"))
    # In USD without a mid it is no lots.
    return cap if cap.lots is not None else Cap(cap.value, (Fraction(0), Fraction(0)))


def _ramp(terms: dict[str, Cap], facts: _Facts) -> Cap | None:
    share = facts.number("ramp_share")
    if share is None or share >= 1:
        return None
    both = [cap for name, cap in terms.items() if name not in BY_SIDE]
    value = min((cap.value for cap in both if cap.value is not None), default=None)
    part = None if value is None else value * share
    if part is not None:
        cap = facts.in_money(part)
        if cap.lots is not None:
            return cap
    lots = min((cap.lots[0] for cap in both if cap.lots is not None), default=None)
    if lots is None:
        return None
    kept = Fraction(floor(lots * share))
    return Cap(part, (kept, kept))


def _last_valid(held: Record, facts: _Facts) -> Cap:
    """The last valid limit, neither worth nor counting more than it did."""
    worth = facts.in_money(Fraction(_integer(held["value"]), MICRO))
    long, short = (Fraction(lots) for lots in _pair(held["lots"]) or (0, 0))
    if worth.lots is None:
        return Cap(worth.value, (long, short))
    return Cap(worth.value, (min(long, worth.lots[0]), min(short, worth.lots[1])))


def _rise(terms: dict[str, Cap], previous: Record, facts: _Facts) -> Fraction:
    """How far V may have come."""
    base = _fine(_record(previous["held"])["money"]) / MICRO
    values = (cap.value for name, cap in terms.items() if name not in BY_LOTS)
    derived = min(value for value in values if value is not None)
    return base + derived * _gain(previous, facts)


def _side_rise(terms: dict[str, Cap], previous: Record, facts: _Facts) -> tuple[Fraction, Fraction]:
    """How far each side may have come from what bound it, lots.

    At the open-interest cap what is held may be held.
    """
    bases = _record(previous["held"])["bases"]
    if not isinstance(bases, list):
        raise TypeError(f"expected a pair, was {bases!r}")
    long, short = (_base_lots(_record(base), facts) for base in bases)
    if facts.holds("at_open_interest_cap"):
        long = max(long, Fraction(facts.position))
        short = max(short, Fraction(-facts.position))
    gain = _gain(previous, facts)
    return long + _smallest(terms, 0) * gain, short + _smallest(terms, 1) * gain


def _base_lots(base: dict[str, Json], facts: _Facts) -> Fraction:
    if "lots" in base:
        return _fine(base["lots"])
    lots = facts.in_money(_fine(base["money"]) / MICRO).lots
    if lots is None:
        raise TypeError("a valid limit has no mid")
    return lots[0]


def _gain(previous: Record, facts: _Facts) -> Fraction:
    """Share of the newly derived limit that the time since may have added."""
    if previous["source"] != "valid":
        return Fraction(0)
    minutes = Fraction(_integer(previous["age"]), NANO * 60)
    return facts.setting("limit_rise_frac_per_min") * minutes


def _smallest(terms: dict[str, Cap], side: int) -> Fraction:
    return min(
        (cap.lots[side] for cap in terms.values() if cap.lots is not None), default=Fraction(0)
    )


def _staleness(inputs: Record, freshness: Record) -> str:
    ages = _record(inputs["ages"])
    worst = "fresh"
    for name in AGEING:
        age_ns = ages.get(name)
        if age_ns is None:
            continue
        age = Fraction(_integer(age_ns), NANO)
        if age > _required(freshness[f"{name}_gone_s"]):
            return "gone"
        if age > _required(freshness[f"{name}_degraded_s"]):
            worst = "degraded"
    return worst


def _degraded(
    facts: _Facts,
    stale: str,
    value: Fraction | None,
    lots: tuple[Fraction, Fraction],
    previous: Record | None,
) -> tuple[Fraction | None, tuple[Fraction, Fraction]]:
    """The reducing side keeps the last valid limit, the other may not grow, and ends when gone.

    One of an earlier session is an upper bound and nothing else.
    """
    held = None if previous is None else previous.get("held")
    kept = None if held is None else _pair(_record(held)["lots"])
    before = None if previous is None else _pair(previous["lots"])
    restored = previous is not None and previous.get("restored") is True
    result = []
    for side, sign in enumerate((1, -1)):
        if sign * facts.position < 0:
            stays = lots[side] if kept is None else Fraction(kept[side])
            result.append(min(stays, lots[side]) if restored else stays)
        elif stale == "gone":
            result.append(Fraction(0))
        else:
            bounds = [lots[side]]
            bounds += [Fraction(pair[side]) for pair in (kept, before) if pair is not None]
            result.append(min(bounds))
    if held is not None:
        last = Fraction(_integer(_record(held)["value"]), MICRO)
        follows = facts.position == 0 or restored
        value = min(last, value) if follows and value is not None else last
    if all(floor(lots) == 0 for lots in result):
        value = Fraction(0)
    return value, (result[0], result[1])


def _root(number: Fraction) -> Fraction:
    with localcontext() as context:
        context.prec = DIGITS
        return Fraction((Decimal(number.numerator) / Decimal(number.denominator)).sqrt())


def _fraction(value: Json) -> Fraction | None:
    if value is None:
        return None
    if isinstance(value, bool | list | dict):
        raise TypeError(f"expected a number, was {value!r}")
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def _required(value: Json) -> Fraction:
    number = _fraction(value)
    if number is None:
        raise TypeError("expected a number, was null")
    return number


def _integer(value: Json) -> int:
    if not isinstance(value, int):
        raise TypeError(f"expected a whole number, was {value!r}")
    return value


def _pair(value: Json) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise TypeError(f"expected a pair, was {value!r}")
    first, second = value
    return _integer(first), _integer(second)


def _fine(value: Json) -> Fraction:
    """A number with its billionths."""
    whole, billionths = _pair(value) or (0, 0)
    return whole + Fraction(billionths, NANO)


def _record(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise TypeError(f"expected an object, was {value!r}")
    return value

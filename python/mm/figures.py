"""Lattice integers, times and numbers as the strings that people and programs read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from mm.clock import SECOND_NS

MICRO_DECIMALS = 6


def decimal_text(value: int, decimals: int) -> str:
    """An integer count of `10^-decimals` as a plain decimal, without padding or exponent."""
    text = f"{Decimal(value).scaleb(-decimals):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def usd_text(micro: int | None) -> str | None:
    """Micro-USDC as USDC; `None` stays `None`."""
    return None if micro is None else decimal_text(micro, MICRO_DECIMALS)


def coin_text(lots: int | None, sz_decimals: int) -> str | None:
    """Lots as coin; `None` stays `None`."""
    return None if lots is None else decimal_text(lots, sz_decimals)


def ratio_text(part: int, whole: int) -> str | None:
    """A share to six decimals; `None` when there is no whole."""
    return f"{Decimal(part) / Decimal(whole):.6f}" if whole else None


def iso(time_ns: int) -> str:
    """An exchange time to the microsecond, UTC; up, so that as `--at` it includes the event."""
    seconds, nanos = divmod(time_ns, SECOND_NS)
    moment = datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=-(-nanos // 1000))
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain(value: object) -> str:
    """Six digits of a number, the parts of a list; `-` for what is not known."""
    if value is None:
        return "-"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(plain(part) for part in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)

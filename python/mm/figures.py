"""Lattice integers as the decimal strings that people and programs read."""

from __future__ import annotations

from decimal import Decimal

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

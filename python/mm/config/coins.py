"""Several coins of one account: what holds for all of them, and what is said for one.

    [process] coins = ["BTC", "ETH"]
    [coin.ETH.limits] position_cap_usd = 2000        instead of [limits], for ETH alone

What is the account's (its loss budgets, the end of a run, its keys) cannot be said for one coin.
Equity is divided: the shares of all coins add up to one at the most, so their limits hold together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

OF_A_COIN = ("account", "limits", "quoting", "models", "freshness", "control", "recovery")
"""Sections that may be said otherwise for one coin."""
OF_THE_ACCOUNT = {
    "limits": {"daily_loss_frac", "drawdown_frac"},
    "control": {"on_kill", "on_exit", "kill_deadline_s", "exit_deadline_s"},
    "account": {"address", "key_source", "key_name", "watchdog_key_name", "master_key_allowed"},
}
"""Their keys that hold for the account as a whole."""
IN_COIN = ("position_cap_coin", "warmup_max_position_coin")
"""Keys in coin: with several coins nobody knows which."""
SHARE = "equity_share_frac"
SHARE_DIGITS = 10**6

Sections = Mapping[str, Mapping[str, object]]


def faults(tables: object, coins: Sequence[str], source: str) -> list[str]:
    """What is wrong with the tables `[coin.*.*]` before any value is looked at, a line each."""
    if not isinstance(tables, Mapping):
        return [f"{source}: coin = {tables!r}: expected tables such as [coin.ETH.limits]"]
    lines: list[str] = []
    for coin, sections in tables.items():
        if coin not in coins:
            lines.append(f"{source}: [coin.{coin}]: not quoted; [process] has {', '.join(coins)}")
        if not isinstance(sections, Mapping):
            lines.append(f"{source}: coin.{coin} = {sections!r}: expected [coin.{coin}.limits]")
            continue
        for name, keys in sections.items():
            where = f"{source}: [coin.{coin}.{name}]"
            if name not in OF_A_COIN or not isinstance(keys, Mapping):
                lines.append(f"{where}: expected a table, one of {', '.join(OF_A_COIN)}")
                continue
            whole = sorted(OF_THE_ACCOUNT.get(name, set()) & set(keys))
            lines += [
                f"{where} {key}: holds for the account: expected in [{name}]" for key in whole
            ]
    return lines


def of_coin(
    document: Mapping[str, Any], sections: Sections, coin: str, among: int
) -> dict[str, Any]:  # Any: what TOML holds
    """The document of one coin.

    Args:
        document: Of the process, checked.
        sections: What is said for this coin.
        coin: Which.
        among: How many share the equity.
    """
    merged = {**document}
    for name in {*sections, "process", "limits"}:
        merged[name] = {**document.get(name, {}), **sections.get(name, {})}
    merged["process"] = {key: v for key, v in merged["process"].items() if key != "coins"}
    merged["process"]["coin"] = coin
    if among > 1 and SHARE not in merged["limits"]:
        # Cut, so that all parts together are no more than the whole.
        merged["limits"][SHARE] = SHARE_DIGITS // among / SHARE_DIGITS
    return merged


def in_coin(document: Mapping[str, Any], source: str) -> list[str]:
    """Keys in coin that are said for all of several coins, a line each."""
    limits = document.get("limits", {})
    return [
        f"{source}: [limits] {key} = {limits[key]!r}: in which coin? Expected in"
        f" [coin.NAME.limits], or the one in USD"
        for key in IN_COIN
        if limits.get(key) is not None
    ]

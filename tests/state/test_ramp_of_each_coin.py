"""The capital ramp's hours are each coin's own, in use, in storage and over a restart."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from engine_desk import EngineDesk
from mm.clock import Clock
from mm.errors import StateError
from mm.inbox import Command, Inbox
from mm.keeper import Keeper, Told, Whose
from mm.ledger import Books
from mm.restart import restore_day, restore_limit
from mm.store import Store

RAMPED: dict[str, Any] = {"control.ramp": True}
COINS = ("BTC", "ETH")


class Desks:
    """One engine a coin, which take what a start tells them; the first coin leads."""

    def __init__(self, now_s: float) -> None:
        self.of = {coin: EngineDesk(RAMPED) for coin in COINS}
        for desk in self.of.values():
            desk.now_s = now_s

    def now_ns(self) -> int:
        return self.of["BTC"]._ns()

    def put(self, item: Command, coins: tuple[str, ...] = COINS) -> None:
        for coin in coins:
            self.of[coin]._did(self.of[coin].engine.on_command(item.recv_ns, item.name, item.body))

    def started(self, store: Store) -> dict[str, float]:
        """Shares of the limit that the ramp leaves after a start."""
        clock = cast(Clock, self)
        restore_day(store, cast(Inbox, self), clock)
        for coin in COINS:
            box = Box(self, coin)
            restore_limit(store, coin, cast(Inbox, box), clock, leads=coin == COINS[0])
        for desk in self.of.values():
            desk.open()
        return {coin: desk.snapshot()["ramp_share"] for coin, desk in self.of.items()}

    def keep(self, store: Store) -> None:
        for number, coin in enumerate(COINS):
            whose = Whose(session=1, coin=coin, sz_decimals=5, run_dir="runs/1")
            books = Books(store, coin, 5, 1)
            engine = cast(Told, self.of[coin].engine)
            Keeper(engine, store, books, whose, leads=number == 0).save()


class Box:
    def __init__(self, desks: Desks, coin: str) -> None:
        self._desks, self._coin = desks, coin

    def put(self, item: Command) -> None:
        self._desks.put(item, (self._coin,))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path, "paper", "default")
    yield opened
    opened.close()


def test_an_hour_of_one_coin_opens_no_other(store: Store) -> None:
    assert Desks(0.0).started(store) == {"BTC": 0.25, "ETH": 0.25}
    store.save_limit("BTC", json.dumps({"held": None, "turnover": None, "ramp_hours": 1}))
    first = Desks(10.0)
    assert first.started(store) == {"BTC": 0.5, "ETH": 0.25}
    first.keep(store)
    assert "ramp_hours" not in json.loads(store.budget() or "")
    second = Desks(20.0)
    assert second.started(store) == {"BTC": 0.5, "ETH": 0.25}
    assert second.of["ETH"].limits["binding"] == ["ramp", "ramp"]


def test_what_an_earlier_version_kept_goes_to_the_leading_coin(store: Store) -> None:
    first = Desks(0.0)
    first.started(store)
    first.keep(store)
    budget = json.loads(store.budget() or "")
    store.save_budget(json.dumps(budget | {"ramp_hours": 3}))
    for coin in COINS:
        kept = store.limit(coin)
        if kept is not None:
            limit = json.loads(kept[0])
            store.save_limit(coin, json.dumps({k: limit[k] for k in ("held", "turnover")}))
    second = Desks(10.0)
    assert second.started(store) == {"BTC": 1.0, "ETH": 0.25}
    second.keep(store)
    # From then on it is its own: what the account's record says counts no more.
    store.save_budget(json.dumps(budget | {"ramp_hours": 0}))
    assert Desks(20.0).started(store) == {"BTC": 1.0, "ETH": 0.25}


def test_hours_out_of_range_refuse_the_start(store: Store) -> None:
    store.save_limit("BTC", json.dumps({"held": None, "turnover": None, "ramp_hours": 4}))
    with pytest.raises(StateError, match="ramp_hours was 4, expected 0 to 3"):
        Desks(0.0).started(store)

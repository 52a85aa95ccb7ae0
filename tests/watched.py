"""What the tests of the watchdog look at: the exchange's own word, and the watchdog's files."""

import json
import os
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from maker_process import exchange, runs, state_dir
from mm._core import Signer

Json = Any  # whatever JSON holds
WAIT_S = 40.0


def watchdog_dir() -> Path:
    return state_dir() / "watchdog"


def status() -> dict[str, Json]:
    """What the watchdog said last; empty before it did."""
    try:
        said: dict[str, Json] = json.loads((watchdog_dir() / "status.json").read_text())
    except FileNotFoundError:
        return {}
    return said


def log_lines(run: Path | None = None) -> list[dict[str, Json]]:
    """The log of the watchdog of a run, the last one when none is named."""
    text = ((run or runs()[-1]) / "watchdog.log").read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def said(event: str, run: Path | None = None) -> list[dict[str, Json]]:
    return [line for line in log_lines(run) if line["event"] == event]


def ask(query: dict[str, Json], url: str | None = None) -> Json:
    """An `/info` query at the exchange of the last run, or at another."""
    return _post("info", json.dumps(query).encode(), url)


def _post(path: str, body: bytes, url: str | None) -> Json:
    served = url or f"http://127.0.0.1:{exchange()['port']}"
    request = urllib.request.Request(
        f"{served}/{path}", body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


def bid_by_hand(url: str | None = None) -> int:
    """Let the owner bid for BTC far below the market, without a cloid; returns the oid."""
    book = ask({"type": "l2Book", "coin": "BTC"}, url)
    px = str(int(float(book["levels"][0][0]["px"]) * 0.7) // 100 * 100)
    # An hour ahead of the maker's own, which follow the clock.
    placed = _by_hand(px, "0.001", "Gtc", int(book["time"]) + 3_600_000, url)
    return int(placed["resting"]["oid"])


def buy_by_hand(sz: str, url: str | None = None) -> None:
    """Let the owner buy BTC at the market, before any maker lives."""
    book = ask({"type": "l2Book", "coin": "BTC"}, url)
    px = str(int(float(book["levels"][1][0]["px"]) * 1.05) // 100 * 100)
    assert "filled" in _by_hand(px, sz, "Ioc", int(book["time"]), url)


def _by_hand(px: str, sz: str, tif: str, nonce: int, url: str | None) -> dict[str, Json]:
    """What became of a buy order without a cloid."""
    order = {"a": 0, "b": True, "p": px, "s": sz, "r": False, "t": {"limit": {"tif": tif}}}
    action = {"type": "order", "orders": [order], "grouping": "na"}
    signer = Signer(json.loads((state_dir() / "wallet.json").read_text())["secret"])
    body = signer.sign_json(json.dumps(action), nonce, mainnet=False)
    became: dict[str, Json] = _post("exchange", body, url)["response"]["data"]["statuses"][0]
    return became


def user() -> str:
    address: str = json.loads((state_dir() / "wallet.json").read_text())["address"]
    return address


def position(url: str | None = None, coin: str = "BTC") -> float:
    """The exchange's position in a coin."""
    state = ask({"type": "clearinghouseState", "user": user()}, url)
    rows = [row["position"] for row in state["assetPositions"]]
    return next((float(row["szi"]) for row in rows if row["coin"] == coin), 0.0)


def resting(url: str | None = None) -> list[Json]:
    """Its orders at the exchange, but for the stop that closes its position."""
    rows: list[Json] = ask({"type": "frontendOpenOrders", "user": user()}, url)
    return [row for row in rows if not row["isTrigger"]]


def stops(url: str | None = None) -> list[Json]:
    """The stops that wait at the exchange to close its position."""
    rows: list[Json] = ask({"type": "frontendOpenOrders", "user": user()}, url)
    return [row for row in rows if row["isTrigger"]]


def increasing(url: str | None = None) -> list[Json]:
    """Orders at the exchange that could make its position larger; reduce-only ones cannot."""
    return [row for row in resting(url) if not row["reduceOnly"]]


def eventually(happened: Callable[[], bool], what: str, within_s: float = WAIT_S) -> float:
    """Wait until it has happened; returns how long that took, wall seconds."""
    begun = time.monotonic()
    while not happened():
        assert time.monotonic() - begun < within_s, f"not within {within_s:g} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - begun


def ended(pid: int) -> bool:
    """Whether a process that is no child of ours has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # A dead child of a dead maker that nobody has reaped yet.
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z"

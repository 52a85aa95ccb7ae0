"""The stop that rests at the exchange, carried: what it should be, the engine says.

    none rests, or what rests will not do -> cancel all but the newest -> place the new one
    one that rests will do                -> cancel the others
    nothing is held                       -> cancel all
    no price, no budget, no answer        -> leave what rests

The new one is placed before the old one is cancelled, so a position is never without, and however
fast it changes no more than two rest. An orderly end leaves one with a position and none without:
what is under way is waited for, and a query has the last word. Each request is told to the engine,
which counts it and knows what rests: from the answers, the order updates and the queries of open
orders. One that an earlier session left is taken over or replaced.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import structlog

from mm._core import Engine, Instrument
from mm.clock import SECOND_NS, Clock
from mm.errors import VenueError
from mm.figures import coin_text
from mm.hyperliquid.account import Account, cancel_stops, check, is_gone
from mm.hyperliquid.errors import LostReplyError
from mm.hyperliquid.gateway import Gateway
from mm.hyperliquid.reading import understood
from mm.inbox import Command, Inbox
from mm.stop_shown import px_text
from mm.waiting import until

log = structlog.get_logger(__name__)

Json = Mapping[str, Any]  # Any: JSON of the core's and the venue's

LOOK_S = 0.1
"""Wall seconds between two looks at what the engine says."""
APART_S = 1.0
"""Exchange seconds between two placements, and after a refusal."""
AGAIN_S = 5.0
ORDER_S = 2.0
GONE_S = 5.0
"""Wall seconds at the end for what is under way, and to cancel and verify."""
HTTP_SERVER_ERROR = 500
WAITS = "waitingForTrigger"


@dataclass(frozen=True, slots=True)
class Hands:
    """What it works with.

    Attributes:
        engine: Says what the stop should be.
        clock: Exchange time.
        instrument: The perp.
        inbox: Takes what was done, for the engine.
        gateway: Signs.
        account: Whose stop.
        life_s: How long a request may be on its way, exchange seconds: then it is void.
    """

    engine: Engine
    clock: Clock
    instrument: Instrument
    inbox: Inbox
    gateway: Gateway
    account: Account
    life_s: float


class ResidentStop:
    """Of one run."""

    def __init__(self, hands: Hands, healthy: Callable[[], bool]) -> None:
        """Prepare, without asking.

        Args:
            hands: What it works with.
            healthy: Whether the loop is proven healthy now: one that is not places nothing.
        """
        self._hands = hands
        self._healthy = healthy
        self._lock = asyncio.Lock()
        self._ended = False
        self._not_before_ns = 0
        # When the last one that nobody answered for is void, wherever it was on its way.
        self._void_ns = 0
        # The last one placed, and those whose cancel was sent: the engine may not have heard yet.
        self._placed = ""
        self._cancelled: set[str] = set()
        # Why the venue did not take the last one; `None`: it did, or was not asked.
        self.refused: str | None = None

    @property
    def coin(self) -> str:
        """The perp."""
        return self._hands.instrument.coin

    @property
    def settled(self) -> bool:
        """Whether what rests is as it should be, or was refused."""
        shown = self._hands.engine.resident()
        return shown["wanted"] is None or shown["suits"] is not None or self.refused is not None

    async def run(self) -> None:
        """Keep it in step until cancelled."""
        while True:
            await self.tend()
            await asyncio.sleep(LOOK_S)

    async def tend(self) -> None:
        """Do the next thing, if there is one."""
        async with self._lock:
            if self._ended or not self._healthy():
                return
            shown = self._hands.engine.resident()
            resting = [stop for stop in shown["stops"] if stop["state"] == "resting"]
            kept = shown["suits"]
            if kept is not None or shown["none"] == "flat":
                for stop in resting:
                    if stop["cloid"] != kept:
                        await self._cancel(stop["cloid"])
            elif shown["wanted"] is not None and shown["may_place"]:
                for stop in resting[:-1]:
                    await self._cancel(stop["cloid"])
                await self._place(shown["wanted"], shown["stops"])

    async def _place(self, wanted: Json, stops: list[Json]) -> None:
        on_its_way = any(stop["state"] == "placing" for stop in stops)
        heard = wanted["cloid"] != self._placed
        if on_its_way or not heard or self._hands.clock.now_ns() < self._not_before_ns:
            return
        self._placed = wanted["cloid"]
        void_ns = self._hands.clock.now_ns() + int(self._hands.life_s * SECOND_NS)
        terms = {key: wanted[key] for key in ("cloid", "side", "trigger_px", "px", "sz")}
        self._tell("placing", terms)
        try:
            answer = await self._ask(
                {
                    "type": "order",
                    "orders": [self._wire(wanted)],
                    # It closes whatever the position is by then, and ends with it.
                    "grouping": "positionTpsl",
                }
            )
        except LostReplyError as error:
            self._void_ns = void_ns
            self._lost(wanted["cloid"], error)
            return
        except VenueError as error:
            answer = {"error": str(error)}
        self._pause(APART_S)
        if answer == WAITS or "resting" in answer:
            self.refused = None
            log.info("resident_stop_placed", **self._shown(wanted))
            self._tell("placed", wanted["cloid"])
            return
        self._tell("gone", wanted["cloid"])
        self._pause(AGAIN_S)
        why = (
            str(answer["error"]) if isinstance(answer, dict) and "error" in answer else str(answer)
        )
        if why != self.refused:
            log.error("resident_stop_not_placed", why=why, **self._shown(wanted))
        self.refused = why

    async def _cancel(self, cloid: str) -> None:
        if cloid in self._cancelled or self._hands.clock.now_ns() < self._not_before_ns:
            return
        self._cancelled.add(cloid)
        self._tell("cancelling", cloid)
        asset = self._hands.instrument.asset
        cancel: dict[str, object] = {"asset": asset, "cloid": cloid}
        try:
            answer = await self._ask({"type": "cancelByCloid", "cancels": [cancel]})
        except LostReplyError as error:
            self._cancelled.discard(cloid)
            self._lost(cloid, error)
            return
        except VenueError as error:
            answer = {"error": str(error)}
        if is_gone(answer):
            self._tell("gone", cloid)
            return
        log.error("resident_stop_not_cancelled", cloid=cloid, why=str(answer))
        self._cancelled.discard(cloid)
        self._tell("kept", cloid)
        self._pause(AGAIN_S)

    async def _ask(self, action: dict[str, object]) -> Any:  # noqa: ANN401 - JSON of the venue's
        """The status of the one item."""
        reply = await self._hands.gateway.request(action)
        if reply.status >= HTTP_SERVER_ERROR:
            # It says nothing of what was done with the action.
            raise LostReplyError(f"{action['type']}: HTTP {reply.status}")
        check(reply, str(action["type"]))
        with understood(str(action["type"]), LostReplyError):
            return json.loads(reply.body)["response"]["data"]["statuses"][0]

    def _lost(self, cloid: str, error: VenueError) -> None:
        log.warning("resident_stop_unanswered", cloid=cloid, why=str(error))
        self._tell("lost", cloid)
        self._pause(AGAIN_S)

    def _pause(self, seconds: float) -> None:
        self._not_before_ns = self._hands.clock.now_ns() + int(seconds * SECOND_NS)

    def _tell(
        self,
        what: Literal["placing", "placed", "gone", "cancelling", "kept", "lost"],
        about: object,
    ) -> None:
        """Let the engine know and count it."""
        body = json.dumps({what: about}).encode()
        self._hands.inbox.put(Command(self._hands.clock.now_ns(), "resident", body))

    def _wire(self, wanted: Json) -> dict[str, object]:
        return {
            "a": self._hands.instrument.asset,
            "b": wanted["side"] == "Bid",
            "p": self._px(wanted["px"]),
            "s": coin_text(wanted["sz"], self._hands.instrument.sz_decimals),
            "r": True,
            "t": {
                "trigger": {
                    "isMarket": True,
                    "triggerPx": self._px(wanted["trigger_px"]),
                    "tpsl": "sl",
                }
            },
            "c": wanted["cloid"],
        }

    def _px(self, lattice: int) -> str:
        return px_text(lattice, self._hands.instrument.sz_decimals)

    def _shown(self, wanted: Json) -> dict[str, str | None]:
        return {
            "trigger_px": self._px(wanted["trigger_px"]),
            "size": coin_text(wanted["sz"], self._hands.instrument.sz_decimals),
        }

    async def end(self, held: Decimal | None, *, late: bool) -> None:
        """No more of it: with nothing held none is left, with a position the one that is against
        it.

        Args:
            held: What the exchange says is held, in coin, signed; `None`: there is nobody to ask.
            late: Whether one that nobody answered for is waited for, until it is void.
        """
        if held:
            await self._in_order()
        self._ended = True
        async with self._lock:
            if held is None:
                return
            clock = self._hands.clock
            if late:
                # One that comes now would wait beside the one that stays, or for nothing of ours.
                left_ns = max(0, self._void_ns - clock.now_ns())
                await asyncio.sleep(left_ns / SECOND_NS / clock.speed)
            hands = self._hands
            try:
                await cancel_stops(hands.account, hands.gateway, hands.instrument, GONE_S, held)
            except VenueError as error:
                log.error("resident_stop_left", why=str(error), hint="it only reduces")

    async def _in_order(self) -> None:
        """Wait, for a while, until what is under way is done: the new one rests alone."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ORDER_S):
                await until(lambda: self._is_in_order, LOOK_S)

    @property
    def _is_in_order(self) -> bool:
        """Whether the stop that is wanted rests alone, or nothing more will be done about it."""
        shown = self._hands.engine.resident()
        if shown["wanted"] is None or not shown["may_place"]:
            return True
        if self.refused is not None or not self._healthy():
            return True
        return [stop["cloid"] for stop in shown["stops"]] == [shown["suits"]]

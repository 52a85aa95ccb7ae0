"""What a running maker answers on its control socket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from mm._core import Engine, Instrument
from mm.clock import Clock
from mm.control_socket import ControlSocket
from mm.errors import StateError
from mm.figures import coin_text
from mm.inbox import Command
from mm.keeper import Keepers
from mm.sorting import Inboxes
from mm.waiting import until

Json = dict[str, Any]  # Any: whatever JSON holds

# Wall seconds for the engine to latch and for the record to be on the disk.
LATCH_S = 5.0
WHY_CHARACTERS = 500
# Wall seconds for the exchange to be heard on everything, and for a first doubt to be settled.
COMPARED_S = 8.0
LOOK_S = 0.02
# What the ledger and our orders are compared with.
HEARD = ("account", "open_orders", "fills")


def answer_on(control: ControlSocket, keepers: Keepers, inboxes: Inboxes, clock: Clock) -> None:
    """Answer `status` and `kill`."""

    async def status(_request: Json) -> Json:
        killed = keepers.killed
        kill = None if killed is None else killed.shown()
        return {**keepers.save(), "pid": os.getpid(), "kill": kill}

    async def kill(request: Json) -> Json:
        why = request.get("why", "")
        if not isinstance(why, str) or len(why) > WHY_CHARACTERS:
            raise StateError(f"why was {why!r:.80}, expected at most {WHY_CHARACTERS} characters")
        keepers.give_reason(why)
        inboxes.put(Command(clock.now_ns(), "kill", None))
        try:
            async with asyncio.timeout(LATCH_S):
                await until(lambda: keepers.killed is not None)
        except TimeoutError:
            raise StateError(f"the kill did not latch within {LATCH_S:g} s") from None
        record = keepers.killed
        assert record is not None, "waited for above"
        return {**record.shown(), "words": record.words()}

    control.on("status", status)
    control.on("kill", kill)


class Seat(Protocol):
    """One coin, as far as a comparison is concerned."""

    @property
    def engine(self) -> Engine:
        """Has compared."""
        ...

    @property
    def instrument(self) -> Instrument:
        """The perp."""
        ...


def answer_reconcile_on(
    control: ControlSocket, seats: Sequence[Seat], inboxes: Inboxes, clock: Clock
) -> None:
    """Answer `reconcile`: the engines ask the exchange, and what they found is told."""

    async def reconcile(_request: Json) -> Json:
        asked_ns = clock.now_ns()
        inboxes.put(Command(asked_ns, "reconcile", None))

        def settled() -> bool:
            return all(_is_settled(seat.engine.snapshot(), asked_ns) for seat in seats)

        # After that, what was not heard, or is still doubted, is told as such.
        with suppress(TimeoutError):
            async with asyncio.timeout(COMPARED_S):
                await until(settled, LOOK_S)
        found = [
            {"coin": seat.instrument.coin}
            | compared(seat.engine.snapshot(), seat.instrument.sz_decimals, asked_ns)
            for seat in seats
        ]
        if len(found) == 1:
            return found[0]
        return {"agrees": all(one["agrees"] for one in found), "coins": found}

    control.on("reconcile", reconcile)


def _unheard(snapshot: Json, asked_ns: int) -> list[str]:
    heard = snapshot["recovery"]["heard"]
    return [kind for kind in HEARD if heard[kind] is None or heard[kind] < asked_ns]


def _is_settled(snapshot: Json, asked_ns: int) -> bool:
    doubted = snapshot["recovery"]["reconciliation"]["state"] == "suspected"
    return not doubted and not _unheard(snapshot, asked_ns)


def compared(snapshot: Json, sz_decimals: int, asked_ns: int) -> Json:
    """The ledger against the exchange, as far as the exchange was heard since `asked_ns`."""
    recovery, unheard = snapshot["recovery"], _unheard(snapshot, asked_ns)
    state, drift = recovery["reconciliation"]["state"], snapshot["drift"]
    return {
        "agrees": state == "agreed" and not unheard,
        "state": state,
        "unheard": unheard,
        "position": coin_text(snapshot["position"], sz_decimals),
        "drift": None if drift is None else coin_text(drift, sz_decimals),
        "corrections": recovery["corrections"],
        "orders": {
            "ours": len(snapshot["orders"]),
            "unanswered": len(recovery["findings"]["unanswered"]),
            "by_hand": len(snapshot["foreign"]),
        },
    }

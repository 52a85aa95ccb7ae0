"""What a running maker answers on its control socket."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from mm.clock import Clock
from mm.control_socket import ControlSocket
from mm.errors import StateError
from mm.inbox import Command, Inbox
from mm.keeper import Keeper
from mm.waiting import until

Json = dict[str, Any]  # Any: whatever JSON holds

# Wall seconds for the engine to latch and for the record to be on the disk.
LATCH_S = 5.0
WHY_CHARACTERS = 500


def answer_on(control: ControlSocket, keeper: Keeper, inbox: Inbox, clock: Clock) -> None:
    """Answer `status` and `kill`."""

    async def status(_request: Json) -> Json:
        killed = keeper.killed
        kill = None if killed is None else killed.shown()
        return {**keeper.save(), "pid": os.getpid(), "kill": kill}

    async def kill(request: Json) -> Json:
        why = request.get("why", "")
        if not isinstance(why, str) or len(why) > WHY_CHARACTERS:
            raise StateError(f"why was {why!r:.80}, expected at most {WHY_CHARACTERS} characters")
        keeper.why = why
        inbox.put(Command(clock.now_ns(), "kill", None))
        try:
            async with asyncio.timeout(LATCH_S):
                await until(lambda: keeper.killed is not None)
        except TimeoutError:
            raise StateError(f"the kill did not latch within {LATCH_S:g} s") from None
        record = keeper.killed
        assert record is not None, "waited for above"
        return {**record.shown(), "words": record.words()}

    control.on("status", status)
    control.on("kill", kill)

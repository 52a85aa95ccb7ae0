"""What becomes of the position when trading ends: `on_kill` and `on_exit`, each with a deadline.

trading ends --> the engine does what the policy says      until done, or the deadline, or a signal
             --> it is halted; everything is cancelled, and that is verified by query
             --> work, or what a flatten left: the watchdog takes it over, and says so
"""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Literal

import structlog

from mm.config import Config
from mm.config.engine import control
from mm.desk import Desk
from mm.ending import StopRequest
from mm.errors import VenueError
from mm.inbox import Command
from mm.protection import Protection
from mm.waiting import until

log = structlog.get_logger(__name__)

LOOK_S = 0.02

LeftTo = Literal["hold", "watchdog", "nobody"]
"""Who has a position that is left: it stays as the policy says, the watchdog works on it, or nobody
does, against the policy."""


class WindingUp:
    """The end of one run's trading."""

    def __init__(self, config: Config, desk: Desk, protection: Protection) -> None:
        """Prepare.

        Args:
            config: For the policies and their deadlines.
            desk: Of the run.
            protection: Takes over what is left.
        """
        self._config = config
        self._desk = desk
        self._protection = protection

    @property
    def policy(self) -> str:
        """What is to become of the position: work, flatten or hold."""
        killed = self._desk.keeper.killed
        policy: str = control(self._config)["on_exit"] if killed is None else killed.on_kill
        return policy

    async def by_engine(self, ask: StopRequest) -> None:
        """Let the engine do what the policy says, as long as it may take.

        A position that is to be worked is left to the watchdog at once after a stop: the operator
        waits for the prompt. After a kill the engine works on it until the deadline.

        Args:
            ask: A signal ends the wait.
        """
        desk, killed = self._desk, self._desk.keeper.killed
        if killed is None and self.policy != "flatten":
            return
        if killed is None:
            desk.inbox.put(Command(desk.clock.now_ns(), "stop", None))
        deadline_s = self._config.control.exit_deadline_s
        if killed is not None:
            deadline_s = self._config.control.kill_deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                await until(lambda: self._done() or ask.hurried, LOOK_S)
        except TimeoutError:
            why = desk.engine.snapshot()["close_wait"]
            log.error(
                "position_not_wound_up", policy=self.policy, waited_s=deadline_s, close_wait=why
            )

    def _done(self) -> bool:
        snapshot = self._desk.engine.snapshot()
        ending = snapshot["stop" if self._desk.keeper.killed is None else "kill"]
        return ending is not None and bool(ending["done"])

    async def rest(self) -> LeftTo | None:
        """After everything is cancelled: goodbye to the watchdog, or the position to it.

        Returns:
            Who has what is left; `None`: nothing is held.

        Raises:
            VenueError: Nobody can tell what is held.
        """
        position = await self._position()
        if position == 0 or self.policy == "hold":
            await self._protection.end()
            return None if position == 0 else "hold"
        held = f"{position} {self._desk.instrument.coin}"
        if await self._protection.hand_over("touch" if self.policy == "work" else "escalate"):
            log.warning("position_left_to_watchdog", position=held, policy=self.policy)
            return "watchdog"
        log.error("position_left_to_nobody", position=held, policy=self.policy)
        return "nobody"

    async def _position(self) -> Decimal:
        """The exchange's position, in coin."""
        account = self._desk.account
        try:
            state = json.loads(await account.ask("clearinghouseState", urgent=True))
            rows = [row["position"] for row in state["assetPositions"]]
            held = [Decimal(row["szi"]) for row in rows if row["coin"] == account.coin]
        except (ValueError, KeyError, TypeError) as error:
            raise VenueError(f"not an account's state: {error}") from error
        return held[0] if held else Decimal(0)

"""What becomes of the position when trading ends: `on_kill` and `on_exit`, each with a deadline.

trading ends --> the engine does what the policy says      until done, or the deadline, or a signal
             --> it is halted; everything is cancelled, and that is verified by query
             --> work, or what a flatten left: the watchdog takes it over, and says so
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import structlog

from mm.config import Config
from mm.config.engine import control
from mm.ending import StopRequest
from mm.floor import Floor
from mm.hyperliquid.reading import understood
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

    def __init__(self, config: Config, floor: Floor, protection: Protection) -> None:
        """Prepare.

        Args:
            config: For the policies and their deadlines.
            floor: Of the run.
            protection: Takes over what is left.
        """
        self._config = config
        self._floor = floor
        self._protection = protection

    @property
    def policy(self) -> str:
        """What is to become of the position: work, flatten or hold."""
        killed = self._floor.keepers.killed
        policy: str = control(self._config)["on_exit"] if killed is None else killed.on_kill
        return policy

    async def by_engine(self, ask: StopRequest) -> None:
        """Let the engines do what the policy says, as long as it may take.

        A position that is to be worked is left to the watchdog at once after a stop: the operator
        waits for the prompt. After a kill the engine works on it until the deadline.

        Args:
            ask: A signal ends the wait.
        """
        floor, killed = self._floor, self._floor.keepers.killed
        if killed is None and self.policy != "flatten":
            return
        if killed is None:
            floor.inboxes.put(Command(floor.clock.now_ns(), "stop", None))
        deadline_s = self._config.control.exit_deadline_s
        if killed is not None:
            deadline_s = self._config.control.kill_deadline_s
        try:
            async with asyncio.timeout(deadline_s):
                await until(lambda: self._done() or ask.hurried, LOOK_S)
        except TimeoutError:
            for desk in floor.desks:
                snapshot = desk.engine.snapshot()
                if not self._is_done(snapshot):
                    log.error(
                        "position_not_wound_up",
                        coin=desk.coin,
                        policy=self.policy,
                        waited_s=deadline_s,
                        close_wait=snapshot["close_wait"],
                    )

    def _done(self) -> bool:
        return all(self._is_done(desk.engine.snapshot()) for desk in self._floor.desks)

    def _is_done(self, snapshot: Mapping[str, Any]) -> bool:
        ending = snapshot["stop" if self._floor.keepers.killed is None else "kill"]
        return ending is not None and bool(ending["done"])

    async def rest(self) -> LeftTo | None:
        """After everything is cancelled: goodbye to the watchdog, or the position to it.

        Returns:
            Who has what is left; `None`: nothing is held.

        Raises:
            VenueError: Nobody can tell what is held.
        """
        positions = await self._positions()
        # A watchdog that believes us no more works on a position whatever we say.
        if not positions or (self.policy == "hold" and not self._protection.distrusted):
            await self._protection.end(held=positions)
            return "hold" if positions else None
        held = ", ".join(f"{size} {coin}" for coin, size in positions.items())
        asks: Literal["touch", "escalate"] = "escalate" if self.policy == "flatten" else "touch"
        if await self._protection.hand_over(asks, positions):
            log.warning("position_left_to_watchdog", position=held, policy=self.policy)
            return "watchdog"
        log.error("position_left_to_nobody", position=held, policy=self.policy)
        return "nobody"

    async def _positions(self) -> dict[str, Decimal]:
        """The exchange's positions in our coins, those that are not zero."""
        account = self._floor.lead.account
        coins = {desk.coin for desk in self._floor.desks}
        body = await account.ask("clearinghouseState", urgent=True)
        with understood("clearinghouseState"):
            rows = [row["position"] for row in json.loads(body)["assetPositions"]]
            held = {row["coin"]: Decimal(row["szi"]) for row in rows if row["coin"] in coins}
        return {coin: size for coin, size in held.items() if size != 0}

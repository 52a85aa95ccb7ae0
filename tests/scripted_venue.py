"""An engine's desk with an exchange whose refusals are scripted, and settings turned before it.

Without a script it takes every order that rests and has no taker for an immediate one.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from engine_desk import EngineDesk, Json
from mm._core import Action

Told = dict[str, object]
Effect = object

NO_MATCH = "Order could not immediately match against any resting orders. asset=0"


@dataclass
class Venue(EngineDesk):
    """An engine and an exchange whose refusals are scripted.

    Attributes:
        half: Of the spread, USDC.
        refuses: The text that refuses an order, or `None`.
        immediate: Immediate orders received, each with seconds since the start.
        refused_at: When an action of orders was refused.
        asked: What the engine wanted asked, each with seconds since the start.
    """

    half: float = 1.0
    refuses: Callable[[Json], str | None] = lambda order: (
        NO_MATCH if order["tif"] == "Ioc" else None
    )
    immediate: list[tuple[float, Json]] = field(default_factory=list)
    refused_at: list[float] = field(default_factory=list)
    asked: list[tuple[float, str]] = field(default_factory=list)

    def bbo(self, mid: float | None = None, half: float | None = None) -> list[Json]:
        """A best bid and offer around a mid, as far apart as the story wants them."""
        return super().bbo(mid, self.half if half is None else half)

    def opened(self, seconds: float) -> "Venue":
        """Open, and let so much pass; returns itself."""
        self.open(minutes=60, seconds=seconds)
        return self

    def state(self) -> str:
        """Of the recovery."""
        shown: str = self.snapshot()["recovery"]["state"]
        return shown

    def until(self, happened: Callable[[], object], most_s: float) -> float:
        """Let time pass until something happened; returns the seconds that it took."""
        began = self.now_s
        while not happened():
            assert self.now_s < began + most_s, self.snapshot()["recovery"]
            self.after(0.5)
        return self.now_s - began

    def asked_for(self, what: str) -> list[float]:
        """When something was asked for."""
        return [at for at, kind in self.asked if kind == what]

    def has_told(self, alarm: str) -> bool:
        """Whether an alarm was raised."""
        return any(told["alarm"] == alarm for _, told in self.alarms)

    def told(self, alarm: str) -> float:
        """When an alarm was first raised."""
        return next(at for at, told in self.alarms if told["alarm"] == alarm)

    def _did(self, actions: list[Action]) -> list[Json]:
        done = super()._did(actions)
        self.asked += [(self.now_s, kind) for kind, _ in self.engine.take_asks()]
        return done

    def _accept(self, action: Action) -> None:
        wanted = next(iter(json.loads(action.json)["body"].values()))
        if action.kind.startswith("cancel"):
            super()._accept(action)
            return
        orders = [item["order"] if action.kind == "modify" else item for item in wanted]
        whys = [self.refuses(order) for order in orders]
        self.immediate += [(self.now_s, order) for order in orders if order["tif"] == "Ioc"]
        if not any(whys):
            super()._accept(action)
            return
        self.refused_at.append(self.now_s)
        statuses: list[Json] = []
        for order, why in zip(orders, whys, strict=True):
            if why is not None:
                statuses.append({"error": why})
                continue
            self._oid += 1
            self._placed.append({**order, "oid": self._oid, "cloid_text": order["cloid"]})
            statuses.append({"resting": {"oid": self._oid}})
        data = {"type": "order", "data": {"statuses": statuses}}
        self.reply(action.id, {"status": "ok", "response": data})


@dataclass(frozen=True)
class Turn:
    """A key, two values of it, the story in which it matters, and what comes of each.

    Attributes:
        key: Of the configuration, with its section.
        values: Two that are allowed.
        story: What happens under a configuration, and what the exchange or the operator sees of it.
        effects: Of the two values.
        beside: What else is set.
    """

    key: str
    values: tuple[object, object]
    story: Callable[[Told], Effect]
    effects: tuple[Effect, Effect]
    beside: Told = field(default_factory=dict)

    def found(self) -> tuple[Effect, Effect]:
        """What does come of the two values."""
        first, second = (self.story({**self.beside, self.key: v}) for v in self.values)
        return first, second

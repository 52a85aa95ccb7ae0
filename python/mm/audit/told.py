"""What a journal knew at each of its quote cycles: answers, fills, and what was on its way out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from mm.audit.journal import Json, Line, one_kind

BID, ASK = 0, 1
# Lots that may increase and lots that may only reduce, of buys and of sells.
Parts = tuple[tuple[int, int], tuple[int, int]]
NOTHING: Parts = ((0, 0), (0, 0))
SIDES = {"Bid": BID, "Ask": ASK}
MS_NS = 1_000_000
# Longest gap in what covers an order whose cancel failed: the pause before the next, and a step.
RETRY_NS = 1_100 * MS_NS


@dataclass(frozen=True, slots=True)
class Cycle:
    """A journalled quote cycle.

    Attributes:
        number: Of the cycle.
        recv_ns: Receive time of its event.
        bounds: The limit of each side, lots: long, short.
        limits: The whole record of the limit.
        hands: What had been shown of orders by hand.
    """

    number: int
    recv_ns: int
    bounds: tuple[int, int]
    limits: Json
    hands: Parts


@dataclass(slots=True)
class OrderSent:
    """What is left of what we asked for under one cloid, as far as the journal tells.

    Attributes:
        side: Of the order.
        sz: Lots left.
        free: Whether it may increase.
        replaced: Newest oid that it had before its last amend: what is told of that one is old.
        was: Lots before an amend that is not known to have been carried out.
        owed: Lots that the exchange said were filled before their fills were heard of.
        told: Where it said so.
    """

    side: int
    sz: int
    free: bool = True
    replaced: int = 0
    was: int = 0
    owed: int = 0
    told: list[Gone] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Leaving:
    """What an action of ours takes away.

    Attributes:
        cloid: Of which order.
        sz: Lots that an amend leaves out; `None`: the whole of it, by a cancel.
    """

    cloid: str
    sz: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to an action of ours, or the word that none came.

    Attributes:
        action: Of which action.
        recv_ns: When it was heard.
        lost: Whether nobody answered: what became of the action then is not known, and it may come
            to the exchange later.
    """

    action: int
    recv_ns: int
    lost: bool


@dataclass(slots=True)
class Moment:
    """What the journal knew at one cycle.

    Attributes:
        cycle: The cycle.
        answered: How many answers had come before it.
        covered: Lots of each side whose cancel was in flight, or sent with the cycle, or had failed
            less than its pause ago.
        gone: How many of `Told.gone` had been heard of.
    """

    cycle: Cycle
    answered: int
    covered: tuple[int, int]
    gone: int


@dataclass(frozen=True, slots=True)
class Gone:
    """Lots of an order of ours of which it was heard that they rest no longer.

    Attributes:
        exch_ns: Exchange time.
        side: Of the order.
        sz: Lots.
        free: Whether its order might increase.
        filled: Whether they were filled, or else cancelled.
        start: Position right before, signed lots; `None` where it was not told: no fill tells it,
            not even later.
    """

    exch_ns: int
    side: int
    sz: int
    free: bool
    filled: bool
    start: int | None = None


@dataclass(slots=True)
class Told:
    """Walks the event log once and remembers what the checks need.

    Attributes:
        cycles: By number.
        cycle_of: Cycle of each action of ours.
        moments: In order.
        answered: The answers, in order.
        carried_out: Of them those that the exchange answered part by part.
        gone: What rests no longer, filled or cancelled, in the order in which it was heard of. When
            exactly it was filled may have been heard only later.
        session: Of the journal.
    """

    cycles: dict[int, Cycle] = field(default_factory=dict)
    cycle_of: dict[int, int] = field(default_factory=dict)
    moments: list[Moment] = field(default_factory=list)
    answered: list[Answer] = field(default_factory=list)
    carried_out: list[int] = field(default_factory=list)
    gone: list[list[Gone]] = field(default_factory=list)
    session: int | None = None
    _orders: dict[str, OrderSent] = field(default_factory=dict)
    _leaving: dict[int, list[Leaving]] = field(default_factory=dict)
    _failed: list[tuple[int, Leaving]] = field(default_factory=list)
    _tids: set[int] = field(default_factory=set)
    _hands: Parts = NOTHING
    _open: Cycle | None = None

    def read(self, lines: Iterable[Line]) -> None:
        for line in lines:
            if line.key == "h":
                self.session = line.value["config"]["session"]
            elif line.key == "e":
                self._close_step()
                self._event(line.value["recv"], line.value["body"])
            elif line.key == "c":
                self._open = _cycle(line.value, self._hands)
                self.cycles[self._open.number] = self._open
            elif line.key == "a":
                self._action(line.value)
        self._close_step()

    def _close_step(self) -> None:
        """A step is over: its actions are part of what covered its limit."""
        if self._open is not None:
            covered = self._covered(self._open.recv_ns)
            moment = Moment(self._open, len(self.answered), covered, len(self.gone))
            self.moments.append(moment)
            self._open = None

    def _covered(self, now_ns: int) -> tuple[int, int]:
        """Lots of each side that are on their way out, each order's once."""
        self._failed = [(at, gone) for at, gone in self._failed if now_ns - at <= RETRY_NS]
        covered: dict[str, tuple[int, int]] = {}
        for leaving in chain(*self._leaving.values(), (gone for _, gone in self._failed)):
            if (order := self._orders.get(leaving.cloid)) is not None:
                lots = max(order.sz, order.was) if leaving.sz is None else leaving.sz
                _, most = covered.get(leaving.cloid, (order.side, 0))
                covered[leaving.cloid] = (order.side, max(most, lots))
        bids, asks = (sum(sz for of, sz in covered.values() if of == side) for side in (BID, ASK))
        return bids, asks

    def _event(self, recv_ns: int, body: Json) -> None:
        kind, content = one_kind(body)
        if kind == "Reply":
            self._reply(recv_ns, content)
        elif kind == "Fills":
            for fill in content["fills"]:
                self._fill(fill)
        elif kind == "OrderUpdates":
            for update in content:
                self._update(update)
        elif kind == "OrderStatus":
            if content["found"] is not None:
                self._update(content["found"])
        elif kind == "OpenOrders":
            self._hands = _by_hand(content["orders"])
            for row in content["orders"]:
                if row["cloid"] is not None:
                    left = OrderSent(SIDES[row["side"]], row["sz"], not row["reduce_only"])
                    self._orders.setdefault(row["cloid"], left)

    def _reply(self, recv_ns: int, reply: Json) -> None:
        """What is answered is no longer on its way; a cancel that did nothing is sent again."""
        outcome, statuses = one_kind(reply["outcome"])
        self.answered.append(Answer(reply["action"], recv_ns, outcome == "Lost"))
        if outcome == "Statuses":
            self.carried_out.append(reply["action"])
        for index, leaving in enumerate(self._leaving.pop(reply["action"], [])):
            order = self._orders.get(leaving.cloid)
            if outcome != "Statuses" or _is_error(statuses, index):
                self._failed.append((recv_ns, leaving))
            elif order is not None and leaving.sz is not None:
                order.was = 0

    def _fill(self, fill: Json) -> None:
        """A fill of ours, once: a snapshot repeats it."""
        order = self._orders.get(fill["cloid"] or "")
        if order is None or fill["tid"] in self._tids:
            return
        self._tids.add(fill["tid"])
        known = min(order.owed, fill["sz"])
        order.owed -= known
        lots = fill["sz"] - known
        side, start = SIDES[fill["side"]], fill["start_position"]
        if known:
            order.told.insert(-1, Gone(fill["exch"], side, known, order.free, True, start))
            order.told[-1] = replace(order.told[-1], sz=order.owed)
        if fill["oid"] > order.replaced:
            order.sz = max(0, order.sz - lots)
        else:
            order.was = max(0, order.was - lots)
        if lots:
            self.gone.append([Gone(fill["exch"], side, lots, order.free, True, start)])

    def _update(self, update: Json) -> None:
        """An order is over: what was left of it is cancelled, or filled ahead of its fills."""
        order = self._orders.get(update["cloid"] or "")
        if order is None or update["status"] == "Open" or update["oid"] <= order.replaced:
            return
        if order.sz:
            filled = update["status"] == "Filled"
            order.told = [Gone(update["exch"], order.side, order.sz, order.free, filled)]
            self.gone.append(order.told)
            order.owed = order.sz if filled else 0
        order.sz = order.was = 0

    def _action(self, action: Json) -> None:
        self.cycle_of[action["id"]] = action["cycle"]
        kind, items = one_kind(action["body"])
        leaving = []
        for item in items:
            if kind == "Cancel":
                leaving.append(Leaving(item["cloid"], None))
                continue
            order = item if kind == "Place" else item["order"]
            old = self._orders.get(order["cloid"])
            free = not order.get("reduce_only")
            replaced = item["oid"] if kind == "Modify" else 0
            was = 0 if old is None else max(old.sz, old.was)
            new = OrderSent(SIDES[order["side"]], order["sz"], free, replaced, was)
            self._orders[order["cloid"]] = new
            if kind == "Modify":
                less = old.sz - new.sz if old is not None and old.side == new.side else 0
                leaving.append(Leaving(order["cloid"], max(0, less)))
        if leaving:
            self._leaving[action["id"]] = leaving


def _is_error(statuses: Sequence[Json], index: int) -> bool:
    """Whether one part of an action was refused, or is not told of."""
    return index >= len(statuses) or one_kind(statuses[index])[0] == "Error"


def _cycle(record: Json, hands: Parts) -> Cycle:
    long, short = record["limits"]["lots"]
    return Cycle(record["cycle"], record["recv"], (long, short), record["limits"], hands)


def _by_hand(shown: Iterable[Json]) -> Parts:
    """What a query shows of orders without a client id."""
    lots = [[0, 0], [0, 0]]
    for row in shown:
        if row["cloid"] is None:
            lots[SIDES[row["side"]]][int(row["reduce_only"])] += row["sz"]
    return parts(lots)


def parts(lots: Sequence[Sequence[int]]) -> Parts:
    (free_bids, reducing_bids), (free_asks, reducing_asks) = lots
    return (free_bids, reducing_bids), (free_asks, reducing_asks)

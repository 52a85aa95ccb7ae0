"""Counts breaches of LIMITS.md 5 from outside: the exchange's report against the journalled limits.

Shares no code with the gate. For every action that the exchange received it takes the position and
worst case that the *exchange* saw before and after it, joins them by nonce with the action that we
journalled, and judges them by the limit journalled for that action's cycle. A breach is

* `forbidden`: an action that raised the worst case of a side beyond that side's limit, above what
  it was right before: a fill or the venue's own cancel in between is no excuse. Orders by hand, as
  far as the journal had been told of them, count against whatever may increase or flip;
  what is reduce-only and toward zero has to fit beside our own alone;
* `uncovered`: exposure of ours above a limit that has since fallen, or beside an order by hand, and
  no cancel of the excess was in flight or sent with that step. What only reduces is no excess, nor
  is what has filled and was heard of. An order whose own cancel failed has the pause of a second
  before it is sent again;
* `unjoined`: an action of the exchange's report that the journal does not explain, or whose cycle
  has no limit, or one that was answered and is missing from a whole report; and one of an earlier
  session that came after this one had begun to trade and raised a worst case. One placed by hand,
  which names no cloid of ours, is none: the engine tells it and counts it as exposure;
* `misderived`: a journalled limit that the slow reference does not find in its journalled inputs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, dropwhile, product

from mm.audit.journal import Json, Line, Sent, of_user
from mm.audit.told import ASK, BID, MS_NS, NOTHING, Answer, Gone, Parts, Told, parts
from mm.hyperliquid.account import is_stop

# What a session may send by itself: nothing that could add exposure.
OWN_KINDS = frozenset({"cancel", "updateLeverage", "noop", "approveAgent", "scheduleCancel"})
# The same for the stop that rests at the exchange: as long as every cloid in it is a stop's.
STOP_KINDS = frozenset({"order", "cancelByCloid"})
# The watchdog's, while it had taken over: none of them may raise a worst case either.
WATCHDOG_KINDS = frozenset({"cancel", "noop", "order", "scheduleCancel"})

# What somebody who holds the key may ask for by hand about orders; anything else has no cloid.
BY_HAND_KINDS = frozenset({"order", "modify", "batchModify", "cancel", "cancelByCloid"})
NEVER = 1 << 63
# A cloid is session and counter, 64 bits each.
SESSION_SHIFT = 64


@dataclass(frozen=True, slots=True)
class Breach:
    """One breach.

    Attributes:
        kind: `forbidden`, `uncovered`, `unjoined` or `misderived`.
        cycle: Quote cycle it is about; `None` where no cycle could be found.
        time_ms: Exchange time of the action or of the cycle.
        text: What was found, with lots.
    """

    kind: str
    cycle: int | None
    time_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Seen:
    """The exchange's view right before and right after one of our actions.

    Attributes:
        time_ms: Block time.
        nonce: Of the action.
        kind: Its type.
        position: Signed lots.
        worst: Furthest position toward long, and toward short as a magnitude, lots.
        own: What rests of ours.
        hands: What rests without a client id.
        before: Position, and what rested of ours, right before it.
        cloids: Client ids that it names.
    """

    time_ms: int
    nonce: int
    kind: str
    position: int
    worst: tuple[int, int]
    own: Parts
    hands: Parts
    before: tuple[int, Parts] = (0, NOTHING)
    cloids: tuple[str, ...] = ()

    def worst_beside(self, side: int, told: Parts) -> int:
        """The worst case of a side without the orders by hand that nobody had been told of."""
        known = _smaller(self.hands[side], told[side])
        if known == self.hands[side]:
            return self.worst[side]
        (free, reducing), (free_hand, reducing_hand) = self.own[side], known
        return _furthest(self.position, side, free + free_hand, reducing + reducing_hand)

    def worst_own(self, side: int) -> int:
        """The worst case of a side by our orders alone."""
        return _furthest(self.position, side, *self.own[side])

    def worst_own_before(self, side: int) -> int:
        """The same right before the action."""
        position, own = self.before
        return _furthest(position, side, *own[side])

    def only_reduces(self, side: int) -> bool:
        """Whether nothing was added on a side, which reduces, but what may only reduce."""
        toward_zero = self.position < 0 if side == BID else self.position > 0
        return toward_zero and self.own[side][0] <= self.before[1][side][0]


def _furthest(position: int, side: int, free: int, reducing: int) -> int:
    toward = position if side == BID else -position
    return toward + free + min(reducing, max(0, -toward))


def _smaller(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return min(one[0], other[0]), min(one[1], other[1])


def seen_by_exchange(report: Sequence[Json], user: str, coin: str) -> list[Seen]:
    """The exchange's view after each action of one account, in its own order."""
    views = []
    for row in of_user(report, user, "action"):
        about = (row["time"], row["nonce"], row["action"])
        cloids = tuple(row.get("cloids", ()))
        at = next((at for at in row["exposure"] if at["coin"] == coin), None)
        if at is None:
            views.append(Seen(*about, 0, (0, 0), NOTHING, NOTHING, cloids=cloids))
            continue
        position, highest, lowest = at["lots"]
        worst, hands, before = (highest, -lowest), parts(at["unnamed"]), at["before"]
        was = before["lots"][0], _own(before)
        views.append(Seen(*about, position, worst, _own(at), hands, was, cloids))
    return views


def _own(at: Json) -> Parts:
    """What rests of ours: what does, but for what was placed by hand."""
    return parts(
        [
            [lots - hand for lots, hand in zip(*of_side, strict=True)]
            for of_side in zip(at["resting"], at["unnamed"], strict=True)
        ]
    )


def find_breaches(
    log: Iterable[Line],
    sends: Sequence[Sent],
    report: Sequence[Json],
    user: str,
    coin: str,
    recompute: Callable[[Json], str | None],
) -> list[Breach]:
    """Every breach of a run, in the order of the checks.

    Args:
        log: The run's event log.
        sends: Which nonce carried which action.
        report: The exchange's own report.
        user: Our account.
        coin: The perp.
        recompute: Takes a journalled limit record and says what is wrong with it, or `None`.

    Returns:
        The breaches; an empty list when there are none.
    """
    reader = Told()
    reader.read(log)
    by_nonce = {sent.nonce: sent for sent in sends}
    first_nonce = min(by_nonce, default=NEVER)

    def is_before_us(view: Seen) -> bool:
        ours = any(int(cloid, 16) >> SESSION_SHIFT == reader.session for cloid in view.cloids)
        return view.nonce < first_nonce and not ours

    # From our first action on: also what an earlier session had signed and comes only now.
    views = list(dropwhile(is_before_us, seen_by_exchange(report, user, coin)))
    return [
        *_judge_actions(views, by_nonce, reader),
        *_judge_silence(views, by_nonce, reader, report),
        *_judge_moments(views, by_nonce, reader),
        *_judge_limits(reader, recompute),
    ]


def _judge_actions(
    views: Sequence[Seen], by_nonce: dict[int, Sent], reader: Told
) -> Iterable[Breach]:
    first_nonce, trading = min(by_nonce, default=0), False
    for view in views:
        was = (view.worst_own_before(BID), view.worst_own_before(ASK))
        worst = (view.worst_own(BID), view.worst_own(ASK))
        raised = [side for side in (BID, ASK) if worst[side] > was[side]]
        sent = by_nonce.get(view.nonce)
        trading = trading or (sent is not None and sent.action is not None)
        if view.nonce < first_nonce and not (trading and raised):
            # What comes before we trade is waited for, and what it left cancelled.
            continue
        if sent is not None and sent.beside:
            if raised:
                text = f"the other coin's {view.kind} took the worst case to {worst} lots"
                yield Breach("forbidden", None, view.time_ms, text)
            continue
        if sent is None and _is_by_hand(view, reader.session, harmless=not raised):
            # Told and counted by the engine, as a foreign order or fill, or as a leverage.
            continue
        if sent is None:
            text = f"{view.kind} with nonce {view.nonce} is not in the journal"
            yield Breach("unjoined", None, view.time_ms, text)
            continue
        if sent.action is None:
            legal, whose = OWN_KINDS, "session's own"
            if sent.watchdog:
                # An order that closes a position raises the other side's worst case to zero.
                legal, whose = WATCHDOG_KINDS, "watchdog's"
                raised = [side for side in raised if worst[side] > 0]
            if raised or not (view.kind in legal or _is_of_a_stop(view)):
                text = f"the {whose} {view.kind} took the worst case to {worst} lots"
                yield Breach("forbidden", None, view.time_ms, text)
            continue
        number = reader.cycle_of.get(sent.action)
        cycle = None if number is None else reader.cycles.get(number)
        if cycle is None:
            text = f"action {sent.action} of cycle {number} has no journalled limit"
            yield Breach("unjoined", number, view.time_ms, text)
            continue
        for side in raised:
            beside = view.worst_beside(side, cycle.hands)
            reached = worst[side] if view.only_reduces(side) else beside
            if reached > cycle.bounds[side]:
                text = (
                    f"{view.kind} {sent.action} took the worst {_name(side)} from {was[side]} to"
                    f" {reached} lots, limit {cycle.bounds[side]}"
                )
                yield Breach("forbidden", cycle.number, view.time_ms, text)


def _is_of_a_stop(view: Seen) -> bool:
    """Whether it is about stops alone: they only reduce, and wait outside of the book."""
    return view.kind in STOP_KINDS and bool(view.cloids) and all(map(is_stop, view.cloids))


def _is_by_hand(view: Seen, session: int | None, *, harmless: bool) -> bool:
    """Whether nothing this program made asked for it: each order of ours carries a cloid.

    What is about no order (a leverage, a transfer) may be anybody's while it raises no worst case.
    """
    if session is None or not (harmless or view.kind in BY_HAND_KINDS):
        return False
    return not any(0 < int(cloid, 16) >> SESSION_SHIFT <= session for cloid in view.cloids)


def _judge_silence(
    views: Sequence[Seen], by_nonce: dict[int, Sent], reader: Told, report: Sequence[Json]
) -> Iterable[Breach]:
    """What the exchange answered and its whole report does not know."""
    if not any(row["kind"] == "end" for row in report):
        return
    sends = [by_nonce[view.nonce] for view in views if view.nonce in by_nonce]
    known = {sent.action for sent in sends if not sent.beside}
    for action in reader.carried_out:
        if action not in known:
            cycle = reader.cycles.get(reader.cycle_of.get(action, -1))
            time_ms = 0 if cycle is None else cycle.recv_ns // 1_000_000
            text = f"action {action} was answered and is not in the exchange's report"
            yield Breach("unjoined", reader.cycle_of.get(action), time_ms, text)


def _judge_moments(
    views: Sequence[Seen], by_nonce: dict[int, Sent], reader: Told
) -> Iterable[Breach]:
    """What rested, as far as we had been told, against each limit at the moment it was set."""
    told = _told(views, by_nonce, reader.answered)
    # What the watchdog changed while it had taken over, whoever had been told of it.
    changed = [
        (view.time_ms * 1_000_000, index)
        for index, view in enumerate(views)
        if (sent := by_nonce.get(view.nonce)) is not None and sent.watchdog
    ]
    heard: list[Gone] = []
    taken = 0
    for moment in reader.moments:
        heard.extend(chain(*reader.gone[taken : moment.gone]))
        taken = moment.gone
        index = told[moment.answered - 1] if moment.answered else -1
        before = bisect_right(changed, (moment.cycle.recv_ns, len(views)))
        if before:
            index = max(index, changed[before - 1][1])
        if index < 0:
            continue
        heard = [gone for gone in heard if gone.exch_ns >= views[index].time_ms * MS_NS]
        view = _moved_on(views[index], heard, _withdrawn(views, index))
        for side in (BID, ASK):
            held = view.position if side == BID else -view.position
            bound = max(moment.cycle.bounds[side], held)
            worst = view.worst_beside(side, moment.cycle.hands)
            covered = moment.covered[side]
            if worst - covered > bound and view.own[side][0] > covered:
                text = (
                    f"worst {_name(side)} {worst} lots, {covered} being"
                    f" cancelled, limit {moment.cycle.bounds[side]}"
                )
                time_ms = moment.cycle.recv_ns // 1_000_000
                yield Breach("uncovered", moment.cycle.number, time_ms, text)


def _told(views: Sequence[Seen], by_nonce: dict[int, Sent], answers: Iterable[Answer]) -> list[int]:
    """The latest view that the answers up to each had told of; -1: none.

    An action's is the one after the exchange first had it: a `noop` may burn its nonce later, more
    than once. One that nobody answered tells of nothing that came after it was given up.
    """
    index_of: dict[int, int] = {}
    for index, view in enumerate(views):
        sent = by_nonce.get(view.nonce)
        if sent is not None and sent.action is not None and not sent.beside:
            index_of.setdefault(sent.action, index)
    told: list[int] = []
    latest = -1
    for answer in answers:
        index = index_of.get(answer.action, -1)
        until_ns = answer.recv_ns if answer.lost else NEVER
        if index > latest and views[index].time_ms * MS_NS <= until_ns:
            latest = index
        told.append(latest)
    return told


def _withdrawn(views: Sequence[Seen], index: int) -> tuple[Parts, Parts]:
    """What actions of a view's block took away: those up to it, and those after it."""
    up_to, after = [[0, 0], [0, 0]], [[0, 0], [0, 0]]
    time_ms = views[index].time_ms
    first = next(at for at in range(index, -1, -1) if not at or views[at - 1].time_ms != time_ms)
    for at, view in enumerate(views[first:], first):
        if view.time_ms != time_ms:
            break
        of = after if at > index else up_to
        for side, part in product((BID, ASK), (0, 1)):
            of[side][part] += max(0, view.before[1][side][part] - view.own[side][part])
    return parts(up_to), parts(after)


def _moved_on(view: Seen, heard: Sequence[Gone], withdrawn: tuple[Parts, Parts]) -> Seen:
    """The exchange's view moved on by what was heard to have filled, or ended, after it.

    What filled in the same block came after it where its own start says so. What was cancelled in
    it did as far as actions after the view took it away, and those before it cannot be meant.
    """
    position, own = view.position, [list(of) for of in view.own]

    def take(gone: Gone) -> None:
        nonlocal position
        if gone.filled:
            position += gone.sz if gone.side == BID else -gone.sz
        part = 0 if gone.free else 1
        own[gone.side][part] = max(0, own[gone.side][part] - gone.sz)

    end_ns = (view.time_ms + 1) * MS_NS
    same = [gone for gone in heard if gone.exch_ns < end_ns]
    # An order's end may be heard of before, or after, the fill of another one that it followed.
    while (following := next((gone for gone in same if gone.start == position), None)) is not None:
        same.remove(following)
        take(following)
    up_to, after = withdrawn
    for side, part in product((BID, ASK), (0, 1)):
        ended = [one for one in same if (one.side, one.filled, one.free) == (side, False, not part)]
        later = min(sum(gone.sz for gone in ended) - up_to[side][part], after[side][part])
        own[side][part] -= min(max(0, later), own[side][part])
    for gone in heard:
        if gone.exch_ns >= end_ns:
            take(gone)
    whole = [[a + b for a, b in zip(*of, strict=True)] for of in zip(own, view.hands, strict=True)]
    worst = (_furthest(position, BID, *whole[BID]), _furthest(position, ASK, *whole[ASK]))
    return replace(view, position=position, worst=worst, own=parts(own))


def _judge_limits(reader: Told, recompute: Callable[[Json], str | None]) -> Iterable[Breach]:
    for cycle in reader.cycles.values():
        wrong = recompute(cycle.limits)
        if wrong is not None:
            yield Breach("misderived", cycle.number, cycle.recv_ns // 1_000_000, wrong)


def _name(side: int) -> str:
    return "long" if side == BID else "short"

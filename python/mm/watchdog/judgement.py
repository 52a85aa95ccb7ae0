"""When the watchdog acts: a pure function of heartbeats, the maker's life and the exchange's word.

    Watching --silent, dead, drift, asked--> Working --flat, goodbye, fresh beat--> Done, Watching

What is measured is the time since this process last *saw a new beat*, on its own clock, so no two
clocks are ever compared, and a watchdog that was itself asleep looks before it judges.

Drift: a look is the exchange's answer between a beat read before the ask and one *begun* after the
answer. A beat says the position and the lots that it has moved by, up and down, since the anchor.
Both beats together so bound every position that the engine held in between, and the answer less
these bounds what the difference can have been then: one number where the engine stood still.

* It is zero: they agree, and what was found before is forgotten.
* It may be zero: the look cannot tell, and does not count. It clears only what it rules out.
* It cannot be zero: the look counts, together with those before it that the same difference
  explains. Where no one difference explains them all, this look begins anew.

So a real difference is found however often both sides move, and a fill of which the engine hears
within a beat never is one. `DRIFT_LOOKS` that count, over more than `drift_s`, and none of them
`FORGOTTEN` times that after the one before, are drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mm.heartbeat import Beat, Held

# Looks that one difference must explain before it is called drift.
DRIFT_LOOKS = 3
# Times `drift_s` without a look that counts, after which a difference is forgotten.
FORGOTTEN = 2
# Beats after the first one read since an answer, of which the last was begun after the answer: that
# first one's successor may have been under way.
BEGUN_AFTER = 2

Why = Literal["silent", "dead", "drift", "asked"]


@dataclass(frozen=True, slots=True)
class Patience:
    """Wall seconds.

    Attributes:
        silence_s: Without a new beat, after which the maker counts as silent.
        drift_s: For which the exchange's position must differ from the engine's by the same.
    """

    silence_s: float
    drift_s: float


@dataclass(slots=True)
class _Answer:
    """The exchange's positions, until a beat begun after them says ours.

    Attributes:
        lots: Signed, by coin.
        before: The newest beat when they were asked for.
        due: Number of the first beat that was surely begun after them; `None` until one was read.
    """

    lots: Mapping[str, int]
    before: Beat
    due: int | None = None


@dataclass(frozen=True, slots=True)
class _Span:
    """What a difference, the exchange's position less ours, can be: signed lots, both ends too."""

    low: int
    high: int

    @property
    def tells(self) -> bool:
        """Whether it cannot be zero."""
        return self.low > 0 or self.high < 0

    def with_(self, other: _Span) -> _Span | None:
        """What both allow; `None`: nothing."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return _Span(low, high) if low <= high else None


@dataclass(slots=True)
class _Differing:
    """A coin whose position is not the exchange's: by what, since when, last when, in how many."""

    span: _Span
    since_s: float
    last_s: float
    looks: int = 1


class Judgement:
    """Watches one maker."""

    def __init__(self, patience: Patience, now_s: float) -> None:
        """Begin to watch.

        Args:
            patience: How long to wait for what.
            now_s: This process's monotonic time, seconds.
        """
        self._patience = patience
        self._beat: Beat | None = None
        self._seen_s = now_s
        self._dead = False
        self._answer: _Answer | None = None
        self._differing: dict[str, _Differing] = {}

    @property
    def beat(self) -> Beat | None:
        """The newest beat."""
        return self._beat

    def hear(self, beat: Beat | None, now_s: float) -> bool:
        """Take what the heartbeat file says now; returns whether it is new."""
        if beat is None:
            return False
        old = self._beat
        if old is not None and old.session != beat.session:
            self._differing.clear()
            self._answer = None
        self._judge(beat, now_s)
        if old is not None and _same(old, beat):
            return False
        self._beat = beat
        self._seen_s = now_s
        return True

    def alive(self, lives: bool) -> None:
        """Take whether the maker's process lives, as found before the newest beat was read."""
        self._dead = not lives

    def positions(self, lots: Mapping[str, int]) -> None:
        """Take the exchange's position in each coin, asked for since the last beat was read.

        One answer at a time waits for its beat; those in between are passed over.
        """
        if self._answer is None and self._beat is not None:
            self._answer = _Answer(lots, self._beat)

    def why_act(self, now_s: float) -> Why | None:
        """Why the watchdog must act; `None`: the maker looks after itself."""
        beat = self._beat
        if beat is None or beat.asks == "goodbye":
            return None
        if beat.asks != "watch":
            return "asked"
        if self._dead:
            return "dead"
        if now_s - self._seen_s > self._patience.silence_s:
            return "silent"
        for found in self._differing.values():
            if found.looks >= DRIFT_LOOKS and now_s - found.since_s > self._patience.drift_s:
                return "drift"
        return None

    def over(self) -> bool:
        """Whether the maker has said goodbye."""
        return self._beat is not None and self._beat.asks == "goodbye"

    def _judge(self, beat: Beat, now_s: float) -> None:
        """Compare what the exchange answered, if this beat was begun after that."""
        answer = self._answer
        if answer is None:
            return
        if answer.due is None:
            answer.due = beat.number + BEGUN_AFTER
        elif beat.number >= answer.due:
            self._answer = None
            for coin, lots in answer.lots.items():
                span = _span(lots, answer.before.of(coin), beat.of(coin))
                if span is not None:
                    self._compare(coin, span, now_s)

    def _compare(self, coin: str, span: _Span, now_s: float) -> None:
        """Take one look at a coin."""
        found = self._differing.get(coin)
        if found is not None and now_s - found.last_s > FORGOTTEN * self._patience.drift_s:
            found = None
        both = None if found is None else found.span.with_(span)
        if found is None or both is None:
            self._differing.pop(coin, None)
            if span.tells:
                self._differing[coin] = _Differing(span, now_s, now_s)
            return
        found.span = both
        if span.tells:
            found.looks += 1
            found.last_s = now_s


def _span(lots: int, before: Held, after: Held) -> _Span | None:
    """What the exchange's position less ours can have been between two beats.

    Args:
        lots: The exchange's, then.
        before: What an earlier beat says.
        after: What a later one says.

    Returns:
        The span; `None`: a beat did not say enough.
    """
    if before.position is None or after.position is None:
        return None
    if before.moved is None or after.moved is None:
        return None
    net, moved = after.position - before.position, after.moved - before.moved
    if moved < abs(net):
        return None
    up, down = (moved + net) // 2, (moved - net) // 2
    return _Span(lots - before.position - up, lots - before.position + down)


def _same(old: Beat, new: Beat) -> bool:
    return (old.session, old.pid, old.number) == (new.session, new.pid, new.number)

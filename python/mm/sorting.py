"""Whose queue a frame goes into: several coins share the connections of one account."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mm.inbox import Command, Frame, Inbox, Info, StreamState

_COIN = re.compile(rb'"coin":\s*"([^"]+)"')


class Inboxes:
    """The queues of all coins of one process."""

    def __init__(self, of: Mapping[str, Inbox]) -> None:
        """Take them.

        Args:
            of: Each coin's queue, at least one.
        """
        self._of = {coin.encode(): inbox for coin, inbox in of.items()}
        self._all = tuple(of.values())

    def __iter__(self) -> Iterator[Inbox]:
        return iter(self._all)

    def about(self, frame: bytes) -> tuple[Inbox, ...]:
        """Where a market frame goes: to the coin that it names; to all where it names none."""
        if len(self._all) == 1:
            return self._all
        named = _COIN.search(frame)
        own = None if named is None else self._of.get(named[1])
        return self._all if own is None else (own,)

    def put(self, item: Frame | Info | StreamState | Command) -> None:
        """Put what concerns every coin."""
        for inbox in self._all:
            inbox.put(item)

    def drop_up(self, stream: str) -> None:
        """As `Inbox.drop_up`, in all of them."""
        for inbox in self._all:
            inbox.drop_up(stream)

    def __len__(self) -> int:
        """Items that wait in the longest."""
        return max(len(inbox) for inbox in self._all)

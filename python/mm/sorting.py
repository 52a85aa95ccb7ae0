"""Whose queue a frame goes into: several coins share the connections of one account."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from mm.inbox import Command, Frame, Inbox, Info, StreamState

_COIN = re.compile(rb'"coin":\s*"([^"]+)"')


class Inboxes:
    """The queues of all coins of one process."""

    def __init__(self, of: Mapping[str, Inbox], follows: Mapping[str, str] | None = None) -> None:
        """Take them.

        Args:
            of: Each coin's queue, at least one.
            follows: The reference coin of each coin that has one.
        """
        self._of = {coin.encode(): inbox for coin, inbox in of.items()}
        self._all = tuple(of.values())
        self._followers: dict[bytes, tuple[Inbox, ...]] = {}
        for coin, followed in (follows or {}).items():
            known = self._followers.get(followed.encode(), ())
            self._followers[followed.encode()] = (*known, of[coin])

    def __iter__(self) -> Iterator[Inbox]:
        return iter(self._all)

    def about(self, frame: bytes) -> tuple[Inbox, ...]:
        """Where a market frame goes: to the coin that it names; to all where it names none."""
        if len(self._all) == 1 and not self._followers:
            return self._all
        named = _COIN.search(frame)
        if named is None:
            return self._all
        own = self._of.get(named[1])
        if own is not None:
            return (own,)
        return () if named[1] in self._followers else self._all

    def followers(self, channel: str, frame: bytes) -> tuple[Inbox, ...]:
        """Where it goes besides: to those who follow the coin that it names the price of."""
        if channel != "bbo" or not self._followers:
            return ()
        named = _COIN.search(frame)
        return () if named is None else self._followers.get(named[1], ())

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

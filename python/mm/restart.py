"""What a start takes up from the runs before it, once the exchange has been asked.

The day's loss goes on where it was. The ledger is filled up with what happened while nobody ran:
trades by tid, payments by time, from the exchange's own lists. Then the ledger's position must be
the exchange's, or the difference becomes an entry of its own.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import structlog

from mm._core import Instrument, check_budget, read_entries
from mm.clock import SECOND_NS, Clock
from mm.errors import EventError, VenueError
from mm.figures import usd_text
from mm.hyperliquid.account import Account
from mm.hyperliquid.nonces import MILLISECOND_NS
from mm.inbox import Command, Inbox
from mm.ledger import Books, Reconciled
from mm.store import Store

log = structlog.get_logger(__name__)

# How far back from the newest entry the exchange is asked again: what a line that was lost shortly
# before a kill had hidden, and no repetition of the account's whole life.
OVERLAP_NS = 3_600 * SECOND_NS
# The exchange keeps 10,000 fills and gives 2,000 at once; payments come by the 500.
PAGES = 50
# Type of the query, and channel of the frame that tells the same.
LISTS = (
    ("userFillsByTime", "userFills"),
    ("userFunding", "userFundings"),
    ("userNonFundingLedgerUpdates", "userNonFundingLedgerUpdates"),
)

Json = Mapping[str, Any]  # Any: whatever JSON holds


def restore_day(store: Store, inbox: Inbox, clock: Clock) -> None:
    """Tell the engine the loss budgets as last kept, before the anchor.

    The engine starts a new day where the day is another.

    Raises:
        StateError: They cannot be: a number is outside its range, or the checksum is another.
    """
    if (kept := store.read("budget")) is None:
        return
    body, age_s = kept
    try:
        check_budget(body.encode())
    except EventError as error:
        raise store.unusable(str(error)) from error
    budget = json.loads(body)
    money = ("opening", "peak", "equity")
    log.info(
        "budget_restored",
        day=budget["day"],
        **{f"{key}_usd": usd_text(budget[key]) for key in money},
        age_s=round(age_s, 1),
    )
    inbox.put(Command(clock.now_ns(), "restore", body.encode()))


async def reconcile(
    account: Account, books: Books, instrument: Instrument, anchor: bytes, position: int
) -> Reconciled:
    """Fill the ledger up from the exchange and hold it against the account that became the anchor.

    Args:
        account: Whom to ask about.
        books: The ledger.
        instrument: The perp.
        anchor: The clearinghouse state that became the anchor.
        position: The coin's in it, signed lots.

    Raises:
        VenueError: The venue does not answer, or its lists do not end.
    """
    anchor_ms = json.loads(anchor)["time"]
    if (newest_ns := books.last_ns()) is not None:
        span = (max(newest_ns - OVERLAP_NS, 0) // MILLISECOND_NS, anchor_ms)
        for query, channel in LISTS:
            async for rows in _pages(account, query, span):
                books.post(read_entries(instrument, _frame(channel, account.user, rows)))
    return books.reconcile(position, anchor_ms * MILLISECOND_NS)


async def _pages(account: Account, query: str, span: tuple[int, int]) -> AsyncIterator[list[Json]]:
    """Everything in one of the exchange's lists from a millisecond to another, page by page."""
    start_ms, end_ms = span
    for _ in range(PAGES):
        between = {"startTime": start_ms, "endTime": end_ms}
        body = await account.info({"type": query, "user": account.user, **between})
        rows = json.loads(body)
        yield rows
        newest_ms = max((row["time"] for row in rows), default=start_ms)
        if newest_ms == start_ms:
            return
        # A page may end within a millisecond, so that one is asked for again: known is known.
        start_ms = newest_ms
    raise VenueError(f"{query} did not end after {PAGES} pages")


def _frame(channel: str, user: str, rows: Sequence[Json]) -> bytes:
    """The rows of an answer as the frame of the stream that tells the same."""
    if channel == "userFundings":
        rows = [{**row["delta"], "time": row["time"]} for row in rows]
    name = channel[4].lower() + channel[5:]
    data = {"isSnapshot": True, "user": user, name: rows}
    return json.dumps({"channel": channel, "data": data}).encode()

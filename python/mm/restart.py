"""What a start takes up from the runs before it, once the exchange has been asked.

The day's loss goes on where it was, and the limit rises from where it was. The ledger is filled up
with what happened while nobody ran: trades by tid, payments by time, from the exchange's own lists.
Then the ledger's position must be the exchange's, or the difference becomes an entry of its own.
"""

from __future__ import annotations

import json

import structlog

from mm._core import Instrument, check_budget, check_limit, read_entries
from mm.clock import SECOND_NS, Clock
from mm.errors import EventError
from mm.figures import usd_text
from mm.hyperliquid.account import Account
from mm.hyperliquid.lists import FILLS, FUNDINGS, TRANSFERS, as_frame, pages
from mm.hyperliquid.nonces import MILLISECOND_NS
from mm.hyperliquid.reading import understood
from mm.inbox import Command, Inbox
from mm.ledger import Books, Reconciled
from mm.sorting import Inboxes
from mm.store import Store

log = structlog.get_logger(__name__)

# How far back from the newest entry the exchange is asked again: what a line that was lost shortly
# before a kill had hidden, and no repetition of the account's whole life.
OVERLAP_NS = 3_600 * SECOND_NS
# Where a coin's limit is kept, and with the loss budgets in an earlier version.
RAMP_HOURS = "ramp_hours"


def restore_day(store: Store, inboxes: Inboxes | Inbox, clock: Clock) -> None:
    """Tell every engine the loss budgets as last kept, before the anchor.

    An engine starts a new day where the day is another.

    Raises:
        StateError: They cannot be: a number is outside its range, or the checksum is another.
    """
    if (kept := store.read("budget")) is None:
        return
    budget, age_s = json.loads(kept[0]), kept[1]
    budget.pop(RAMP_HOURS, None)
    body = json.dumps(budget).encode()
    try:
        check_budget(body)
    except EventError as error:
        raise store.unusable(str(error)) from error
    money = ("opening", "peak", "equity")
    log.info(
        "budget_restored",
        day=budget["day"],
        **{f"{key}_usd": usd_text(budget[key]) for key in money},
        age_s=round(age_s, 1),
    )
    inboxes.put(Command(clock.now_ns(), "restore", body))


def restore_limit(store: Store, coin: str, inbox: Inbox, clock: Clock, *, leads: bool) -> None:
    """Tell a coin's engine its last valid limit, turnover and ramp as last kept, before the anchor.

    The first two carry their own time, in exchange nanoseconds: the engine applies their age. What
    an earlier version kept of the ramp beside the account's loss budgets is the leading coin's.

    Args:
        store: The account's database.
        coin: The perp.
        inbox: Of its engine.
        clock: Of the run.
        leads: Whether it is the first of the coins.

    Raises:
        StateError: They cannot be: a number is outside its range, or the checksum is another.
    """
    kept = store.limit(coin)
    limit, age_s = ({}, 0.0) if kept is None else (json.loads(kept[0]), kept[1])
    if leads and RAMP_HOURS not in limit and (budget := store.budget()) is not None:
        limit |= {key: hours for key, hours in json.loads(budget).items() if key == RAMP_HOURS}
    if not limit:
        return
    body = json.dumps(limit).encode()
    try:
        check_limit(body)
    except EventError as error:
        raise store.unusable(str(error)) from error
    held = limit.get("held")
    lots = None if held is None else held["limit"]["lots"]
    hours = limit.get(RAMP_HOURS)
    log.info("limit_restored", coin=coin, lots=lots, ramp_hours=hours, age_s=round(age_s, 1))
    inbox.put(Command(clock.now_ns(), "restore_limit", body))


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
    with understood("clearinghouseState"):
        anchor_ms = int(json.loads(anchor)["time"])
    if (newest_ns := books.last_ns()) is not None:
        span = (max(newest_ns - OVERLAP_NS, 0) // MILLISECOND_NS, anchor_ms)
        for query in (FILLS, FUNDINGS, TRANSFERS):
            async for rows in pages(account, query, span):
                frame = as_frame(query, account.user, rows)
                with understood(query):
                    entries = read_entries(instrument, frame)
                books.post(entries)
    return books.reconcile(position, anchor_ms * MILLISECOND_NS)

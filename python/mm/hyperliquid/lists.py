"""The exchange's lists of what happened to an account, page by page, in the form of the streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from mm.errors import VenueError
from mm.hyperliquid.account import Account
from mm.hyperliquid.reading import rows_of, understood

# Types of the queries.
FILLS = "userFillsByTime"
FUNDINGS = "userFunding"
TRANSFERS = "userNonFundingLedgerUpdates"
# The exchange keeps 10,000 fills and gives 2,000 at once; payments come by the 500.
PAGES = 50

CHANNELS = {FILLS: "userFills", FUNDINGS: "userFundings", TRANSFERS: TRANSFERS}

Json = Mapping[str, Any]  # Any: whatever JSON holds


async def pages(
    account: Account, query: str, span: tuple[int, int], *, urgent: bool = False
) -> AsyncIterator[list[Json]]:
    """Everything in one of the lists from a millisecond to another, page by page, oldest first.

    Args:
        account: Whom to ask about.
        query: Which list.
        span: First and last millisecond.
        urgent: Whether it may use the weight kept for what reduces risk.

    Raises:
        VenueError: The venue does not answer, or the list does not end.
    """
    start_ms, end_ms = span
    for _ in range(PAGES):
        between = {"startTime": start_ms, "endTime": end_ms}
        body = await account.info({"type": query, "user": account.user, **between}, urgent=urgent)
        with understood(query):
            rows: list[Json] = list(rows_of(body))
            newest_ms = max((int(row["time"]) for row in rows), default=start_ms)
        yield rows
        if newest_ms == start_ms:
            return
        # A page may end within a millisecond, so that one is asked for again: known is known.
        start_ms = newest_ms
    raise VenueError(f"{query} did not end after {PAGES} pages")


def as_frame(query: str, user: str, rows: Sequence[Json]) -> bytes:
    """The rows of an answer as the frame of the stream that tells the same."""
    channel = CHANNELS[query]
    if query == FUNDINGS:
        with understood(query):
            rows = [{**row["delta"], "time": row["time"]} for row in rows]
    name = channel[4].lower() + channel[5:]
    data = {"isSnapshot": True, "user": user, name: rows}
    return json.dumps({"channel": channel, "data": data}).encode()

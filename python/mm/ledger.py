"""The ledger that outlives sessions: every fill, payment and correction once, in `state.db`.

The engine says what happened (`Engine.take_entries`), the ledger keeps it under its key: a trade
under its tid, a payment under time, amount and the id of its transaction. What is told twice, by a
snapshot, a reconnect or the next session, is kept once.

A position follows from it: that of the last entry which states one (the opening of the ledger, or
a correction), and every trade after that. At a start it must be the exchange's; where it is not,
that is written down as a correction of its own and told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from mm.clock import SECOND_NS
from mm.errors import InvariantError
from mm.figures import coin_text, usd_text
from mm.store import Row, Store

log = structlog.get_logger(__name__)

DAY_NS = 86_400 * SECOND_NS
EXECUTIONS = frozenset({"fill", "liquidation", "adl", "settlement"})
NEVER_NS = 2**62
# Payments are the account's, whatever coin its session trades.
ACCOUNT = ""

Entry = Mapping[str, Any]  # Any: JSON of the core's ledger entry


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A stored position against the exchange's.

    Attributes:
        stored: What the ledger comes to, lots; `None` where it begins here.
        found: The exchange's, lots.
        explained_by: Trades that happened while nobody ran, now in the ledger.
    """

    stored: int | None
    found: int
    explained_by: int

    @property
    def agrees(self) -> bool:
        """Whether nothing had to be corrected."""
        return self.stored is None or self.stored == self.found


@dataclass(frozen=True, slots=True)
class DayTotals:
    """What the ledger has of one UTC day of exchange time; money in micro-USDC.

    Attributes:
        fills: Trades of the coin.
        away: Of them those that happened while nobody ran.
        notional: Of the trades.
        fees: Paid.
        funding: Received.
        transfers: Into the account.
        corrections: Positions that had to be corrected.
    """

    fills: int
    away: int
    notional: int
    fees: int
    funding: int
    transfers: int
    corrections: int

    def shown(self) -> dict[str, int | str | None]:
        """As JSON shows it, money as decimal strings of USDC."""
        return {
            "fills": self.fills,
            "fills_while_away": self.away,
            "volume_usd": usd_text(self.notional),
            "fees_usd": usd_text(self.fees),
            "funding_usd": usd_text(self.funding),
            "transfers_usd": usd_text(self.transfers),
            "corrections": self.corrections,
        }


class Books:
    """The ledger of one coin, as one session keeps it."""

    def __init__(self, store: Store, coin: str, sz_decimals: int, session: int) -> None:
        """Continue the ledger of a coin.

        Args:
            store: The account's database.
            coin: The perp.
            sz_decimals: Of its sizes.
            session: Id of the session that writes.
        """
        self._store = store
        self._coin, self._sz_decimals, self._session = coin, sz_decimals, session

    def post(self, entries: Sequence[Entry]) -> int:
        """Keep entries, with the operating system before this returns; those known are passed over.

        Returns:
            How many were new.
        """
        return self._store.post([self._row(entry) for entry in entries])

    def position(self, until_ns: int) -> int | None:
        """Signed lots as of an exchange time; `None` before the ledger begins."""
        base = self._store.select(
            "SELECT position, exch_ns FROM entry WHERE coin = ? AND position IS NOT NULL"
            " AND exch_ns <= ? ORDER BY exch_ns DESC, number DESC LIMIT 1",
            self._coin,
            until_ns,
        )
        if not base:
            return None
        position, since_ns = base[0]
        return int(position) + self._sum("lots", since_ns + 1, until_ns)

    def last_ns(self) -> int | None:
        """Exchange time of the newest entry of the coin; `None`: there is none."""
        rows = self._store.select("SELECT max(exch_ns) FROM entry WHERE coin = ?", self._coin)
        newest: int | None = rows[0][0]
        return newest

    def reconcile(self, found: int, exch_ns: int) -> Reconciled:
        """Hold the ledger against the exchange's report that a session starts from.

        Every trade up to the report must have been posted. A position that the trades do not
        explain is corrected by an entry of its own, durably, and told.

        Args:
            found: The exchange's position, signed lots.
            exch_ns: Exchange time of its report, nanoseconds since the epoch.
        """
        stored = self.position(exch_ns)
        kind = "opening" if stored is None else "correction"
        if stored != found:
            entry = {"kind": kind, "exch": exch_ns, "from": stored, "to": found, "usd": 0}
            self._store.post([self._row(entry)], durable=True)
        away = self._store.select(
            "SELECT count(*) FROM entry WHERE coin = ? AND session = ? AND away AND tid IS NOT NULL"
            " AND exch_ns > ?",
            self._coin,
            self._session,
            self._begin_ns(),
        )
        result = Reconciled(stored, found, int(away[0][0]))
        self._tell(result)
        return result

    def day(self, day: int) -> DayTotals:
        """Totals of a UTC day, counted from 1970-01-01; nothing from before the ledger begins."""
        span = (max(day * DAY_NS, self._begin_ns() + 1), (day + 1) * DAY_NS - 1)
        rows = self._store.select(
            "SELECT kind, count(*), sum(away), sum(notional), sum(fee), sum(usd) FROM entry"
            " WHERE coin IN (?, ?) AND exch_ns BETWEEN ? AND ? GROUP BY kind",
            self._coin,
            ACCOUNT,
            *span,
        )
        trades = [row for row in rows if row[0] in EXECUTIONS]
        return DayTotals(
            fills=sum(row[1] for row in trades),
            away=sum(row[2] for row in trades),
            notional=sum(row[3] for row in trades),
            fees=sum(row[4] for row in trades),
            funding=sum(row[5] for row in rows if row[0] == "funding"),
            transfers=sum(row[5] for row in rows if row[0] == "transfer"),
            corrections=sum(row[1] for row in rows if row[0] == "correction"),
        )

    def tids(self) -> list[int]:
        """Trade ids of the coin in the order of their entry."""
        rows = self._store.select(
            "SELECT tid FROM entry WHERE coin = ? AND tid IS NOT NULL ORDER BY number", self._coin
        )
        return [int(row[0]) for row in rows]

    def _begin_ns(self) -> int:
        """Exchange time of the opening; before the first one the ledger covers nothing."""
        rows = self._store.select(
            "SELECT min(exch_ns) FROM entry WHERE coin = ? AND kind = 'opening'", self._coin
        )
        begin: int | None = rows[0][0]
        return NEVER_NS if begin is None else begin

    def _sum(self, column: str, first_ns: int, last_ns: int) -> int:
        rows = self._store.select(
            f"SELECT coalesce(sum({column}), 0) FROM entry"
            " WHERE coin = ? AND exch_ns BETWEEN ? AND ?",
            self._coin,
            first_ns,
            last_ns,
        )
        return int(rows[0][0])

    def _row(self, entry: Entry) -> Row:
        kind, exch_ns = entry["kind"], entry["exch"]
        row = Row(
            coin=self._coin,
            kind=kind,
            key="",
            exch_ns=exch_ns,
            session=self._session,
            body=json.dumps(dict(entry)),
        )
        if kind in EXECUTIONS:
            sign = 1 if entry["side"] == "Bid" else -1
            return row._replace(
                key=f"tid:{entry['tid']}",
                tid=entry["tid"],
                lots=sign * entry["sz"],
                notional=entry["px"] * entry["sz"],
                fee=entry["fee"],
                away=bool(entry["before_anchor"]),
            )
        if kind in {"funding", "transfer"}:
            return row._replace(
                coin=self._coin if kind == "funding" else ACCOUNT,
                key=f"{kind}:{exch_ns}:{entry['usd']}:{entry['id']}",
                usd=entry["usd"],
                away=bool(entry["before_anchor"]),
            )
        if kind in {"opening", "correction"}:
            return row._replace(
                key=f"{kind}:{exch_ns}:{entry['from']}:{entry['to']}",
                usd=entry["usd"],
                position=entry["to"],
            )
        raise InvariantError(f"ledger entry of kind {kind!r}: nobody knows what it moves")

    def _tell(self, result: Reconciled) -> None:
        stored, found = (
            coin_text(lots, self._sz_decimals) for lots in (result.stored, result.found)
        )
        if not result.agrees:
            log.error(
                "position_corrected",
                coin=self._coin,
                stored=stored,
                exchange=found,
                hint="no trade explains the difference: look at the account's history",
            )
        if result.explained_by:
            log.warning("filled_while_away", coin=self._coin, fills=result.explained_by)
        if result.found:
            log.warning("position_inherited", coin=self._coin, position=found)

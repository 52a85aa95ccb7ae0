"""Where a run trades: the address, its clock, the key that signs, and whose orders it signs."""

from __future__ import annotations

from dataclasses import dataclass

from mm._core import Signer
from mm.clock import Clock
from mm.paper.process import Announcement, Living


@dataclass(frozen=True, slots=True)
class PaperSide:
    """What only a paper exchange has.

    Attributes:
        announced: Its announcement when it was found.
        seed: Of a made-up market; `None` where the exchange is not ours and does not say.
        own: The process, where it is ours to end.
        attached: Whether it was left alive by an earlier run.
    """

    announced: Announcement
    seed: int | None
    own: Living | None
    attached: bool


@dataclass(frozen=True, slots=True)
class Venue:
    """Where a run trades.

    Attributes:
        name: For messages.
        base_url: Of the exchange.
        clock: Exchange time.
        signer: The key that signs: the account's own on paper, an agent's elsewhere.
        user: The account that holds the orders and the position, lower case.
        vault: The same where it is a sub-account or a vault that the signer acts for, else `None`.
        mainnet: Whether signatures are for mainnet.
        paper: What only a paper exchange has; `None` on the venue itself.
        says: What the first screen says about account and key, a line each.
    """

    name: str
    base_url: str
    clock: Clock
    signer: Signer
    user: str
    vault: str | None
    mainnet: bool
    paper: PaperSide | None
    says: tuple[str, ...] = ()

    @property
    def own(self) -> Living | None:
        """The paper exchange's process, where it is ours to end."""
        return None if self.paper is None else self.paper.own

    @property
    def instance(self) -> str | None:
        """Id of this run of a paper exchange."""
        return None if self.paper is None else self.paper.announced.instance

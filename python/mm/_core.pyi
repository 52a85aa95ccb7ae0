"""The compiled core of `mm`. Checked against the module by `mypy.stubtest`."""

from typing import final

class MmError(Exception):
    """Base of every error that mm raises."""

class ConfigError(MmError):
    """A configuration or argument was refused."""

class EventError(MmError):
    """An event, frame or body could not be understood."""

@final
class Instrument:
    """A perp as the venue lists it."""

    def __new__(cls, coin: str, asset: int, sz_decimals: int, max_leverage: int) -> Instrument:
        """Name a perp.

        Args:
            coin: The venue's name, case-sensitive.
            asset: The venue's number.
            sz_decimals: Decimals of a size, 0 to 6; a price has 6 minus these.
            max_leverage: Largest leverage of the first margin tier.

        Raises:
            ConfigError: A value is outside the venue's ranges.
        """

    @staticmethod
    def from_meta(body: bytes, coin: str, *, first_asset: int = 0) -> Instrument:
        """Find a perp in the body of a `meta` query.

        Args:
            body: The answer, as received.
            coin: The venue's name, case-sensitive.
            first_asset: Number of the first entry; 0 on the main dex.

        Raises:
            EventError: The body is no `meta`, or the coin is unknown or delisted.
        """

    @property
    def coin(self) -> str: ...
    @property
    def asset(self) -> int: ...
    @property
    def sz_decimals(self) -> int: ...
    @property
    def px_decimals(self) -> int: ...
    @property
    def max_leverage(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class Action:
    """One request that the engine wants sent. Its length is its number of items."""

    def __new__(cls, json: str) -> Action:
        """Read an action as the event log writes it.

        Raises:
            EventError: The text is no action.
        """

    @property
    def id(self) -> int: ...
    @property
    def cycle(self) -> int: ...
    @property
    def kind(self) -> str:
        """`place`, `modify`, `cancel` or `cancel_oid`."""

    @property
    def json(self) -> str:
        """The action as the event log writes it."""

    def __len__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class Signer:
    """A secret key that signs actions. The key is never printed."""

    def __new__(cls, secret: str) -> Signer:
        """Read a secret key.

        Args:
            secret: 64 hex digits, with or without `0x`.

        Raises:
            ConfigError: The text is no key; the message does not repeat it.
        """

    @property
    def address(self) -> str:
        """The key's address, lower case."""

    def sign(
        self,
        action: Action,
        instrument: Instrument,
        nonce: int,
        *,
        expires_after_ms: int | None = None,
        vault: str | None = None,
        mainnet: bool,
    ) -> bytes:
        """Write the body of `POST /exchange` for an engine's action.

        Args:
            action: What the engine wants.
            instrument: The perp it is for.
            nonce: Milliseconds, once per signer.
            expires_after_ms: Milliseconds since the epoch after which the venue must refuse.
            vault: Sub-account or vault to act for.
            mainnet: Whether the signature is good on mainnet, else everywhere but there.

        Raises:
            ConfigError: The action or the vault cannot be written.
        """

    def sign_json(
        self,
        action: str,
        nonce: int,
        *,
        expires_after_ms: int | None = None,
        vault: str | None = None,
        mainnet: bool,
    ) -> bytes:
        """Write the body of `POST /exchange` for an action in the venue's own JSON.

        Args:
            action: The action, such as `{"type":"noop"}`; written in canonical form.
            nonce: Milliseconds, once per signer.
            expires_after_ms: Milliseconds since the epoch after which the venue must refuse.
            vault: Sub-account or vault to act for.
            mainnet: Whether the signature is good on mainnet, else everywhere but there.

        Raises:
            ConfigError: The text is no action, or the vault is no address.
        """

def recover_signer(body: bytes, *, mainnet: bool) -> str:
    """Find who signed a body of `POST /exchange`.

    Args:
        body: The request, as received.
        mainnet: The network the signature must be good for.

    Returns:
        The address, lower case; a changed byte gives another, random one.

    Raises:
        EventError: The body is no signed action, or nobody can have signed it.
    """
class PaperExchange:
    """Hyperliquid's protocol over a simulated exchange: bytes in, bytes out.

    It opens no socket and reads no clock. Whoever carries the bytes sets the clock before handing
    them in, runs the blocks, and takes out what is to be sent. Not thread-safe: one caller.
    """

    def __new__(
        cls, config_json: str, market_json: str, frames: bytes | None = None
    ) -> PaperExchange:
        """Open the exchange.

        Args:
            config_json: Settings of the exchange; unknown keys are errors.
            market_json: Where the other side comes from.
            frames: Lines of a recording, decompressed, where the market is one.

        Raises:
            ConfigError: With the key, its value and what is legal.
            EventError: With the line of the recording that cannot be used.
        """

    @property
    def time_ns(self) -> int:
        """Time of the last block, nanoseconds since the Unix epoch."""

    @property
    def next_block_ns(self) -> int:
        """Time of the next block, nanoseconds since the Unix epoch."""

    @property
    def market_label(self) -> str:
        """What the market is and what it does not prove."""

    @property
    def market_end_ns(self) -> int | None:
        """When a recorded market ends, nanoseconds since the Unix epoch; None: it has no end."""

    def set_clock(self, now_ns: int, wall_ns: int, speed_achieved: float) -> None:
        """Say what time it is.

        Args:
            now_ns: Exchange time, nanoseconds since the Unix epoch; it never goes back.
            wall_ns: Wall time, likewise; nonces near it are good too at a speed other than 1.
            speed_achieved: Exchange seconds carried out per wall second since the start.
        """

    def info(self, body: bytes) -> tuple[int, bytes]:
        """Answer a body of `POST /info` with status and body."""

    def submit(self, body: bytes) -> int | tuple[int, bytes]:
        """Take a body of `POST /exchange`.

        Returns:
            The number under which `take_replies` will hand out the answer, or the answer (status
            and body) when the exchange itself never sees the action.
        """

    def advance(self, to_ns: int, blocks_max: int) -> int:
        """Run whole blocks up to `to_ns`, at most `blocks_max`; return the last one's time."""

    def take_replies(self) -> list[tuple[int, int, bytes]]:
        """Take the replies since the last call: number, status, body."""

    def connect(self) -> int:
        """Open a websocket connection and return its number."""

    def ws_message(self, connection: int, text: str) -> bool:
        """Take a text frame of a client; False when the venue would cut the connection."""

    def disconnect(self, connection: int) -> None:
        """Forget a websocket connection."""

    def take_frames(self) -> list[tuple[int, bytes]]:
        """Take the frames to send since the last call, in order: connection and text."""

    def announce_clock(self) -> None:
        """Queue the clock for those who subscribed to it."""

    def take_report(self) -> bytes:
        """Take the exchange's own report since the last call, as JSON lines."""

    def finish_report(self) -> bytes:
        """Take the report's end, as JSON lines: orders left and totals."""

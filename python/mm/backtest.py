"""A backtest: recordings in, the engine over them in the core, one summary out."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

from mm import edge_shown
from mm._core import BacktestResult, Instrument, Tape
from mm._core import backtest as run_core
from mm.audit.breaches import find_breaches
from mm.audit.journal import Json, read_log, read_report, read_sends
from mm.audit.reference import disagreement
from mm.config import Config, engine_config_json, expires_after_s
from mm.errors import UNREADABLE, ConfigError, EventError
from mm.frames import listing_beside, read_frames
from mm.paper.opening import BLOCK_MS, LISTED

SESSION_BITS = 53
"""Of a session id, so that every JSON reader keeps it whole."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Recording:
    """Frames of one coin.

    Attributes:
        paths: Where they came from, in order of time.
        instrument: The perp, as asset 0.
        frames: The lines of all files.
        first_lines: Number of each file's first line among all.
    """

    paths: tuple[Path, ...]
    instrument: Instrument
    frames: bytes
    first_lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Followed:
    """Frames of the coin that another one may follow.

    Attributes:
        paths: Where they came from, in order of time.
        coin: The perp.
        frames: The lines of all files.
        first_lines: Number of each file's first line among all.
    """

    paths: tuple[Path, ...]
    coin: str
    frames: bytes
    first_lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Backtested:
    """A finished backtest.

    Attributes:
        summary: The machine-readable end.
        log: The event log of the reported pass, JSON lines.
        sends: Which nonce carried which action.
        report: The exchange's own report.
        events: Events stepped in all passes.
        wall_s: Wall seconds of the passes.
    """

    summary: dict[str, Any]  # Any: JSON
    log: bytes
    sends: bytes
    report: bytes
    events: int
    wall_s: float


def read_recording(
    paths: Sequence[Path],
    coin: str | None = None,
    sz_decimals: int | None = None,
    max_leverage: int | None = None,
) -> Recording:
    """Read the files of one coin, in the order given.

    Args:
        paths: Frames, `.zst` or plain.
        coin: The perp; None: the one that the first frame speaks of.
        sz_decimals: Decimals of its size; None: as known of recordings.
        max_leverage: Its largest leverage; None: likewise.

    Returns:
        What they hold.

    Raises:
        ConfigError: The perp's decimals and leverage are not known.
        EventError: A file cannot be read; with its path and line.
    """
    parts, first_lines = _parts(paths)
    coin = coin or _coin_of(parts[0], paths[0])
    listed: tuple[int | None, int | None] = LISTED.get(coin, (None, None))
    if (told := listing_beside(paths[0])) is not None and told.coin == coin:
        listed = told.sz_decimals, told.max_leverage
    decimals = listed[0] if sz_decimals is None else sz_decimals
    leverage = listed[1] if max_leverage is None else max_leverage
    if decimals is None or leverage is None:
        raise ConfigError(
            f"{paths[0]}: coin {coin!r} is none of {', '.join(LISTED)}:"
            " give --sz-decimals and --max-leverage as the venue lists it"
        )
    instrument = Instrument(coin, 0, decimals, leverage)
    return Recording(tuple(paths), instrument, b"".join(parts), first_lines)


def read_followed(
    paths: Sequence[Path], by: Collection[str] = (), coin: str | None = None
) -> Followed:
    """Read the recording of the coin that another one may follow.

    Args:
        paths: Frames, `.zst` or plain, in order of time.
        by: Coins that are to follow it; those that it is itself follow nothing.
        coin: The perp; None: the one that the first frame speaks of.

    Raises:
        ConfigError: No coin is left to follow it.
        EventError: A file cannot be read; with its path and line.
    """
    parts, first_lines = _parts(paths)
    coin = coin or _coin_of(parts[0], paths[0])
    if by and not set(by) - {coin}:
        raise ConfigError(
            f"--reference was {paths[0]}, a recording of {coin}, which is quoted:"
            " expected one of another coin"
        )
    return Followed(tuple(paths), coin, b"".join(parts), first_lines)


def _parts(paths: Sequence[Path]) -> tuple[list[bytes], tuple[int, ...]]:
    """The lines of each file, and the number of its first among all."""
    parts: list[bytes] = []
    first_lines, lines = [], 1
    for path in paths:
        part = read_frames(path)
        if not part:
            raise EventError(f"{path}: the file is empty")
        # Only the last file may end without a line end: the core tells when it is cut off.
        whole = part.endswith(b"\n") or path is paths[-1]
        parts.append(part if whole else part + b"\n")
        first_lines.append(lines)
        lines += parts[-1].count(b"\n")
    return parts, tuple(first_lines)


def _coin_of(frames: bytes, path: Path) -> str:
    """The coin that the first frame speaks of."""
    for number, line in enumerate(frames.splitlines(), start=1):
        try:
            data = json.loads(line.partition(b" ")[2])["data"]
            coin = (data[0] if isinstance(data, list) else data).get("coin")
        except UNREADABLE as error:
            raise EventError(
                f"{path}: line {number}: expected `<receive ns> <frame JSON>`,"
                f" found {line[:40].decode(errors='replace')!r}"
            ) from error
        if isinstance(coin, str):
            return coin
    raise EventError(f"{path}: no frame names a coin")


def run_backtest(
    recording: Recording,
    config: Config,
    progress: Progress | None = None,
    followed: Followed | None = None,
) -> Backtested:
    """Run one coin's recording through the engine.

    Args:
        recording: The frames.
        config: An effective configuration; `process.speed` 1 and the recording as its market.
        progress: Called with queue bound, frames done and frames in all.
        followed: Frames of the coin that is its reference.

    Returns:
        The result, audited.

    Raises:
        EventError: A line cannot be used; with its file and number.
    """
    session = session_of(config, recording)
    pieces: list[bytes] = []
    started = time.perf_counter()
    tape = tape_of(recording, config, followed)
    result = run_passes(recording, tape, config, progress, pieces.append)
    wall_s = time.perf_counter() - started
    log = b"".join(pieces)
    summary = _summary(session, recording, result, log, wall_s)
    return Backtested(summary, log, result.sends, result.report, result.events, wall_s)


def tape_of(recording: Recording, config: Config, followed: Followed | None = None) -> Tape:
    """The recording as the core plays it.

    Args:
        recording: The frames.
        config: With the feed's latency, and with the coin that is followed.
        followed: Frames of that coin.

    Raises:
        ConfigError: Another coin is to be followed than was recorded, or none was.
        EventError: A line cannot be used; with its file and number.
    """
    coin = config.models.followed
    if coin is not None and (followed is None or followed.coin != coin):
        raise ConfigError(
            f"[models] reference = coin:{coin}: expected a recording of {coin} beside that of"
            f" {recording.instrument.coin}, --reference PATH,"
            f" and found {'none' if followed is None else f'one of {followed.coin}'}"
        )
    feed_s = config.backtest.feed_latency_s
    try:
        tape = Tape(
            recording.instrument,
            recording.frames,
            feed_s=feed_s,
            book_every_s=config.backtest.book_every_s,
        )
    except EventError as error:
        raise EventError(_placed(str(error), recording)) from error
    if followed is None or coin is None:
        return tape
    try:
        return tape.with_reference(coin, followed.frames, feed_s=feed_s)
    except EventError as error:
        raise EventError(_placed(str(error), followed)) from error


def run_passes(  # noqa: PLR0913 - keywords of one call of the core
    recording: Recording,
    tape: Tape,
    config: Config,
    progress: Progress | None = None,
    log: Callable[[bytes], object] | None = None,
    *,
    planted: str | None = None,
    all_bounds: bool = True,
    traded_before_usd: float = 0.0,
    look: Callable[[int, dict[str, Any]], object] | None = None,
    look_s: float = 1.0,
) -> BacktestResult:
    """The core's passes over a tape, not audited.

    Args:
        recording: What the tape is of.
        tape: The market.
        config: An effective configuration.
        progress: Called with queue bound, frames done and frames in all.
        log: Called with pieces of the reported pass's event log.
        planted: A bug of the core to plant, as a drill names it; `refresh` is the plain maker.
        all_bounds: Whether the bounds that are not reported have their passes too.
        traded_before_usd: By the address: it earned a request a USDC.
        look: Called in the reported pass with a receive time and what the engine shows then.
        look_s: Seconds between two looks.
    """
    return run_core(
        _drilled(engine_config_json(config, session_of(config, recording)), planted),
        tape,
        equity_usd=config.paper.equity_usd,
        leverage=config.account.leverage,
        maker_fee_bps=config.paper.maker_fee_bps,
        taker_fee_bps=config.paper.taker_fee_bps,
        order_s=config.backtest.order_latency_s,
        ack_s=config.backtest.ack_latency_s,
        block_s=BLOCK_MS / 1000,
        expires_after_s=expires_after_s(config),
        queue_bound=config.backtest.queue_bound,
        all_bounds=all_bounds,
        traded_before_usd=traded_before_usd,
        progress=progress,
        log=log,
        look=look,
        look_s=look_s,
    )


def _drilled(engine_config: str, planted: str | None) -> str:
    """The engine's configuration with a bug to plant; no host dies here, so no stop is to rest.

    The books are recorded: they do not show our orders.
    """
    whole = json.loads(engine_config)
    whole["protection"]["resident_stop"] = False
    whole["books_show_own"] = False
    if planted is not None:
        whole["drill"] = {"room_factor": 1.0, "gate": "enforced", "bug": planted}
    return json.dumps(whole)


def session_of(config: Config, recording: Recording) -> int:
    """The session id: of configuration and coin, so that a repeat is the same to the byte."""
    digest = hashlib.sha256(engine_config_json(config, 0).encode())
    digest.update(f"{recording.instrument!r} {config.paper!r} {config.backtest!r}".encode())
    return int.from_bytes(digest.digest()[:8]) >> (64 - SESSION_BITS)


def _placed(text: str, recording: Recording | Followed) -> str:
    """An error of the core with its line's own file and number."""
    words = text.split(":", 1)
    number = words[0].removeprefix("line ")
    if len(words) == 1 or not number.isdigit():
        return f"{recording.paths[0]}: {text}"
    line = int(number)
    file = max(i for i, first in enumerate(recording.first_lines) if first <= line)
    line -= recording.first_lines[file] - 1
    return f"{recording.paths[file]}: line {line}:{words[1]}"


def _summary(
    session: int, recording: Recording, result: BacktestResult, log: bytes, wall_s: float
) -> dict[str, Any]:
    """The machine-readable end, in the documented order."""
    top: dict[str, Any] = json.loads(result.json)
    # The core counts its passes' exchange time once each.
    speed = len(top["bounds"]) * top["duration_s"] / wall_s
    whole = {
        "session": session,
        "network": "paper",
        "market": "replay:" + ",".join(str(path) for path in recording.paths),
        "coin": top["coin"],
        "duration_s": round(top["duration_s"], 3),
        "speed_achieved": round(speed, 1),
        **{key: top[key] for key in _AS_THE_CORE_HAS_IT},
        "breaches": _breaches(result, log, recording.instrument),
        "open_orders_after_stop": top["open_orders_after_stop"],
        "pnl_usd": top["pnl_usd"],
        "markouts": top["markouts"],
        "markouts_split": top["markouts_split"],
        "edge": edge_shown.as_json(top),
        "latency_us": {
            "step_p50": result.step_us(0.5),
            "step_p99": result.step_us(0.99),
            "tick_to_bytes_p50": None,
            "tick_to_bytes_p99": None,
            "ack_p50": None,
            "ack_p99": None,
        },
    }
    ending = ("queue_bound", "bounds", "kill", "decision_hash", "exit_reason")
    return {**whole, **{key: top[key] for key in ending}}


_AS_THE_CORE_HAS_IT = (
    "quote_cycles",
    "ready_cycles",
    "two_sided_cycles",
    "market_takers",
    "our_share",
    "orders",
    "fills_buy",
    "fills_sell",
    "volume_usd",
    "requests",
    "position",
    "limit",
)


def _breaches(result: BacktestResult, log: bytes, instrument: Instrument) -> int:
    """Breaches that the exchange's report shows, by the audit of any other run."""
    header = json.loads(log[: log.index(b"\n")])["h"]["config"]

    def recompute(limits: Json) -> str | None:
        return disagreement(
            limits, header["limits"], header["freshness"], sz_decimals=instrument.sz_decimals
        )

    found = find_breaches(
        read_log(_without_market(log)),
        read_sends(result.sends),
        read_report(result.report),
        result.user,
        instrument.coin,
        recompute,
    )
    return len(found)


def _without_market(log: bytes) -> bytes:
    """The log with each event the audit does not read made a timer: books are most of its bytes."""
    timer = b'{"e":{"recv":0,"body":"Timer"}}'
    read = (b'"Reply"', b'"OpenOrders"')
    return b"\n".join(
        timer if line.startswith(b'{"e":') and not any(word in line[:60] for word in read) else line
        for line in log.splitlines()
    )


def write_run(directory: Path, done: Backtested) -> None:
    """Write the run as `mm run` does, so that `mm replay` and the audit read it.

    Raises:
        ConfigError: The directory cannot be made, or holds a run already.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / "events.jsonl.zst").open("xb") as file:
            file.write(zstandard.ZstdCompressor(level=3).compress(done.log))
        (directory / "sent.jsonl").write_bytes(done.sends)
        (directory / "exchange.jsonl").write_bytes(done.report)
        text = json.dumps(done.summary, indent=1)
        (directory / "summary.json").write_text(text + "\n", encoding="utf-8")
    except FileExistsError as error:
        raise ConfigError(f"{directory}: holds a run already; give another --out") from error
    except OSError as error:
        raise ConfigError(f"{directory}: {error.strerror}") from error

"""`mm exchange`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mm.config import PaperConfig, ProcessConfig

_PROCESS = ProcessConfig()
_PAPER = PaperConfig()


def exchange(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="On 127.0.0.1; 0: a free one, announced.")
    ] = _PROCESS.exchange_port,
    account: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS=USDC[,DEX:USDC]",
            help="An account and what it holds, on builders' dexes (or `spot`) too; repeatable.",
        ),
    ] = None,
    vault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS=USDC", help="A vault that the first account leads; repeatable."
        ),
    ] = None,
    perp: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=SZ_DECIMALS,MAX_LEVERAGE,PX[,MARGIN][,growth]",
            help="Of the demo market: one more perp, DEX:COIN for one of a builder's dex, or"
            " another instead of its own of that name. MARGIN: any, noCross or strictIsolated."
            " growth: in growth mode, for a tenth of the fees. Repeatable.",
        ),
    ] = None,
    oi_cap: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=USDC", help="A perp's cap on its open interest; repeatable."),
    ] = None,
    market: Annotated[
        str,
        typer.Option(
            metavar="demo|calibrated|replay:PATH|mirror[:SOURCE]",
            help="Where the other side comes from. mirror: live public data of mainnet; SOURCE:"
            " testnet, or a URL.",
        ),
    ] = _PROCESS.market,
    coin: Annotated[
        str | None,
        typer.Option(help="The perp of a mirror, or of a recording not named after it."),
    ] = None,
    sz_decimals: Annotated[
        int | None, typer.Option(min=0, max=6, help="Decimals of its size, where not known.")
    ] = None,
    max_leverage: Annotated[
        int | None, typer.Option(min=1, max=100, help="Its largest leverage, where not known.")
    ] = None,
    bound: Annotated[
        Literal["pessimistic", "prorata", "optimistic"],
        typer.Option(help="Of a recording: who cancelled when a displayed size fell."),
    ] = "pessimistic",
    speed: Annotated[
        float, typer.Option(min=0.01, max=1000, help="Market seconds per second.")
    ] = _PROCESS.speed,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**32 - 1, help="Of a made-up market; absent: fresh.")
    ] = None,
    cadence: Annotated[
        Literal["2026", "legacy"] | None,
        typer.Option(help="Of market data; absent: legacy for a recording, else 2026."),
    ] = None,
    maker_fee_bps: Annotated[
        float, typer.Option(min=-5, max=100, help="Of notional.")
    ] = _PAPER.maker_fee_bps,
    taker_fee_bps: Annotated[
        float, typer.Option(min=0, max=100, help="Of notional.")
    ] = _PAPER.taker_fee_bps,
    schedule_gate: Annotated[
        Literal["volume", "open"],
        typer.Option(help="scheduleCancel: after $1,000,000 of volume, as the venue, or at once."),
    ] = "volume",
    replies: Annotated[
        Literal["first", "last"],
        typer.Option(help="REST replies before or after the stream frames of their block."),
    ] = "first",
    ip_limits: Annotated[
        Literal["venue", "off"],
        typer.Option(help="Request weight, sockets and messages of one address: held to, or not."),
    ] = "off",
    faults: Annotated[
        Path | None,
        typer.Option(
            metavar="PLAN", help="What goes wrong, to the first account: a TOML or JSON file."
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="The exchange's own report, JSON lines: actions, exposure, orders left."),
    ] = None,
    patience_s: Annotated[
        float | None,
        typer.Option(min=1, help="End after this many seconds without a client; absent: never."),
    ] = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Also write the announcement here, when it serves.")
    ] = None,
) -> None:
    """Serve the paper exchange alone, in Hyperliquid's own protocol, on loopback.

    When it serves it prints one JSON object: port, instance, pid and what it was opened with.
    SIGTERM or Ctrl-C end it in order. No keys, no real money.
    """
    from mm.paper.opening import Terms
    from mm.paper.serving import serve

    terms = Terms(
        market=market,
        coin=coin,
        sz_decimals=sz_decimals,
        max_leverage=max_leverage,
        seed=seed,
        speed=speed,
        accounts=tuple(account or ()),
        cadence=cadence,
        bound=bound,
        maker_fee_bps=maker_fee_bps,
        taker_fee_bps=taker_fee_bps,
        schedule_gate=schedule_gate,
        replies=replies,
        faults=faults,
        ip_limits=ip_limits,
        vaults=tuple(vault or ()),
        perps=tuple(perp or ()),
        oi_caps=tuple(oi_cap or ()),
    )
    serve(terms, port, report, ready_file, patience_s)

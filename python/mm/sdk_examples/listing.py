"""Which example is run, what it must see, and which are not run and why."""

from dataclasses import dataclass

VAULT = "0x1719884eb866cb12b2287399b15f7db5e7d775ea"
"""The vault that `basic_vault.py` names: our account leads it here."""

LENT_VAULT = "0xa15099a30bbf2e68942d6f4c43d70d04faeab0a0"
"""The vault that `basic_vault_transfer.py` names."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A script that is run.

    Attributes:
        sees: Patterns that what it saw must show, in this order: its lines, replies in few words.
        arguments: Its command line.
        exchange: Options of `mm exchange` beside those every script has.
        ends_after_s: For one that never ends: how long it is let run, wall seconds.
    """

    sees: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    exchange: tuple[str, ...] = ()
    ends_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class NotRun:
    """A script that is not run.

    Attributes:
        why: The part of the venue that it is about.
    """

    why: str


_MULTI_SIG = NotRun("multi-signature accounts")
_SPOT = NotRun("trading and sending of spot tokens other than USDC")
_DEPLOY = NotRun("deploying assets")
_EVM = NotRun("the EVM chain beside the exchange")
_VALIDATORS = NotRun("validators")
_MODES = NotRun("account modes other than `disabled`")

SCRIPTS: dict[str, Ran | NotRun] = {
    "basic_adding": Ran(
        (r"open_orders \[\]", "Placing order: ", r"open_orders \[\{.*'coin': 'ETH'"),
        ends_after_s=25,
    ),
    "basic_agent": Ran(
        (
            *("with agent address", "resting", "cancel success"),
            *("with extra agent address", "resting", "cancel success"),
        )
    ),
    "basic_builder_fee": Ran(("done", "filled 0.05")),
    "basic_convert_to_multi_sig_user": _MULTI_SIG,
    "basic_evm_use_big_blocks": _EVM,
    "basic_leverage_adjustment": Ran(("done", "done", "Position does not use isolated margin")),
    "basic_market_order": Ran(
        (r"Order #\d+ filled 0.05 @\d+", "Market Close all ETH", r"Order #\d+ filled 0.05 @\d+")
    ),
    "basic_order": Ran(("resting", "status open", "cancel success")),
    "basic_order_modify": Ran(("resting", "status open", "resting", "resting")),
    "basic_order_with_builder_deployed_dex": Ran(
        ("dummy dex meta: .*'test:ABC'", "resting", "status open", "cancel success")
    ),
    "basic_order_with_cloid": Ran(
        ("resting", "status open", "status unknownOid", "cancel success")
    ),
    "basic_recover_user": NotRun("nothing of the venue: it recovers a signer offline"),
    "basic_schedule_cancel": Ran(
        ("resting", "status open", "done", r"open orders: \[\]"),
        exchange=("--schedule-gate", "open"),
    ),
    "basic_send_asset": Ran(("done",)),
    "basic_set_referrer": NotRun("referrals"),
    "basic_spot_order": _SPOT,
    "basic_spot_to_builder_deployed_perp_dex": Ran(("done", "done")),
    "basic_spot_to_perp": Ran(("done", "done")),
    "basic_spot_transfer": _SPOT,
    "basic_staking": NotRun("staking"),
    "basic_sub_account": Ran(
        ("createSubAccount done", "done", "subAccountSpotTransfer is not supported")
    ),
    "basic_tpsl": Ran(
        (
            *("filled 0.02", "waitingForTrigger", "waitingForTrigger"),
            *("filled 0.02", "waitingForTrigger", "waitingForTrigger"),
        )
    ),
    "basic_transfer": Ran(("done",)),
    "basic_vault": Ran(("resting", "cancel success"), exchange=("--vault", f"{VAULT}=1000")),
    "basic_vault_transfer": Ran(("done",), exchange=("--vault", f"{LENT_VAULT}=1000")),
    "basic_withdraw": Ran(("done",)),
    "basic_ws": Ran(
        tuple(
            f"{name} frame"
            for name in ("allMids", "l2Book", "candle", "bbo", "activeAssetCtx", "activeAssetData")
        ),
        ends_after_s=12,
    ),
    "c_signer": _VALIDATORS,
    "c_validator": _VALIDATORS,
    "cancel_open_orders": Ran(("Running with account address",)),
    "dex_abstraction": _MODES,
    "evm_block_indexer": _EVM,
    "evm_erc20": _EVM,
    "multi_sig_convert_to_normal_user": _MULTI_SIG,
    "multi_sig_order": _MULTI_SIG,
    "multi_sig_register_token": _MULTI_SIG,
    "multi_sig_usd_send": _MULTI_SIG,
    "parse_token_delegate_from_replica_cmds": NotRun("nothing of the venue: it reads files"),
    "perp_deploy": _DEPLOY,
    "priority_fees": Ran(
        ("gossipPriorityBid is not supported", "Insufficient delegatable balance")
    ),
    "rounding": Ran((r"placing order with px 1\.2346 and sz 12\.3", "resting", "cancel success")),
    "spot_deploy": _DEPLOY,
    "user_abstraction": _MODES,
}
"""By the name of the file without its ending."""

//! What `POST /info` can be asked. Unknown fields are ignored; `null` equals absent.

use mm_core::action::Cloid;
use mm_hl::address::Address;
use serde::Deserialize;

use super::candles::Interval;
use super::subscription::null_is_main;

/// A body of `POST /info`.
#[derive(Debug, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub(crate) enum InfoRequest {
    Meta {
        #[serde(default, deserialize_with = "null_is_main")]
        dex: String,
    },
    MetaAndAssetCtxs {
        #[serde(default, deserialize_with = "null_is_main")]
        dex: String,
    },
    AllMids {
        #[serde(default, deserialize_with = "null_is_main")]
        dex: String,
    },
    L2Book {
        coin: String,
        n_sig_figs: Option<u32>,
        mantissa: Option<u32>,
    },
    RecentTrades {
        coin: String,
    },
    CandleSnapshot {
        req: CandleRange,
    },
    FundingHistory {
        coin: String,
        start_time: i64,
        end_time: Option<i64>,
    },
    PredictedFundings,
    PerpDexs,
    AllPerpMetas,
    PerpDexLimits {
        dex: String,
    },
    PerpDexStatus {
        dex: String,
    },
    PerpsAtOpenInterestCap,
    MarginTable {
        id: u32,
    },
    SpotMeta,
    SpotMetaAndAssetCtxs,
    ExchangeStatus,
    ClearinghouseState {
        user: Address,
        #[serde(default, deserialize_with = "null_is_main")]
        dex: String,
    },
    SpotClearinghouseState {
        user: Address,
    },
    OpenOrders {
        user: Address,
        #[serde(default, deserialize_with = "null_is_main")]
        dex: String,
    },
    FrontendOpenOrders {
        user: Address,
        #[serde(default, deserialize_with = "null_is_main")]
        dex: String,
    },
    OrderStatus {
        user: Address,
        oid: OidOrCloid,
    },
    HistoricalOrders {
        user: Address,
    },
    UserFills {
        user: Address,
        aggregate_by_time: Option<bool>,
    },
    UserFillsByTime {
        user: Address,
        start_time: i64,
        end_time: Option<i64>,
        aggregate_by_time: Option<bool>,
        reversed: Option<bool>,
    },
    UserFunding {
        user: Address,
        start_time: Option<i64>,
        end_time: Option<i64>,
    },
    UserNonFundingLedgerUpdates {
        user: Address,
        start_time: Option<i64>,
        end_time: Option<i64>,
    },
    UserRateLimit {
        user: Address,
    },
    UserFees {
        user: Address,
    },
    ActiveAssetData {
        user: Address,
        coin: String,
    },
    Portfolio {
        user: Address,
    },
    UserRole {
        user: Address,
    },
    UserAbstraction {
        #[serde(rename = "user")]
        _user: Address,
    },
    ExtraAgents {
        user: Address,
    },
    SubAccounts {
        user: Address,
    },
    MaxBuilderFee {
        user: Address,
        builder: Address,
    },
    UserVaultEquities {
        user: Address,
    },
    VaultDetails {
        vault_address: Address,
    },
    UserTwapSliceFills {
        #[serde(rename = "user")]
        _user: Address,
    },
    WebData2 {
        user: Address,
    },
    /// This exchange's own clock; no venue request.
    PaperClock,
}

/// Candles asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CandleRange {
    pub(crate) coin: String,
    pub(crate) interval: Interval,
    pub(crate) start_time: i64,
    pub(crate) end_time: Option<i64>,
}

/// An order named by the exchange's id or by the client's.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OidOrCloid {
    Oid(u64),
    Cloid(Cloid),
}

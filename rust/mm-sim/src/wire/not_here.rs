//! What the venue offers and this exchange does not: each is answered by its name, none in silence.

use serde_json::Value;

/// Types of `POST /info`.
const QUERIES: [&str; 26] = [
    "alignedQuoteTokenInfo",
    "borrowLendUserState",
    "delegations",
    "delegatorHistory",
    "delegatorRewards",
    "delegatorSummary",
    "gossipRootIps",
    "isVip",
    "leadingVaults",
    "legalCheck",
    "liquidatable",
    "maxMarketOrderNtls",
    "outcomeMeta",
    "perpDeployAuctionStatus",
    "preTransferCheck",
    "referral",
    "spotDeployState",
    "tokenDetails",
    "twapHistory",
    "userBorrowLendInterest",
    "userDexAbstraction",
    "userToMultiSigSigners",
    "userTwapSliceFillsByTime",
    "validatorL1Votes",
    "validatorSummaries",
    "vaultSummaries",
];

/// Feeds.
const FEEDS: [&str; 11] = [
    "allDexsAssetCtxs",
    "allDexsClearinghouseState",
    "explorerBlock",
    "explorerTxs",
    "fastAssetCtxs",
    "outcomeMetaUpdates",
    "spotAssetCtxs",
    "spotState",
    "twapStates",
    "userTwapHistory",
    "userTwapSliceFills",
];

/// What is said about a query that the venue would answer; `None`: it would not know it either.
pub(super) fn query(body: &[u8]) -> Option<String> {
    let said: Value = serde_json::from_slice(body).ok()?;
    let kind = said.get("type")?.as_str()?;
    named("Info request", kind, &QUERIES)
}

/// What is said about a subscription that the venue would serve; `None`: it would not know it either.
pub(super) fn feed(frame: &str) -> Option<String> {
    let said: Value = serde_json::from_str(frame).ok()?;
    if said.get("method")? != "subscribe" {
        return None;
    }
    let kind = said.get("subscription")?.get("type")?.as_str()?;
    named("Subscription", kind, &FEEDS)
}

fn named(what: &str, kind: &str, missing: &[&str]) -> Option<String> {
    missing
        .contains(&kind)
        .then(|| format!("{what} {kind} is not supported by this exchange."))
}

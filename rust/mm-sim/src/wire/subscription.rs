//! What a websocket client can ask for, in the venue's words.

use mm_hl::address::Address;
use serde::{Deserialize, Serialize};

use super::candles::Interval;

/// A frame from a client.
#[derive(Debug, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase")]
pub(crate) enum ClientFrame {
    /// Starts a feed.
    Subscribe {
        /// Which.
        subscription: Subscription,
    },
    /// Ends a feed.
    Unsubscribe {
        /// Which.
        subscription: Subscription,
    },
    /// Asks for a pong.
    Ping,
    /// A request over the socket.
    Post {
        /// Number the answer repeats.
        id: u64,
        /// The request.
        request: PostRequest,
    },
}

/// A request over the socket.
#[derive(Debug, Deserialize)]
pub(crate) struct PostRequest {
    /// What kind.
    #[serde(rename = "type")]
    pub(crate) kind: PostKind,
    /// Body as `POST /info` or `POST /exchange` take it.
    pub(crate) payload: serde_json::Value,
}

/// Kind of a request over the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PostKind {
    /// As `POST /info`.
    Info,
    /// As `POST /exchange`.
    Action,
}

/// A feed. Serialised as the acknowledgement repeats it, defaults filled in. After a block feeds are
/// served in this order: what happened to a user's orders before what happened in the market.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub(crate) enum Subscription {
    /// Changes of a user's orders.
    OrderUpdates { user: Address },
    /// Fills, funding, cancels not asked for.
    UserEvents { user: Address },
    /// Fills.
    UserFills {
        user: Address,
        #[serde(default, deserialize_with = "null_is_false")]
        aggregate_by_time: bool,
    },
    /// Funding payments.
    UserFundings { user: Address },
    /// Deposits, withdrawals, transfers.
    UserNonFundingLedgerUpdates { user: Address },
    /// Messages to a user.
    Notification { user: Address },
    /// Public trades.
    Trades { coin: String },
    /// Best bid and offer on change.
    Bbo { coin: String },
    /// Book snapshots.
    L2Book {
        coin: String,
        #[serde(default)]
        n_sig_figs: Option<u32>,
        #[serde(default)]
        mantissa: Option<u32>,
        #[serde(default, deserialize_with = "null_is_false")]
        fast: bool,
    },
    /// Mid of every coin.
    AllMids {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dex: Option<String>,
    },
    /// Mark, oracle, funding and volume of a coin.
    ActiveAssetCtx { coin: String },
    /// The open candle.
    Candle { coin: String, interval: Interval },
    /// A user's account.
    ClearinghouseState {
        user: Address,
        #[serde(default, deserialize_with = "null_is_main")]
        dex: String,
    },
    /// A user's open orders.
    OpenOrders {
        user: Address,
        #[serde(default, deserialize_with = "null_is_main")]
        dex: String,
    },
    /// Leverage and allowance of a user in a coin.
    ActiveAssetData { user: Address, coin: String },
    /// A user's whole state, old form.
    WebData2 { user: Address },
    /// A user's whole state.
    WebData3 { user: Address },
    /// This exchange's own clock; no venue channel.
    PaperClock,
}

impl Subscription {
    /// The coin it is about, where it is about one.
    pub(crate) fn coin(&self) -> Option<&str> {
        match self {
            Self::L2Book { coin, .. }
            | Self::Bbo { coin }
            | Self::Trades { coin }
            | Self::ActiveAssetCtx { coin }
            | Self::Candle { coin, .. }
            | Self::ActiveAssetData { coin, .. } => Some(coin),
            _ => None,
        }
    }

    /// The dex it is about; the main one where it says none.
    pub(crate) fn dex(&self) -> &str {
        match self {
            Self::OpenOrders { dex, .. } | Self::ClearinghouseState { dex, .. } => dex,
            Self::AllMids { dex } => dex.as_deref().unwrap_or_default(),
            _ => "",
        }
    }

    /// The user it is about, where it is about one.
    pub(crate) const fn user(&self) -> Option<Address> {
        match self {
            Self::OrderUpdates { user }
            | Self::UserEvents { user }
            | Self::UserFills { user, .. }
            | Self::UserFundings { user }
            | Self::UserNonFundingLedgerUpdates { user }
            | Self::ActiveAssetData { user, .. }
            | Self::OpenOrders { user, .. }
            | Self::ClearinghouseState { user, .. }
            | Self::Notification { user }
            | Self::WebData2 { user }
            | Self::WebData3 { user } => Some(*user),
            _ => None,
        }
    }
}

/// `null` equals absent for an optional flag.
fn null_is_false<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(false))
}

/// `null` equals absent for a dex: the main one.
pub(crate) fn null_is_main<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(text: &str) -> String {
        serde_json::to_string(&serde_json::from_str::<Subscription>(text).unwrap()).unwrap()
    }

    #[test]
    fn the_echo_fills_defaults_and_lowers_addresses() {
        assert_eq!(
            echo(r#"{"type":"l2Book","coin":"BTC"}"#),
            r#"{"type":"l2Book","coin":"BTC","nSigFigs":null,"mantissa":null,"fast":false}"#
        );
        assert_eq!(
            echo(r#"{"type":"userFills","user":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8"}"#),
            r#"{"type":"userFills","user":"0x70997970c51812dc3a010c7d01b50e0d17dc79c8","aggregateByTime":false}"#
        );
        assert_eq!(
            echo(r#"{"type":"bbo","coin":"BTC"}"#),
            r#"{"type":"bbo","coin":"BTC"}"#
        );
        assert_eq!(echo(r#"{"type":"paperClock"}"#), r#"{"type":"paperClock"}"#);
    }

    #[test]
    fn what_the_venue_does_not_know_is_refused() {
        for bad in [
            r#"{"method":"subscribe","subscription":{"type":"noSuchType","coin":"BTC"}}"#,
            r#"{"method":"subscribe","subscription":{"type":"bbo","coin":["BTC"]}}"#,
            r#"{"method":"post","request":{"type":"info","payload":{}}}"#,
            r#"{"method":"shout"}"#,
        ] {
            assert!(serde_json::from_str::<ClientFrame>(bad).is_err(), "{bad}");
        }
        assert!(serde_json::from_str::<ClientFrame>(r#"{"method":"ping"}"#).is_ok());
    }
}

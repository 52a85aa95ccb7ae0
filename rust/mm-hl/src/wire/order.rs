//! Orders, cancels and modifies. Field names are the venue's single letters.

use mm_core::action::Cloid;
use mm_core::units::Side;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Decimal;
use crate::address::Address;

/// `order`: new orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceOrders {
    /// The orders, at most 200.
    pub orders: Vec<OrderRequest>,
    /// How the orders belong together.
    pub grouping: Grouping,
    /// Fee for the software that built the order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builder: Option<Builder>,
}

/// One order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRequest {
    /// Asset number.
    #[serde(rename = "a")]
    pub asset: u32,
    /// Whether it buys.
    #[serde(rename = "b")]
    pub is_buy: bool,
    /// Limit price, USDC.
    #[serde(rename = "p")]
    pub px: Decimal,
    /// Size, coin.
    #[serde(rename = "s")]
    pub sz: Decimal,
    /// Whether it may only reduce the position.
    #[serde(rename = "r")]
    pub reduce_only: bool,
    /// Limit with its time in force, or trigger.
    #[serde(rename = "t")]
    pub kind: OrderKind,
    /// The client's order id.
    #[serde(
        rename = "c",
        default,
        skip_serializing_if = "Option::is_none",
        with = "optional_cloid"
    )]
    pub cloid: Option<Cloid>,
}

impl OrderRequest {
    /// Side of the order.
    #[must_use]
    pub const fn side(&self) -> Side {
        if self.is_buy { Side::Bid } else { Side::Ask }
    }
}

/// What makes an order match.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OrderKind {
    /// A limit order.
    Limit(LimitOrder),
    /// An order that waits for the mark price.
    Trigger(TriggerOrder),
}

/// A limit order's time in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitOrder {
    /// Time in force.
    pub tif: Tif,
}

/// Time in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tif {
    /// Post only.
    Alo,
    /// Immediate or cancel.
    Ioc,
    /// Good till cancelled.
    Gtc,
    /// The web client's market order; matches like [`Tif::Ioc`].
    FrontendMarket,
}

/// Take profit or stop loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TriggerOrder {
    /// Whether it becomes a market order.
    pub is_market: bool,
    /// Mark price that sets it off, USDC.
    pub trigger_px: Decimal,
    /// Which of the two.
    pub tpsl: Tpsl,
}

/// Take profit or stop loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tpsl {
    /// Take profit.
    Tp,
    /// Stop loss.
    Sl,
}

/// How the orders of an action belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Grouping {
    /// Not at all.
    Na,
    /// Take profit and stop loss of the first order.
    NormalTpsl,
    /// Take profit and stop loss of the position.
    PositionTpsl,
    /// Priority fee, in 1e-8 of notional.
    #[serde(untagged)]
    Priority {
        /// The rate.
        p: u64,
    },
}

/// The builder and its fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Builder {
    /// Who is paid.
    #[serde(rename = "b")]
    pub address: Address,
    /// Fee in tenths of a basis point.
    #[serde(rename = "f")]
    pub fee: u64,
}

/// `cancel`: cancels by the exchange's order id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelOrders {
    /// The orders.
    pub cancels: Vec<Cancel>,
    /// Fast cancel.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub fast: Option<bool>,
}

/// One cancel by oid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    /// Asset number.
    #[serde(rename = "a")]
    pub asset: u32,
    /// The exchange's order id.
    #[serde(rename = "o")]
    pub oid: u64,
}

/// `cancelByCloid`: cancels by the client's order id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelOrdersByCloid {
    /// The orders.
    pub cancels: Vec<CancelByCloid>,
    /// Fast cancel.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub fast: Option<bool>,
}

/// One cancel by cloid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelByCloid {
    /// Asset number.
    pub asset: u32,
    /// The client's order id.
    #[serde(with = "cloid")]
    pub cloid: Cloid,
}

/// `modify`: replaces one order; answers `default`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModifyOne {
    /// The order.
    pub oid: OrderRef,
    /// What it becomes.
    pub order: OrderRequest,
    /// Place the new order even when it takes.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub always_place: Option<bool>,
}

/// `batchModify`: replaces orders; answers like `order`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchModify {
    /// The replacements.
    pub modifies: Vec<Modify>,
    /// Place the new orders even when they take.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub always_place: Option<bool>,
}

/// One replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Modify {
    /// The order.
    pub oid: OrderRef,
    /// What it becomes.
    pub order: OrderRequest,
}

/// An order by either of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OrderRef {
    /// The exchange's order id.
    Oid(u64),
    /// The client's order id.
    Cloid(#[serde(with = "cloid")] Cloid),
}

/// A cloid as the venue reads it: 32 hex digits of either case, `0x` or not (recorded: it took a
/// bare one and hashed it with the prefix). Written without the formatting machinery, since each
/// order's is written twice for a signature.
mod cloid {
    use super::{Cloid, Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        cloid: &Cloid,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut text = [b'0'; 34];
        text[1] = b'x';
        // The output is twice the input, so this cannot fail.
        if hex::encode_to_slice(cloid.0.to_be_bytes(), &mut text[2..]).is_err() {
            return serializer.collect_str(cloid);
        }
        let text = core::str::from_utf8(&text).expect("Invariant: hex digits are ASCII");
        serializer.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Cloid, D::Error> {
        let text = String::deserialize(from)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        Cloid::parse(&format!("0x{digits}")).ok_or_else(|| {
            let wanted = "expected 0x and 32 hex digits";
            serde::de::Error::custom(format!("cloid was {text:?}, {wanted}"))
        })
    }
}

mod optional_cloid {
    use super::{Cloid, Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Text(#[serde(with = "super::cloid")] Cloid);

    #[expect(clippy::ref_option, reason = "serde hands over the field")]
    pub(super) fn serialize<S: Serializer>(
        cloid: &Option<Cloid>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        cloid.map(Text).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Cloid>, D::Error> {
        Ok(Option::<Text>::deserialize(from)?.map(|text| text.0))
    }
}

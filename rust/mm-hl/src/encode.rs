//! From a decision to what goes on the wire.

use mm_core::action::{Action, ActionBody, NewOrder, Tif};
use mm_core::instrument::Instrument;
use mm_core::units::Side;

use crate::wire::{
    BatchModify, CancelByCloid, CancelOrdersByCloid, Decimal, ExchangeAction, Grouping, LimitOrder,
    Modify, OrderKind, OrderRef, OrderRequest, PlaceOrders, Tif as WireTif,
};

/// An order that the wire cannot carry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{cloid}: {what} was {found} lattice units, expected a positive number below 9.2e10 USDC or coin"
)]
pub struct EncodeError {
    what: &'static str,
    found: i64,
    cloid: mm_core::action::Cloid,
}

/// The exchange action that carries out an engine action.
///
/// # Errors
/// [`EncodeError`] for a price or size that is not positive or too large for the wire.
pub fn exchange_action(
    action: &Action,
    instrument: &Instrument,
) -> Result<ExchangeAction, EncodeError> {
    let asset = instrument.asset();
    Ok(match &action.body {
        ActionBody::Place(orders) => ExchangeAction::Order(PlaceOrders {
            orders: orders
                .iter()
                .map(|new| order(new, instrument))
                .collect::<Result<_, _>>()?,
            grouping: Grouping::Na,
            builder: None,
        }),
        ActionBody::Modify(amends) => {
            let modify = |amend: &mm_core::action::Amend| {
                let order = order(&amend.order, instrument)?;
                Ok(Modify {
                    oid: OrderRef::Oid(amend.oid),
                    order,
                })
            };
            let modifies = amends.iter().map(modify).collect::<Result<_, _>>()?;
            ExchangeAction::BatchModify(BatchModify {
                modifies,
                always_place: None,
            })
        }
        ActionBody::Cancel(cancels) => {
            let cancels = cancels.iter().map(|at| CancelByCloid {
                asset,
                cloid: at.cloid,
            });
            let cancels = cancels.collect();
            ExchangeAction::CancelByCloid(CancelOrdersByCloid {
                cancels,
                fast: None,
            })
        }
    })
}

fn order(new: &NewOrder, instrument: &Instrument) -> Result<OrderRequest, EncodeError> {
    let refused = |what, found| EncodeError {
        what,
        found,
        cloid: new.cloid,
    };
    let px = Decimal::from_px(new.px, instrument).filter(|px| px.units() > 0);
    let sz = Decimal::from_sz(new.sz, instrument).filter(|sz| sz.units() > 0);
    Ok(OrderRequest {
        asset: instrument.asset(),
        is_buy: new.side == Side::Bid,
        px: px.ok_or_else(|| refused("px", new.px.0))?,
        sz: sz.ok_or_else(|| refused("sz", new.sz.0))?,
        reduce_only: new.reduce_only,
        kind: OrderKind::Limit(LimitOrder { tif: tif(new.tif) }),
        cloid: Some(new.cloid),
    })
}

const fn tif(tif: Tif) -> WireTif {
    match tif {
        Tif::Alo => WireTif::Alo,
        Tif::Ioc => WireTif::Ioc,
        Tif::Gtc => WireTif::Gtc,
    }
}

#[cfg(test)]
mod tests {
    use mm_core::action::{Amend, Cloid, Reason};
    use mm_core::units::{Px, Sz};

    use super::*;

    fn bid(px: i64, sz: i64) -> NewOrder {
        NewOrder {
            cloid: Cloid::new(1, 2),
            side: Side::Bid,
            px: Px(px),
            sz: Sz(sz),
            tif: Tif::Alo,
            reduce_only: false,
            reason: Reason::NewLevel,
        }
    }

    fn json(body: ActionBody) -> Result<String, EncodeError> {
        let btc = Instrument::new("BTC", 3, 5, 40).unwrap();
        let action = exchange_action(
            &Action {
                id: 1,
                cycle: 1,
                body,
            },
            &btc,
        )?;
        Ok(serde_json::to_string(&action).unwrap())
    }

    #[test]
    fn orders_are_written_as_the_venue_hashes_them() {
        let order = r#"{"a":3,"b":true,"p":"84143","s":"0.001","r":false,"t":{"limit":{"tif":"Alo"}},"c":"0x00000000000000010000000000000002"}"#;
        assert_eq!(
            json(ActionBody::Place(vec![bid(841_430, 100)])).unwrap(),
            format!(r#"{{"type":"order","orders":[{order}],"grouping":"na"}}"#)
        );
        let amend = Amend {
            oid: 9,
            order: bid(841_430, 100),
        };
        assert_eq!(
            json(ActionBody::Modify(vec![amend])).unwrap(),
            format!(r#"{{"type":"batchModify","modifies":[{{"oid":9,"order":{order}}}]}}"#)
        );
        let cancel = mm_core::action::Cancel {
            cloid: Cloid::new(1, 2),
            reason: Reason::Stop,
        };
        assert_eq!(
            json(ActionBody::Cancel(vec![cancel])).unwrap(),
            r#"{"type":"cancelByCloid","cancels":[{"asset":3,"cloid":"0x00000000000000010000000000000002"}]}"#
        );
    }

    #[test]
    fn an_order_without_price_or_size_is_refused() {
        assert!(
            json(ActionBody::Place(vec![bid(0, 1)]))
                .unwrap_err()
                .to_string()
                .contains("px was 0")
        );
        assert!(
            json(ActionBody::Place(vec![bid(1, -1)]))
                .unwrap_err()
                .to_string()
                .contains("sz was -1")
        );
    }
}

//! Take profit and stop loss that belong to an order or to a position (HYPERLIQUID.md 3.1).
//!
//! Those of an order wait until it is wholly filled and end with it when it ends otherwise; when
//! one of them has filled, the other is cancelled. Those of a position close all of it and end with
//! it.

use mm_core::units::{Side, Sz};
use mm_hl::wire::Grouping;

use super::SimExchange;
use super::checks::NewOrder;
use super::message::{Order, PlaceStatus};
use super::status::OrderState;

/// What a trigger order belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bond {
    /// The order with this oid, together with its other child.
    Parent(u64),
    /// The position.
    Position,
}

/// Trigger orders that an order may bring along: a take profit and a stop loss.
const CHILDREN_MAX: usize = 2;

/// Static check of a group: the venue's words where its orders do not belong together so.
pub(super) fn check_group(grouping: Grouping, orders: &[NewOrder]) -> Result<(), String> {
    let children = match grouping {
        Grouping::Na | Grouping::Priority { .. } => return Ok(()),
        Grouping::NormalTpsl => {
            let (parent, children) = orders.split_first().ok_or("Orders are empty.")?;
            let count = 1..=CHILDREN_MAX;
            if parent.trigger.is_some() || !count.contains(&children.len()) {
                return Err("Unexpected number of trigger orders".to_owned());
            }
            if children.iter().any(|child| child.side == parent.side) {
                return Err("TP/SL orders must be on the other side of their order.".to_owned());
            }
            children
        }
        Grouping::PositionTpsl => orders,
    };
    if children.iter().any(|child| child.trigger.is_none()) {
        return Err("Unexpected number of trigger orders".to_owned());
    }
    if children.iter().any(|child| !child.reduce_only) {
        return Err("TP/SL orders must be reduce only.".to_owned());
    }
    Ok(())
}

impl SimExchange {
    /// Places a batch that passed the static checks.
    pub(super) fn place_group(
        &mut self,
        who: u32,
        grouping: Grouping,
        orders: &[NewOrder],
    ) -> Vec<PlaceStatus> {
        match grouping {
            Grouping::NormalTpsl => self.place_with_children(who, orders),
            Grouping::PositionTpsl => {
                let bonded = orders.iter().map(|order| NewOrder {
                    bond: Some(Bond::Position),
                    ..*order
                });
                bonded.map(|order| self.place(who, &order)).collect()
            }
            Grouping::Na | Grouping::Priority { .. } => {
                orders.iter().map(|order| self.place(who, order)).collect()
            }
        }
    }

    fn place_with_children(&mut self, who: u32, orders: &[NewOrder]) -> Vec<PlaceStatus> {
        let Some((parent, children)) = orders.split_first() else {
            return Vec::new();
        };
        let status = self.place(who, parent);
        let bonded = |oid| {
            children.iter().map(move |child| NewOrder {
                bond: Some(Bond::Parent(oid)),
                ..*child
            })
        };
        let mut statuses = vec![status.clone()];
        match status {
            PlaceStatus::Filled { oid, total_sz, .. } if total_sz == parent.sz => {
                statuses.extend(bonded(oid).map(|child| self.place(who, &child)));
            }
            PlaceStatus::Resting { oid, .. } => {
                let orders = bonded(oid).map(|child| child.order(self.next_oid(), self.now));
                let orders: Vec<Order> = orders.collect();
                let waits = orders
                    .iter()
                    .map(|order| PlaceStatus::WaitingForFill { oid: order.oid });
                statuses.extend(waits);
                self.accounts[who as usize].children.insert(oid, orders);
            }
            _ => {
                let text = "The order that this one belongs to was not wholly placed.";
                let refused = PlaceStatus::Error(text.to_owned());
                statuses.extend(core::iter::repeat_n(refused, children.len()));
            }
        }
        statuses
    }

    /// Lets the children of an order that ended wait for their mark price, or end with it.
    pub(super) fn release_children(&mut self, who: u32, parent: u64, state: OrderState) {
        let children = self.accounts[who as usize].children.remove(&parent);
        for child in children.into_iter().flatten() {
            if state == OrderState::Filled {
                self.accounts[who as usize]
                    .triggers
                    .insert(child.oid, child);
                self.tell(who, child, OrderState::Open);
            } else {
                self.end_order(who, child, OrderState::Canceled);
            }
        }
    }

    /// Cancels a child that waits for its order to fill; `false` when none has that oid.
    pub(super) fn cancel_child(&mut self, who: u32, oid: u64) -> bool {
        let families = self.accounts[who as usize].children.values_mut();
        let found = families.into_iter().find_map(|children| {
            let at = children.iter().position(|child| child.oid == oid)?;
            Some(children.remove(at))
        });
        let Some(child) = found else { return false };
        self.end_order(who, child, OrderState::Canceled);
        true
    }

    /// Cancels the other child when one of them filled.
    pub(super) fn cancel_siblings(&mut self, who: u32, filled: &Order) {
        let Some(Bond::Parent(_)) = filled.bond else {
            return;
        };
        let waiting = self.accounts[who as usize].triggers.values();
        let siblings = waiting.filter(|order| order.bond == filled.bond && order.oid != filled.oid);
        for oid in siblings.map(|order| order.oid).collect::<Vec<_>>() {
            self.cancel_trigger(who, oid, OrderState::SiblingFilledCanceled);
        }
    }

    /// Ends the take profit and stop loss of a position that is gone.
    pub(super) fn release_position(&mut self, who: u32, asset: u32) {
        let account = &self.accounts[who as usize];
        let held = account.coin(asset);
        let gone = |side: Side| held.closable(side) == Sz::ZERO;
        let bonded = account.triggers.values().filter(|order| {
            order.asset == asset && order.bond == Some(Bond::Position) && gone(order.side)
        });
        for oid in bonded.map(|order| order.oid).collect::<Vec<_>>() {
            self.cancel_trigger(who, oid, OrderState::ReduceOnlyCanceled);
        }
    }
}

//! The exchange's own account of what it was asked: the evidence for the checker of LIMITS.md 5.

use std::io::{self, Write};

use mm_core::action::Cloid;
use mm_core::units::{Sz, Time};
use mm_hl::address::Address;
use mm_hl::wire::{ExchangeAction, OrderRef};
use serde::Serialize;

use super::message::Request;
use super::{Recording, SimExchange};

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReportLine {
    /// An action the exchange carried out or refused.
    Action(ActionLine),
    /// An order left at the end.
    Left(OrderLine),
    /// The end: what there was in all.
    End(EndLine),
}

/// An action and the exposure right before and right after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActionLine {
    /// Block time, milliseconds.
    pub time: i64,
    /// The account.
    pub user: Address,
    /// Its nonce.
    pub nonce: u64,
    /// The action's `type`.
    pub action: &'static str,
    /// Client ids it names, in order.
    pub cloids: Vec<Cloid>,
    /// Whole-action refusal in the venue's words.
    pub error: Option<String>,
    /// Exposure in every coin in which the account has or had any, or which the action names.
    pub exposure: Vec<Exposure>,
}

/// Exposure of an account in one coin, in lots and as decimals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exposure {
    /// The perp.
    pub coin: String,
    /// Position, signed.
    pub position: String,
    /// Position if everything that may buy fills.
    pub worst_long: String,
    /// Position if everything that may sell fills.
    pub worst_short: String,
    /// The same in lots: position, worst long, worst short.
    pub lots: [Sz; 3],
    /// Lots that rest, `[buy, sell]` of `[may increase, may only reduce]`.
    pub resting: [[Sz; 2]; 2],
    /// What of them has no client id: orders placed by hand.
    pub unnamed: [[Sz; 2]; 2],
    /// What it was right before the action, after whatever had happened since the one before.
    pub before: InLots,
}

/// Exposure in one coin in lots, as in [`Exposure`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct InLots {
    /// Position, worst long, worst short.
    pub lots: [Sz; 3],
    /// Lots that rest, `[buy, sell]` of `[may increase, may only reduce]`.
    pub resting: [[Sz; 2]; 2],
    /// What of them has no client id: orders placed by hand.
    pub unnamed: [[Sz; 2]; 2],
}

impl InLots {
    fn is_none(&self) -> bool {
        self.lots.iter().all(|sz| *sz == Sz::ZERO)
    }
}

/// What is noted of one coin.
#[derive(Clone, Copy, Debug)]
struct OfCoin {
    asset: u32,
    before: InLots,
    after: InLots,
}

/// An order that rests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderLine {
    /// The account.
    pub user: Address,
    /// The perp.
    pub coin: String,
    /// The exchange's order id.
    pub oid: u64,
    /// The client's id.
    pub cloid: Option<Cloid>,
    /// Whether it buys.
    pub is_buy: bool,
    /// Limit price.
    pub px: String,
    /// What is left of it.
    pub sz: String,
    /// Whether it may only reduce.
    pub reduce_only: bool,
}

/// Sums at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndLine {
    /// Last block, milliseconds.
    pub time: i64,
    /// The market's words about itself.
    pub market: String,
    /// Actions received.
    pub actions: u64,
    /// Orders left resting, all accounts.
    pub orders_left: u64,
    /// Orders that the crowd sent, and a digest of them: the same for the same market, seed and
    /// time, whatever clients did.
    pub crowd: CrowdLine,
}

/// What the crowd sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CrowdLine {
    /// Orders.
    pub orders: u64,
    /// Digest, 16 hex digits.
    pub digest: String,
}

/// An action as it is kept until somebody takes the lines.
#[derive(Clone, Debug)]
pub(super) struct Noted {
    time: Time,
    user: Address,
    nonce: u64,
    action: &'static str,
    cloids: Vec<Cloid>,
    error: Option<String>,
    exposure: Vec<OfCoin>,
}

impl SimExchange {
    /// Takes the action lines written since the last call.
    #[must_use]
    pub fn take_action_lines(&mut self) -> Vec<ActionLine> {
        let noted = std::mem::take(&mut self.noted);
        noted.into_iter().map(|noted| self.line(noted)).collect()
    }

    fn line(&self, noted: Noted) -> ActionLine {
        let Noted {
            time,
            user,
            nonce,
            action,
            cloids,
            error,
            exposure,
        } = noted;
        let time = time.as_millis();
        let exposure = exposure
            .into_iter()
            .map(|of_coin| self.exposure(of_coin))
            .collect();
        ActionLine {
            time,
            user,
            nonce,
            action,
            cloids,
            error,
            exposure,
        }
    }

    /// The closing lines: orders left, then the end.
    #[must_use]
    pub fn closing_lines(&self) -> Vec<ReportLine> {
        let mut lines = Vec::new();
        for account in &self.accounts {
            for order in account.open.values() {
                let instrument = &self.market.instruments()[order.asset as usize];
                lines.push(ReportLine::Left(OrderLine {
                    user: account.address,
                    coin: instrument.coin().to_owned(),
                    oid: order.oid,
                    cloid: order.cloid,
                    is_buy: order.side.sign() > 0,
                    px: instrument.format_px(order.px),
                    sz: instrument.format_sz(order.sz),
                    reduce_only: order.reduce_only,
                }));
            }
        }
        let orders_left = lines.len() as u64;
        lines.push(ReportLine::End(EndLine {
            time: self.now.as_millis(),
            market: self.market.label().to_owned(),
            actions: self.actions,
            orders_left,
            crowd: CrowdLine {
                orders: self.crowd.orders,
                digest: format!("{:016x}", self.crowd.digest),
            },
        }));
        lines
    }

    /// Writes the rest of the report as JSON lines: the actions not yet taken, orders left, the end.
    ///
    /// # Errors
    /// What the writer reports.
    pub fn write_report(&mut self, to: &mut impl Write) -> io::Result<()> {
        let actions = self.take_action_lines().into_iter().map(ReportLine::Action);
        for line in actions.chain(self.closing_lines()) {
            serde_json::to_writer(&mut *to, &line)?;
            to.write_all(b"\n")?;
        }
        Ok(())
    }

    /// The exposure of an account in each coin, by asset number; empty where nothing is recorded.
    pub(super) fn exposure_of(&self, user: Address) -> Vec<InLots> {
        use mm_core::units::Side::{Ask, Bid};
        if self.config.recording == Recording::Off {
            return Vec::new();
        }
        let account = self.find(user);
        let coins = account
            .into_iter()
            .flat_map(|account| (0_u32..).zip(&account.coins).map(move |of| (account, of)));
        coins
            .map(|(account, (asset, held))| InLots {
                lots: [held.position.szi, held.worst(Bid), held.worst(Ask)],
                resting: held
                    .sides
                    .each_ref()
                    .map(|side| [side.sz, side.reduce_only]),
                unnamed: account.unnamed(asset),
            })
            .collect()
    }

    /// Writes an action down, after it ran, with what the exposure was `before` it did.
    pub(super) fn note(
        &mut self,
        request: &Request,
        time: Time,
        before: &[InLots],
        error: Option<&str>,
    ) {
        self.actions += 1;
        if self.config.recording == Recording::Off {
            return;
        }
        let numbers = assets(&request.action).into_iter();
        let named: Vec<u32> = numbers.filter_map(|number| self.listed(number)).collect();
        let after = self.exposure_of(request.user);
        // An account that began with this action had nothing.
        let before = before
            .iter()
            .copied()
            .chain(core::iter::repeat(InLots::default()));
        let exposure = (0_u32..)
            .zip(before.zip(after))
            .filter(|(asset, (before, after))| {
                named.contains(asset) || !before.is_none() || !after.is_none()
            })
            .map(|(asset, (before, after))| OfCoin {
                asset,
                before,
                after,
            })
            .collect();
        let noted = Noted {
            time,
            user: request.user,
            nonce: request.nonce,
            action: type_of(&request.action),
            cloids: cloids(&request.action),
            error: error.map(str::to_owned),
            exposure,
        };
        self.noted.push(noted);
    }

    fn exposure(&self, of_coin: OfCoin) -> Exposure {
        let instrument = &self.market.instruments()[of_coin.asset as usize];
        let OfCoin { before, after, .. } = of_coin;
        let [position, worst_long, worst_short] = after.lots.map(|sz| instrument.format_sz(sz));
        Exposure {
            coin: instrument.coin().to_owned(),
            position,
            worst_long,
            worst_short,
            lots: after.lots,
            resting: after.resting,
            unnamed: after.unnamed,
            before,
        }
    }
}

/// Client ids an action names, in order.
fn cloids(action: &ExchangeAction) -> Vec<Cloid> {
    let by_name = |name: &OrderRef| match name {
        OrderRef::Cloid(cloid) => Some(*cloid),
        OrderRef::Oid(_) => None,
    };
    match action {
        ExchangeAction::Order(action) => action
            .orders
            .iter()
            .filter_map(|order| order.cloid)
            .collect(),
        ExchangeAction::CancelByCloid(action) => {
            action.cancels.iter().map(|cancel| cancel.cloid).collect()
        }
        ExchangeAction::Modify(action) => action
            .order
            .cloid
            .or_else(|| by_name(&action.oid))
            .into_iter()
            .collect(),
        ExchangeAction::BatchModify(action) => {
            let names = action.modifies.iter();
            names
                .filter_map(|modify| modify.order.cloid.or_else(|| by_name(&modify.oid)))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Asset numbers an action names.
fn assets(action: &ExchangeAction) -> Vec<u32> {
    match action {
        ExchangeAction::Order(action) => action.orders.iter().map(|order| order.asset).collect(),
        ExchangeAction::Cancel(action) => {
            action.cancels.iter().map(|cancel| cancel.asset).collect()
        }
        ExchangeAction::CancelByCloid(action) => {
            action.cancels.iter().map(|cancel| cancel.asset).collect()
        }
        ExchangeAction::Modify(action) => vec![action.order.asset],
        ExchangeAction::BatchModify(action) => action
            .modifies
            .iter()
            .map(|modify| modify.order.asset)
            .collect(),
        ExchangeAction::UpdateLeverage(action) => vec![action.asset],
        _ => Vec::new(),
    }
}

/// The action's `type`.
pub(super) const fn type_of(action: &ExchangeAction) -> &'static str {
    match action {
        ExchangeAction::Order(_) => "order",
        ExchangeAction::Cancel(_) => "cancel",
        ExchangeAction::CancelByCloid(_) => "cancelByCloid",
        ExchangeAction::Modify(_) => "modify",
        ExchangeAction::BatchModify(_) => "batchModify",
        ExchangeAction::ScheduleCancel(_) => "scheduleCancel",
        ExchangeAction::UpdateLeverage(_) => "updateLeverage",
        ExchangeAction::UpdateIsolatedMargin(_) => "updateIsolatedMargin",
        ExchangeAction::TopUpIsolatedOnlyMargin(_) => "topUpIsolatedOnlyMargin",
        ExchangeAction::Noop => "noop",
        ExchangeAction::ReserveRequestWeight(_) => "reserveRequestWeight",
        ExchangeAction::CreateSubAccount(_) => "createSubAccount",
        ExchangeAction::SubAccountTransfer(_) => "subAccountTransfer",
        ExchangeAction::VaultTransfer(_) => "vaultTransfer",
        ExchangeAction::ApproveAgent(_) => "approveAgent",
        ExchangeAction::ApproveBuilderFee(_) => "approveBuilderFee",
        ExchangeAction::UsdSend(_) => "usdSend",
        ExchangeAction::SpotSend(_) => "spotSend",
        ExchangeAction::Withdraw3(_) => "withdraw3",
        ExchangeAction::UsdClassTransfer(_) => "usdClassTransfer",
        ExchangeAction::SendAsset(_) => "sendAsset",
        ExchangeAction::UserSetAbstraction(_) => "userSetAbstraction",
        ExchangeAction::Other(_) => "other",
    }
}

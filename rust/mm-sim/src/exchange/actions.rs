//! Requests: nonce, expiry, budget count, dispatch, and the actions that place nothing.

use mm_core::units::{Dur, Time, Usd, format_decimal};
use mm_hl::wire::{
    BatchModify, ExchangeAction, ModifyOne, PlaceOrders, ReserveRequestWeight, ScheduleCancel,
};

use super::config::{Rule, ScheduleGate};
use super::margin::sums;
use super::message::{CancelStatus, Output, PlaceStatus, PlantedRefusal, Reply, Request, Response};
use super::report::type_of;
use super::status::OrderState;
use super::upsets::Planted;
use super::{MAIN, SimExchange};

/// Signed items an action may have.
const ITEMS: usize = 200;
/// Price of one reserved request, micro-USDC.
const REQUEST_PRICE: i64 = 500;
/// Dead-man's switch: shortest notice, firings a day, volume that opens it.
const SCHEDULE_NOTICE: Dur = Dur::from_millis(5_000);
const SCHEDULE_FIRINGS: u32 = 10;
const SCHEDULE_VOLUME: Usd = Usd(1_000_000_000_000);
const DAY_MS: i64 = 86_400_000;

impl SimExchange {
    /// Runs a request whose block has come: its reply, then its effects.
    pub(super) fn run_request(&mut self, request: &Request, out: &mut Vec<Output>) {
        let before = self.exposure_of(request.user);
        let response = self.execute(request).unwrap_or_else(Response::Err);
        let error = match &response {
            Response::Err(text) => Some(text.as_str()),
            _ => None,
        };
        self.note(request, self.now, &before, error);
        out.push(Output::Reply(Reply {
            id: request.id,
            user: request.user,
            time: self.now,
            response,
        }));
        out.append(&mut self.effects);
    }

    fn execute(&mut self, request: &Request) -> Result<Response, String> {
        let Some(&who) = self.by_address.get(&request.user) else {
            return Err(format!(
                "User or API Wallet {} does not exist.",
                request.signer
            ));
        };
        let items = request.action.items();
        if items > ITEMS {
            return Err(format!("Signed action over weight limit of {ITEMS}."));
        }
        let now = self.now.as_millis().unsigned_abs();
        let clocks = [now, request.wall_ms.unwrap_or(now)];
        self.nonces
            .entry(request.signer)
            .or_default()
            .burn(request.nonce, &clocks)?;
        let cost = i64::try_from(items).expect("Invariant: at most 200 items");
        let usage = &mut self.accounts[who as usize].usage;
        if request.expires_after.is_some_and(|last| last < now) {
            usage.requests += 5 * cost;
            return Err("Action already expired".to_owned());
        }
        match self.config.rules.request_budget {
            Rule::On => usage.spend(&request.action, cost, self.now)?,
            Rule::Off => usage.requests += cost,
        }
        match &request.refusal {
            Some(PlantedRefusal::Some(text, every)) => {
                self.planted = Some(Planted::new(text, *every));
                let response = self.dispatch(who, &request.action);
                self.planted = None;
                response
            }
            Some(planted) => Ok(planted_response(planted, &request.action)),
            None => self.dispatch(who, &request.action),
        }
    }

    fn dispatch(&mut self, who: u32, action: &ExchangeAction) -> Result<Response, String> {
        match action {
            ExchangeAction::Order(action) => Ok(Response::Order(self.place_batch(who, action))),
            ExchangeAction::Cancel(action) => {
                let fast = action.fast == Some(true);
                let cancels = action.cancels.iter();
                let statuses =
                    cancels.map(|cancel| self.cancel(who, cancel.asset, Some(cancel.oid), fast));
                Ok(Response::Cancel(statuses.collect()))
            }
            ExchangeAction::CancelByCloid(action) => {
                let fast = action.fast == Some(true);
                let cancels = action.cancels.iter();
                let statuses = cancels.map(|cancel| {
                    let oid = self.accounts[who as usize].named(cancel.cloid);
                    self.cancel(who, cancel.asset, oid, fast)
                });
                Ok(Response::Cancel(statuses.collect()))
            }
            ExchangeAction::Modify(action) => self.modify_one(who, action),
            ExchangeAction::BatchModify(action) => {
                Ok(Response::Order(self.modify_batch(who, action)))
            }
            ExchangeAction::ScheduleCancel(action) => self.schedule_cancel(who, *action),
            ExchangeAction::UpdateLeverage(action) => self.update_leverage(who, *action),
            ExchangeAction::Noop => Ok(Response::Default),
            ExchangeAction::ReserveRequestWeight(action) => self.reserve_requests(who, *action),
            ExchangeAction::CreateSubAccount(action) => self.create_sub_account(who, action),
            ExchangeAction::SubAccountTransfer(action) => self.sub_account_transfer(who, *action),
            ExchangeAction::VaultTransfer(action) => self.vault_transfer(who, *action),
            ExchangeAction::UsdSend(action) => self.usd_send(who, action),
            ExchangeAction::Withdraw3(action) => self.withdraw(who, action),
            ExchangeAction::UsdClassTransfer(action) => self.class_transfer(who, action),
            ExchangeAction::SendAsset(action) => self.send_asset(who, action),
            ExchangeAction::ApproveBuilderFee(action) => self.approve_builder_fee(who, action),
            ExchangeAction::UserSetAbstraction(action) => Self::set_abstraction(action),
            ExchangeAction::UpdateIsolatedMargin(action) => {
                self.update_isolated_margin(who, *action)
            }
            ExchangeAction::TopUpIsolatedOnlyMargin(action) => self.top_up_isolated(who, *action),
            other => Err(format!(
                "Action {} is not supported by this exchange.",
                type_of(other)
            )),
        }
    }

    fn place_batch(&mut self, who: u32, action: &PlaceOrders) -> Vec<PlaceStatus> {
        match self.read_batch(who, action) {
            Ok(orders) => self.place_group(who, action.grouping, &orders),
            Err(text) => vec![PlaceStatus::Error(text)],
        }
    }

    fn cancel(&mut self, who: u32, asset: u32, oid: Option<u64>, fast: bool) -> CancelStatus {
        let planted = self.planted_cancel();
        if oid.is_some_and(|oid| self.cancel_child(who, oid)) {
            return CancelStatus::Success;
        }
        let account = &self.accounts[who as usize];
        let order_of = |oid: &u64| account.open.get(oid).or_else(|| account.triggers.get(oid));
        let place = self.listing.place(asset);
        let found = oid.filter(|oid| order_of(oid).is_some_and(|order| Some(order.asset) == place));
        let Some(oid) = found else {
            let text = "Order was never placed, already canceled, or filled.";
            return CancelStatus::Error(format!("{text} asset={asset}"));
        };
        if let Some(text) = planted {
            return CancelStatus::Error(format!("{text} asset={asset}"));
        }
        if fast && account.triggers.contains_key(&oid) {
            let text = "Fast cancel is not allowed for trigger orders.";
            return CancelStatus::Error(format!("{text} asset={asset}"));
        }
        if self
            .cancel_trigger(who, oid, OrderState::Canceled)
            .is_none()
        {
            self.cancel_order(who, oid, OrderState::Canceled);
        }
        CancelStatus::Success
    }

    fn modify_one(&mut self, who: u32, action: &ModifyOne) -> Result<Response, String> {
        let new = self.read_order(&action.order)?;
        match self.replace(who, action.oid, &new, action.always_place == Some(true)) {
            PlaceStatus::Error(text) => Err(text),
            PlaceStatus::Resting { .. }
            | PlaceStatus::Filled { .. }
            | PlaceStatus::WaitingForFill { .. }
            | PlaceStatus::WaitingForTrigger { .. } => Ok(Response::Default),
        }
    }

    fn modify_batch(&mut self, who: u32, action: &BatchModify) -> Vec<PlaceStatus> {
        if action.modifies.is_empty() {
            return vec![PlaceStatus::Error("Orders are empty.".to_owned())];
        }
        let orders: Result<Vec<_>, _> = action
            .modifies
            .iter()
            .map(|modify| self.read_order(&modify.order))
            .collect();
        match orders {
            Ok(orders) => {
                let always_place = action.always_place == Some(true);
                let pairs = action.modifies.iter().zip(&orders);
                pairs
                    .map(|(modify, new)| self.replace(who, modify.oid, new, always_place))
                    .collect()
            }
            Err(text) => vec![PlaceStatus::Error(text)],
        }
    }

    fn reserve_requests(
        &mut self,
        who: u32,
        action: ReserveRequestWeight,
    ) -> Result<Response, String> {
        let weight = i64::try_from(action.weight).ok();
        let price = weight
            .and_then(|weight| weight.checked_mul(REQUEST_PRICE))
            .map(Usd);
        let account = &self.accounts[who as usize];
        let (Some(weight), Some(price)) = (weight, price) else {
            return Err("Insufficient balance to reserve request weight.".to_owned());
        };
        if price > sums(account, &self.coins, MAIN).free() {
            return Err("Insufficient balance to reserve request weight.".to_owned());
        }
        let account = &mut self.accounts[who as usize];
        account.purses[MAIN] -= price;
        account.usage.reserved += weight;
        self.fees_taken += price;
        self.changed.insert(who);
        Ok(Response::Default)
    }

    fn schedule_cancel(&mut self, who: u32, action: ScheduleCancel) -> Result<Response, String> {
        let account = &self.accounts[who as usize];
        let volume = account.usage.volume;
        if self.config.schedule_gate == ScheduleGate::Volume && volume < SCHEDULE_VOLUME {
            return Err(format!(
                "Cannot set scheduled cancel time until enough volume traded. Required: $1000000. Traded: ${}.",
                format_decimal(volume.0, 6)
            ));
        }
        let at = match action.time {
            None => None,
            Some(ms) => {
                let ms = i64::try_from(ms)
                    .ok()
                    .filter(|ms| *ms < i64::MAX / 1_000_000);
                let at = ms
                    .map(Time::from_millis)
                    .filter(|at| at.since(self.now) >= SCHEDULE_NOTICE);
                Some(at.ok_or("Scheduled cancel time must be at least 5 seconds in the future.")?)
            }
        };
        if at.is_some() && account.schedule.firings(self.now) >= SCHEDULE_FIRINGS {
            return Err("Scheduled cancel was triggered too many times today.".to_owned());
        }
        if let Some(before) = account.schedule.at {
            self.schedules.remove(&(before, who));
        }
        self.schedules.extend(at.map(|at| (at, who)));
        self.accounts[who as usize].schedule.at = at;
        Ok(Response::Default)
    }

    /// Fires the dead-man's switches whose time has come.
    pub(super) fn run_schedules(&mut self, out: &mut Vec<Output>) {
        while let Some(&(at, who)) = self.schedules.first().filter(|(at, _)| *at <= self.now) {
            self.schedules.remove(&(at, who));
            let account = &mut self.accounts[who as usize];
            account.schedule.fire(self.now);
            let waiting: Vec<u64> = account.triggers.keys().copied().collect();
            let oids: Vec<u64> = account.open.keys().copied().collect();
            for oid in waiting {
                self.cancel_trigger(who, oid, OrderState::ScheduledCancel);
            }
            for oid in oids {
                self.cancel_order(who, oid, OrderState::ScheduledCancel);
            }
            out.append(&mut self.effects);
        }
    }
}

/// What a planted refusal answers to `action`.
fn planted_response(planted: &PlantedRefusal, action: &ExchangeAction) -> Response {
    let (text, items) = match planted {
        PlantedRefusal::Batch(text) => (text, 1),
        PlantedRefusal::Items(text) | PlantedRefusal::Some(text, _) => (text, action.items()),
    };
    match action {
        ExchangeAction::Order(_) | ExchangeAction::BatchModify(_) => {
            Response::Order(vec![PlaceStatus::Error(text.clone()); items])
        }
        ExchangeAction::Cancel(_) | ExchangeAction::CancelByCloid(_) => {
            Response::Cancel(vec![CancelStatus::Error(text.clone()); items])
        }
        _ => Response::Err(text.clone()),
    }
}

impl super::account::Schedule {
    /// Firings on the UTC day of `now`.
    fn firings(&self, now: Time) -> u32 {
        if self.day == day(now) { self.fired } else { 0 }
    }

    fn fire(&mut self, now: Time) {
        *self = Self {
            at: None,
            day: day(now),
            fired: self.firings(now) + 1,
        };
    }
}

const fn day(now: Time) -> i64 {
    now.as_millis().div_euclid(DAY_MS)
}

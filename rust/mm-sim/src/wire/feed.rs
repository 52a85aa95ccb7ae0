//! What each feed sends: its first frame, what a block brings, what time brings.

use mm_hl::address::Address;
use serde_json::json;

use super::book::{Aggregation, BboJson, TradeJson, frame};
use super::candles::{CandleJson, Interval, open_candle};
use super::config::{ACCOUNT_MS, CONTEXT_MS, Cadence, FAST_BOOK_MS};
use super::info::asset;
use super::orders::{FillJson, OrderStateJson, UserFillsJson, merged};
use super::sockets::Feed;
use super::subscription::Subscription;
use super::{account, context, spot};
use crate::exchange::{MAIN, MoneyMove, Output, SimExchange};

/// A block just run: the exchange after it and what happened in it.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    pub(crate) sim: &'a SimExchange,
    pub(crate) outputs: &'a [Output],
    pub(crate) cadence: Cadence,
}

impl Block<'_> {
    /// Appends what `channel` sends after this block.
    pub(crate) fn frames(
        &self,
        channel: &Subscription,
        feed: &mut Feed,
        frames: &mut Vec<Vec<u8>>,
    ) {
        use Subscription as On;
        let ms = self.sim.now().as_millis();
        let due = match channel {
            On::OrderUpdates { user } => return frames.extend(self.order_updates(*user)),
            On::UserEvents { user } => return self.user_events(*user, frames),
            On::UserFills {
                user,
                aggregate_by_time,
            } => {
                return frames.extend(self.user_fills(*user, *aggregate_by_time));
            }
            On::Trades { coin } => return frames.extend(self.trades(coin)),
            On::Bbo { coin } => return frames.extend(self.bbo(coin)),
            On::L2Book { fast: true, .. } => feed.due(ms, FAST_BOOK_MS),
            On::L2Book { .. } => feed.due(ms, self.cadence.book_ms()),
            On::AllMids { .. } => feed.due(ms, self.cadence.mids_ms()),
            On::ActiveAssetCtx { .. } | On::Candle { .. } => feed.due(ms, CONTEXT_MS),
            On::ActiveAssetData { user, .. } | On::ClearinghouseState { user, .. } => {
                self.account_changed(*user) | feed.due(ms, ACCOUNT_MS)
            }
            On::OpenOrders { user, .. } => self.orders_changed(*user) | feed.due(ms, ACCOUNT_MS),
            On::WebData2 { .. } | On::WebData3 { .. } => feed.due(ms, ACCOUNT_MS),
            On::UserFundings { user } => return frames.extend(self.fundings(*user)),
            On::UserNonFundingLedgerUpdates { user } => {
                return frames.extend(self.transfers(*user));
            }
            On::Notification { .. } | On::PaperClock => false,
        };
        if due {
            frames.extend(state(self.sim, channel));
        }
    }

    fn order_updates(&self, user: Address) -> Option<Vec<u8>> {
        let perps = self.sim.instruments();
        let updates: Vec<_> = self
            .outputs
            .iter()
            .filter_map(|output| match output {
                Output::Order(update) if update.user == user => Some(OrderStateJson::update(
                    &perps[update.order.asset as usize],
                    update,
                )),
                _ => None,
            })
            .collect();
        (!updates.is_empty()).then(|| frame("orderUpdates", updates))
    }

    fn fills(&self, user: Address, merge: bool) -> Vec<FillJson<'_>> {
        let own = self.outputs.iter().filter_map(|output| match output {
            Output::Fill(fill) if fill.user == user => Some(fill),
            _ => None,
        });
        let fills = merged(own, merge);
        fills
            .iter()
            .map(|fill| FillJson::new(self.sim.instruments(), fill))
            .collect()
    }

    fn user_fills(&self, user: Address, merge: bool) -> Option<Vec<u8>> {
        let fills = self.fills(user, merge);
        let data = UserFillsJson {
            is_snapshot: None,
            user,
            fills,
        };
        (!data.fills.is_empty()).then(|| frame("userFills", data))
    }

    fn user_events(&self, user: Address, frames: &mut Vec<Vec<u8>>) {
        let fills = self.fills(user, false);
        if !fills.is_empty() {
            frames.push(frame("user", json!({"fills": fills})));
        }
        for moved in self.money(user) {
            if let Some(row) = account::funding_row(self.sim, moved) {
                frames.push(frame("user", json!({"funding": row})));
            }
        }
        for output in self.outputs {
            if let Output::Liquidated(told) = output
                && told.user == user
            {
                frames.push(frame(
                    "user",
                    json!({"liquidation": account::liquidation(told)}),
                ));
            }
        }
        let perps = self.sim.instruments();
        let cancels: Vec<_> = self
            .outputs
            .iter()
            .filter_map(|output| match output {
                Output::NonUserCancel(cancel) if cancel.user == user => {
                    Some(json!({"coin": perps[cancel.asset as usize].coin(), "oid": cancel.oid}))
                }
                _ => None,
            })
            .collect();
        if !cancels.is_empty() {
            frames.push(frame("user", json!({"nonUserCancel": cancels})));
        }
    }

    fn trades(&self, coin: &str) -> Option<Vec<u8>> {
        let of = asset(self.sim, coin)?;
        let perp = &self.sim.instruments()[of as usize];
        let trades: Vec<_> = self
            .outputs
            .iter()
            .filter_map(|output| match output {
                Output::Trade(trade) if trade.asset == of => Some(TradeJson::new(perp, trade)),
                _ => None,
            })
            .collect();
        (!trades.is_empty()).then(|| frame("trades", trades))
    }

    fn bbo(&self, coin: &str) -> Option<Vec<u8>> {
        let of = asset(self.sim, coin)?;
        let perp = &self.sim.instruments()[of as usize];
        self.outputs.iter().rev().find_map(|output| match output {
            Output::Bbo(change) if change.asset == of => Some(frame(
                "bbo",
                BboJson::new(perp, change.time.as_millis(), &change.touch),
            )),
            _ => None,
        })
    }

    fn money(&self, user: Address) -> impl Iterator<Item = &MoneyMove> {
        self.outputs.iter().filter_map(move |output| match output {
            Output::Money(moved) if moved.user == user => Some(moved),
            _ => None,
        })
    }

    fn fundings(&self, user: Address) -> Option<Vec<u8>> {
        let rows = self.money(user);
        let rows: Vec<_> = rows
            .filter_map(|moved| account::funding_row(self.sim, moved))
            .collect();
        (!rows.is_empty()).then(|| frame("userFundings", json!({"user": user, "fundings": rows})))
    }

    fn transfers(&self, user: Address) -> Option<Vec<u8>> {
        let rows: Vec<_> = self
            .money(user)
            .filter_map(|moved| account::ledger_row(self.sim, moved))
            .collect();
        let data = json!({"user": user, "nonFundingLedgerUpdates": rows});
        (!rows.is_empty()).then(|| frame("userNonFundingLedgerUpdates", data))
    }

    fn account_changed(&self, user: Address) -> bool {
        self.outputs
            .iter()
            .any(|output| matches!(output, Output::Account(change) if change.user == user))
    }

    fn orders_changed(&self, user: Address) -> bool {
        self.outputs
            .iter()
            .any(|output| matches!(output, Output::Order(update) if update.user == user))
    }
}

/// The first frame of a feed, sent at once; `None` where the venue sends none. A snapshot of fills
/// holds at most the newest `fills_max`.
pub(crate) fn first(
    sim: &SimExchange,
    channel: &Subscription,
    fills_max: Option<usize>,
) -> Option<Vec<u8>> {
    use Subscription as On;
    match channel {
        On::Trades { coin } => {
            let trades = context::recent_trades(sim, asset(sim, coin)?);
            (!trades.is_empty()).then(|| frame("trades", trades))
        }
        On::Bbo { coin } => {
            let of = asset(sim, coin)?;
            let perp = &sim.instruments()[of as usize];
            Some(frame(
                "bbo",
                BboJson::new(perp, sim.now().as_millis(), &sim.touch(of)),
            ))
        }
        On::UserFills {
            user,
            aggregate_by_time,
        } => Some(frame(
            "userFills",
            account::fills_snapshot(sim, *user, *aggregate_by_time, fills_max),
        )),
        On::UserFundings { user } => Some(frame(
            "userFundings",
            json!({"isSnapshot": true, "user": user, "fundings": account::fundings(sim, *user)}),
        )),
        On::UserNonFundingLedgerUpdates { user } => {
            let updates = account::ledger(sim, *user, 0, i64::MAX);
            let data =
                json!({"isSnapshot": true, "user": user, "nonFundingLedgerUpdates": updates});
            Some(frame("userNonFundingLedgerUpdates", data))
        }
        _ => state(sim, channel),
    }
}

/// The frame of a feed that repeats a state; `None` for feeds of happenings.
fn state(sim: &SimExchange, channel: &Subscription) -> Option<Vec<u8>> {
    use Subscription as On;
    Some(match channel {
        On::L2Book {
            coin,
            n_sig_figs,
            mantissa,
            fast,
        } => {
            let merge = Aggregation::new(*n_sig_figs, *mantissa).ok()?;
            if spot::is_listed(coin) {
                return Some(frame("l2Book", spot::book(coin, sim.now().as_millis())));
            }
            frame(
                "l2Book",
                context::book(sim, asset(sim, coin)?, merge, *fast),
            )
        }
        On::AllMids { dex } => match dex {
            None => frame("allMids", json!({"mids": context::all_mids(sim, MAIN)})),
            Some(dex) => {
                let mids = context::all_mids(sim, sim.dex(dex)?);
                frame("allMids", json!({"mids": mids, "dex": dex}))
            }
        },
        On::ActiveAssetCtx { coin } if spot::is_listed(coin) => {
            let data = json!({"coin": coin, "ctx": spot::context(coin)});
            frame("activeSpotAssetCtx", data)
        }
        On::ActiveAssetCtx { coin } => {
            // A perp without a price has no context to push yet.
            let of = asset(sim, coin).filter(|of| sim.mark(*of).is_some())?;
            let ctx = context::context(sim, of);
            frame("activeAssetCtx", json!({"coin": coin, "ctx": ctx}))
        }
        On::Candle { coin, interval } => candle(sim, coin, *interval)?,
        On::ActiveAssetData { user, coin } => frame(
            "activeAssetData",
            account::active_asset_data(sim, *user, asset(sim, coin)?),
        ),
        On::OpenOrders { user, dex } => {
            let orders = account::frontend_open_orders(sim, *user, sim.dex(dex)?);
            frame(
                "openOrders",
                json!({"dex": dex, "user": user, "orders": orders}),
            )
        }
        On::ClearinghouseState { user, dex } => {
            let state = account::clearinghouse(sim, *user, sim.dex(dex)?);
            let data = json!({"dex": dex, "user": user, "clearinghouseState": state});
            frame("clearinghouseState", data)
        }
        On::WebData2 { user } => frame("webData2", account::web_data_2(sim, *user)),
        On::WebData3 { user } => frame("webData3", account::web_data_3(sim, *user)),
        _ => return None,
    })
}

fn candle(sim: &SimExchange, coin: &str, interval: Interval) -> Option<Vec<u8>> {
    let of = asset(sim, coin)?;
    let candle = open_candle(sim, of, interval)?;
    Some(frame(
        "candle",
        CandleJson::new(&sim.instruments()[of as usize], interval, &candle),
    ))
}

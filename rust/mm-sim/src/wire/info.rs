//! `POST /info`: what can be asked, answered from the exchange as it is now.

use mm_hl::address::Address;
use serde::Serialize;
use serde_json::{Value, json};

use super::book::{Aggregation, json as to_json};
use super::candles::{CandleJson, candles};
use super::request::{CandleRange, InfoRequest};
use super::{Answer, PaperExchange, account, context, dexes, listing, not_here, spot, vaults};
use crate::exchange::{OwnedKind, SimExchange};

/// The venue's answer to a body that is no JSON.
const NOT_JSON: &str = "Failed to parse the request body as JSON";
/// The venue's answer to JSON that is no request it knows.
const NOT_KNOWN: &str = "Failed to deserialize the JSON body into the target type";

impl Answer {
    /// 200 with a JSON body.
    pub(crate) fn ok<T: Serialize>(body: &T) -> Self {
        Self {
            status: 200,
            body: to_json(body),
        }
    }

    /// 500 with `null`: what the venue answers about things that do not exist.
    pub(crate) fn unknown() -> Self {
        Self {
            status: 500,
            body: b"null".to_vec(),
        }
    }

    /// 422 with the reason.
    fn refused(text: String) -> Self {
        Self {
            status: 422,
            body: text.into_bytes(),
        }
    }

    /// 400 for no JSON, 422 for JSON that does not fit.
    pub(crate) fn unreadable(syntax: bool) -> Self {
        let (status, text) = if syntax {
            (400, NOT_JSON)
        } else {
            (422, NOT_KNOWN)
        };
        Self {
            status,
            body: text.as_bytes().to_vec(),
        }
    }
}

impl PaperExchange {
    /// Answers a body of `POST /info`.
    #[must_use]
    pub fn info(&self, body: &[u8]) -> Answer {
        match serde_json::from_slice(body) {
            Ok(request) => self.answer(&request),
            Err(error) => match not_here::query(body) {
                Some(text) => Answer::refused(text),
                None => Answer::unreadable(!error.is_data()),
            },
        }
    }

    pub(super) fn answer(&self, request: &InfoRequest) -> Answer {
        use InfoRequest as Ask;
        let sim = &self.sim;
        match request {
            Ask::Meta { dex }
            | Ask::MetaAndAssetCtxs { dex }
            | Ask::AllMids { dex }
            | Ask::ClearinghouseState { dex, .. }
            | Ask::OpenOrders { dex, .. }
            | Ask::FrontendOpenOrders { dex, .. }
                if sim.dex(dex).is_none() =>
            {
                Answer::unknown()
            }
            Ask::Meta { dex } => self.on_dex(dex, |dex| Answer::ok(&listing::meta(sim, dex))),
            Ask::AllPerpMetas => {
                let dexes = 0..sim.dexes().len();
                Answer::ok(&dexes.map(|dex| listing::meta(sim, dex)).collect::<Vec<_>>())
            }
            Ask::PerpDexs => Answer::ok(&dexes::listed(sim)),
            Ask::PerpDexLimits { dex } => self.on_builders_dex(dex, dexes::limits),
            Ask::PerpDexStatus { dex } => self.on_builders_dex(dex, dexes::status),
            Ask::MarginTable { id } => Answer::ok(&listing::margin_table(sim.instruments(), *id)),
            Ask::SpotMeta => Answer::ok(&spot::meta()),
            Ask::SpotMetaAndAssetCtxs => Answer::ok(&spot::meta_and_contexts()),
            Ask::ExchangeStatus => {
                Answer::ok(&json!({"specialStatuses": null, "time": sim.now().as_millis()}))
            }
            Ask::PaperClock => Answer::ok(&self.clock),
            Ask::MetaAndAssetCtxs { dex } => {
                self.on_dex(dex, |dex| Answer::ok(&context::meta_and_contexts(sim, dex)))
            }
            Ask::AllMids { dex } => {
                self.on_dex(dex, |dex| Answer::ok(&context::all_mids(sim, dex)))
            }
            Ask::PredictedFundings => Answer::ok(&context::predicted_fundings(sim)),
            Ask::PerpsAtOpenInterestCap => {
                let perps = (0_u32..).zip(sim.instruments());
                let capped = perps.filter(|(asset, _)| sim.is_at_oi_cap(*asset));
                Answer::ok(&capped.map(|(_, perp)| perp.coin()).collect::<Vec<_>>())
            }
            Ask::L2Book { .. }
            | Ask::RecentTrades { .. }
            | Ask::CandleSnapshot { .. }
            | Ask::FundingHistory { .. } => self.answer_market(request),
            Ask::ClearinghouseState { user, dex } => self.on_dex(dex, |dex| {
                Answer::ok(&account::clearinghouse(sim, *user, dex))
            }),
            Ask::OpenOrders { user, dex } => self.on_dex(dex, |dex| {
                Answer::ok(&account::open_orders(sim, *user, dex))
            }),
            Ask::FrontendOpenOrders { user, dex } => self.on_dex(dex, |dex| {
                Answer::ok(&account::frontend_open_orders(sim, *user, dex))
            }),
            _ => self.answer_account(request),
        }
    }

    /// Requests about one coin's market.
    fn answer_market(&self, request: &InfoRequest) -> Answer {
        use InfoRequest as Ask;
        let sim = &self.sim;
        match request {
            Ask::L2Book {
                coin,
                n_sig_figs,
                mantissa,
            } => match (self.asset(coin), Aggregation::new(*n_sig_figs, *mantissa)) {
                (_, Err(())) => Answer::unknown(),
                (None, _) if spot::is_listed(coin) => {
                    Answer::ok(&spot::book(coin, sim.now().as_millis()))
                }
                (None, _) => Answer::ok(&json!(null)),
                (Some(asset), Ok(merge)) => Answer::ok(&context::book(sim, asset, merge, false)),
            },
            Ask::RecentTrades { coin }
            | Ask::CandleSnapshot {
                req: CandleRange { coin, .. },
            } if spot::is_listed(coin) => Answer::ok(&json!([])),
            Ask::RecentTrades { coin } => self.about(coin, |asset| {
                let mut trades = context::recent_trades(sim, asset);
                trades.reverse();
                Answer::ok(&trades)
            }),
            Ask::CandleSnapshot { req } => self.about(&req.coin, |asset| {
                let end = req.end_time.unwrap_or(i64::MAX);
                let candles = candles(sim, asset, req.interval, req.start_time, end);
                let instrument = &sim.instruments()[asset as usize];
                let rows = candles
                    .iter()
                    .map(|row| CandleJson::new(instrument, req.interval, row));
                Answer::ok(&rows.collect::<Vec<_>>())
            }),
            Ask::FundingHistory {
                coin,
                start_time,
                end_time,
            } => self.about(coin, |asset| {
                let end = end_time.unwrap_or(i64::MAX);
                Answer::ok(&context::funding_history(sim, asset, *start_time, end))
            }),
            _ => Answer::unknown(),
        }
    }

    /// Requests about a user.
    fn answer_account(&self, request: &InfoRequest) -> Answer {
        use InfoRequest as Ask;
        let sim = &self.sim;
        match request {
            Ask::SpotClearinghouseState { user } => Answer::ok(&account::spot(sim, *user)),
            Ask::OrderStatus { user, oid } => Answer::ok(&account::order_status(sim, *user, *oid)),
            Ask::HistoricalOrders { user } => Answer::ok(&account::historical_orders(sim, *user)),
            Ask::UserFills {
                user,
                aggregate_by_time,
            } => Answer::ok(&account::fills(
                sim,
                *user,
                aggregate_by_time.unwrap_or(false),
            )),
            Ask::UserFillsByTime {
                user,
                start_time,
                end_time,
                aggregate_by_time,
                reversed,
            } => {
                let span = account::FillSpan {
                    start_ms: *start_time,
                    end_ms: *end_time,
                    merge: aggregate_by_time.unwrap_or(false),
                    reversed: reversed.unwrap_or(false),
                };
                Answer::ok(&account::fills_between(sim, *user, span))
            }
            Ask::UserNonFundingLedgerUpdates {
                user,
                start_time,
                end_time,
            } => {
                let (start, end) = (start_time.unwrap_or(0), end_time.unwrap_or(i64::MAX));
                Answer::ok(&account::ledger(sim, *user, start, end))
            }
            Ask::UserRateLimit { user } => Answer::ok(&account::rate_limit(sim, *user)),
            Ask::UserFees { user } => Answer::ok(&account::fees(sim, *user)),
            Ask::ActiveAssetData { user, coin } => self.about(coin, |asset| {
                Answer::ok(&account::active_asset_data(sim, *user, asset))
            }),
            Ask::Portfolio { user } => Answer::ok(&account::portfolio(sim, *user)),
            Ask::UserRole { user } => Answer::ok(&self.role(*user)),
            Ask::ExtraAgents { user } => Answer::ok(&self.agents.listed(*user)),
            Ask::UserAbstraction { .. } => Answer::ok(&json!("disabled")),
            Ask::SubAccounts { user } => Answer::ok(&account::sub_accounts(sim, *user)),
            Ask::MaxBuilderFee { user, builder } => {
                Answer::ok(&sim.max_builder_fee(*user, *builder))
            }
            Ask::WebData2 { user } => Answer::ok(&account::web_data_2(sim, *user)),
            Ask::UserFunding {
                user,
                start_time,
                end_time,
            } => {
                let (start, end) = (start_time.unwrap_or(0), end_time.unwrap_or(i64::MAX));
                Answer::ok(&account::funding_between(sim, *user, start, end))
            }
            Ask::UserVaultEquities { user } => Answer::ok(&vaults::equities(sim, *user)),
            Ask::VaultDetails { vault_address } => {
                Answer::ok(&vaults::details(sim, *vault_address))
            }
            // There are no twaps: nothing to list.
            Ask::UserTwapSliceFills { .. } => Answer::ok(&json!([])),
            _ => Answer::unknown(),
        }
    }

    /// The answer about a dex, or what the venue says of one it does not know.
    fn on_dex(&self, name: &str, answer: impl FnOnce(usize) -> Answer) -> Answer {
        self.sim.dex(name).map_or_else(Answer::unknown, answer)
    }

    /// The answer about a builder's dex; `null` where there is none of that name.
    fn on_builders_dex(&self, name: &str, row: fn(&SimExchange, usize) -> Value) -> Answer {
        let builders = self.sim.dex(name).filter(|_| !name.is_empty());
        builders.map_or_else(
            || Answer::ok(&Value::Null),
            |dex| Answer::ok(&row(&self.sim, dex)),
        )
    }

    /// The answer about a coin, or what the venue says of one it does not know.
    fn about(&self, coin: &str, answer: impl FnOnce(u32) -> Answer) -> Answer {
        self.asset(coin).map_or_else(Answer::unknown, answer)
    }

    /// Asset number of a coin; names are case-sensitive.
    pub(super) fn asset(&self, coin: &str) -> Option<u32> {
        asset(&self.sim, coin)
    }

    fn role(&self, user: Address) -> Value {
        if let Some(owned) = self.sim.owned(user) {
            return match owned.kind {
                OwnedKind::SubAccount => {
                    json!({"role": "subAccount", "data": {"master": owned.master}})
                }
                OwnedKind::Vault => json!({"role": "vault"}),
            };
        }
        if self.sim.account(user).is_some() {
            return json!({"role": "user"});
        }
        match self.agents.master(user, self.sim.now().as_millis()) {
            Some(master) => json!({"role": "agent", "data": {"user": master}}),
            None => json!({"role": "missing"}),
        }
    }
}

/// Asset number of a coin; names are case-sensitive.
pub(super) fn asset(sim: &SimExchange, coin: &str) -> Option<u32> {
    let place = sim
        .instruments()
        .iter()
        .position(|instrument| instrument.coin() == coin)?;
    u32::try_from(place).ok()
}

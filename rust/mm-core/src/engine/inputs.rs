//! What a cycle reads off the state: the limit's inputs, the verdict on the position, the market's health.

use super::Engine;
use super::turnover::Turnover;
use crate::control::Health;
use crate::limits::{Ages, LimitInputs, Limits, derive_limits};
use crate::units::{Dur, Side, Sz, Usd};

impl Engine {
    /// The one derivation of the cycle. An input that is not a number is a bug of ours, not a market state.
    pub(super) fn derive(&mut self) -> Limits {
        let inputs = self.limit_inputs();
        let previous = self.previous_limit();
        derive_limits(
            &inputs,
            &self.config.limits,
            &self.config.freshness,
            &self.instrument,
            previous,
        )
        .expect("invariant: events carry only finite numbers")
    }

    pub(super) fn limit_inputs(&self) -> LimitInputs {
        let config = &self.config.limits;
        let exchange = self.own.leverage_set;
        let tier = f64::from(self.instrument.max_leverage());
        let max_leverage = config.leverage_cap().min(tier).min(self.own.leverage());
        let sigma = self.market.volatility.for_limits(self.exch_now());
        let position = self.own.position();
        let account_value = self.own.account.map(|(report, _)| report.account_value);
        LimitInputs {
            account_value,
            sigma: sigma.map(|sigma| sigma.value),
            sigma_confidence: sigma
                .map_or(0.0, |sigma| sigma.evidence().share(config.confidence_n0())),
            sigma_24h: self.market.seed.sigma_24h,
            sigma_prior: self.market.seed.sigma_prior,
            mid: self
                .market
                .book
                .touch()
                .map(|touch| touch.mid() / self.instrument.px_scale()),
            position,
            horizon_s: self.turnover.as_ref().map(Turnover::horizon_s),
            loss_left: self
                .own
                .budget
                .map(|b| b.left(config.daily_loss_frac(), config.drawdown_frac())),
            // What may be added says nothing of a limit before it is known what is held.
            head_room: self
                .own
                .allowance
                .filter(|_| self.own.ledger.is_some())
                .map(|allowance| allowance.max_trade_szs),
            own_increasing: self.own_increasing(position),
            asset_max_leverage: Some(tier),
            exchange_leverage: exchange.map(f64::from),
            tier_notional_max: exchange
                .and_then(|leverage| self.instrument.notional_max_at(leverage)),
            equity_share: config.equity_share_frac(),
            ramp_share: self.ramp_share(),
            funding_frac: self.funding_reserved(),
            at_open_interest_cap: self.market.is_at_cap(self.now),
            traded_notional_1h: self.market.tape.notional_1h(self.market.book.exch()),
            ages: Ages {
                market: self.market.age(self.now),
                account: self.own.account.map(|(_, recv)| self.now.since(recv)),
                head_room: self
                    .own
                    .allowance
                    .map(|allowance| self.now.since(allowance.recv)),
                sigma: sigma.map(|sigma| Dur((self.market.book.exch() - sigma.as_of).0.max(0))),
                own_stream: self.own.stream_age(self.now),
                history: self.market.history_age(self.now),
            },
            ..LimitInputs::unknown(max_leverage)
        }
    }

    /// Own increasing orders such that `position + own + allowance` is what it was when the allowance
    /// arrived, whatever has filled since.
    pub(super) fn own_increasing(&self, position: Sz) -> [Sz; 2] {
        let Some(allowance) = self.own.allowance else {
            return [Sz::ZERO; 2];
        };
        Side::BOTH.map(|side| allowance.base[side.index()] - side.signed(position))
    }

    pub(super) fn health(&self) -> Health {
        let gone = self.config.freshness.settings().market_gone_s;
        let fresh = self
            .market
            .age(self.now)
            .is_some_and(|age| age <= Dur::from_secs(gone));
        Health {
            book_fresh: fresh && self.market.seen_since_up && self.market.book.touch().is_some(),
            streams_up: self.own.streams_up(),
            sigma_ready: self.market.volatility.for_limits(self.exch_now()).is_some(),
            explained: self.is_explained(),
        }
    }

    /// What leverage alone would allow.
    pub(super) fn leverage_only(&self) -> Option<Usd> {
        let inputs = self.limit_inputs();
        let allowed = inputs.account_value?.as_usd() * inputs.max_leverage;
        Some(Usd::floor(allowed))
    }
}

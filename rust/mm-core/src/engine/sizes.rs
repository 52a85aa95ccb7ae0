//! What a cycle wants: prices from the model, sizes in the room, both filtered.

use super::{Bug, Engine};
use crate::book::Touch;
use crate::control::Phase;
use crate::diff::Tolerance;
use crate::filter::{
    Quote, ReduceOnly, Refusal, RefusalReason, SingleQuote, filter_ladder, filter_single,
};
use crate::ladder::{LadderLevel, MarginLeft, Sizing, SweepGuard, size_ladder};
use crate::limits::Limits;
use crate::quote::{Beliefs, RawLadder, build_ladder, opening_ladder};
use crate::solved::{Conditions, Solved};
use crate::units::{Px, Side, Sz, Usd};

impl Engine {
    /// The orders this cycle wants, sized and filtered, best first on each side.
    pub(super) fn wanted(&mut self, limits: &Limits, verdict: &ReduceOnly) -> Vec<Quote> {
        let Some(beliefs) = self.beliefs(limits) else {
            return Vec::new();
        };
        let opening = self.phases.phase() != Phase::Normal;
        let raw = if opening {
            opening_ladder(&self.config.quoting, &beliefs, &self.instrument)
        } else {
            build_ladder(&self.config.quoting, &beliefs, &self.instrument)
        };
        self.pricing.from = Some(self.priced_from(&beliefs, &raw, limits));
        let sized = self.size(&raw, &beliefs, limits, verdict, opening);
        self.note_back(raw.stood_back);
        self.pricing.model = raw;
        self.filtered(&sized, verdict, limits)
    }

    /// What reduce-only leaves of a plan: one filter for a pair of quotes, one for a ladder.
    fn filtered(&mut self, sized: &[Quote], verdict: &ReduceOnly, limits: &Limits) -> Vec<Quote> {
        let position = self.own.position();
        if let Some(single) = SingleQuote::of(sized) {
            let (single, refusals) = filter_single(single, verdict, position, limits);
            self.refusals.extend(refusals);
            return single.bid.into_iter().chain(single.ask).collect();
        }
        let filtered = filter_ladder(sized, verdict, position, limits);
        self.refusals.extend(filtered.refusals);
        filtered.quotes
    }

    /// In a drill, the same ladder at a multiple of its room; otherwise as it is.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a drill's multiple of a size below 2^53"
    )]
    pub(super) fn planted(&self, mut wanted: Vec<Quote>, limits: &Limits) -> Vec<Quote> {
        if self.is_planted(Bug::Quotes) {
            wanted.retain(|quote| !quote.reduce_only);
        }
        if self.is_planted(Bug::Touch) {
            return self.at_touch(&wanted);
        }
        let Some(drill) = self.config.drill.filter(|drill| drill.bug.is_none()) else {
            return wanted;
        };
        for side in Side::BOTH {
            let room = limits.of(side) - side.signed(self.own.position());
            let total: Sz = wanted.iter().filter(|q| q.side == side).map(|q| q.sz).sum();
            for quote in wanted.iter_mut().filter(|quote| quote.side == side) {
                let share = quote.sz.as_f64() / total.as_f64();
                quote.sz =
                    Sz(libm::ceil(share * drill.room_factor * room.as_f64()) as i64).max(quote.sz);
            }
        }
        wanted
    }

    /// The innermost order of each side moved to the best price of its side, with what all of them have.
    fn at_touch(&self, wanted: &[Quote]) -> Vec<Quote> {
        let Some(touch) = self.market.book.touch() else {
            return Vec::new();
        };
        let joined = |side: Side, px: Px| {
            let levels = || wanted.iter().filter(move |quote| quote.side == side);
            let inner = *levels().next()?;
            let sz = levels().map(|quote| quote.sz).sum();
            Some(Quote { px, sz, ..inner })
        };
        [(Side::Bid, touch.bid.px), (Side::Ask, touch.ask.px)]
            .into_iter()
            .filter_map(|(side, px)| joined(side, px))
            .collect()
    }

    pub(super) fn beliefs(&mut self, limits: &Limits) -> Option<Beliefs> {
        let touch = self.market.book.touch()?;
        Some(Beliefs {
            touch,
            fair_px: self.fair_px()?,
            solved: self.solve(),
            learned: self.market.models.learned(),
            losses: self.known_losses(),
            maker_fee_bps: self.maker_fee_bps()?,
            inventory: limits.inventory(self.own.position()),
            funding_bps: self.funding_shift_bps(),
            premium_bps: self
                .control
                .premium
                .sum_bps(self.config.control.widen_sum_bps),
        })
    }

    /// The quoting model in the present conditions, solved anew only when they have moved.
    pub(super) fn solve(&mut self) -> Option<Solved> {
        let learned = self.market.models.learned();
        let at = Conditions {
            sigma_bps: self.sigma_for_quotes()? * 1e4,
            arrival: learned.arrival_per_s,
            kappa: learned.kappa_per_bps,
        };
        let usual = self.gamma_conditions(&at);
        if !self.solved.is_some_and(|solved| solved.is_for(&at, &usual)) {
            let limit_units = self.limit_units();
            self.solved = Some(self.config.quoting.solve(at, usual, limit_units));
        }
        self.solved
    }

    pub(super) fn maker_fee_bps(&self) -> Option<f64> {
        self.own.fees.map(|fees| fees.maker * 1e4)
    }

    pub(super) fn sigma_for_quotes(&self) -> Option<f64> {
        self.market
            .volatility
            .for_quotes(self.config.limits.confidence_n0(), self.exch_now())
            .map(|sigma| sigma.value)
    }

    /// Gives each level a size inside the room of its side; in the opening phase the smallest there is.
    pub(super) fn size(
        &mut self,
        raw: &RawLadder,
        beliefs: &Beliefs,
        limits: &Limits,
        verdict: &ReduceOnly,
        opening: bool,
    ) -> Vec<Quote> {
        let quoting = &self.config.quoting;
        let min_level = Usd::floor(quoting.min_level_usd);
        // Never below one smallest order: the sweep guard would leave a reducing side without any.
        let smallest = Sz(min_level.0.div_euclid(beliefs.touch.bid.px.0.max(1)) + 1);
        let target = if opening {
            smallest
        } else {
            let whole = limits.long().max(limits.short());
            share(whole, quoting.target_liquidity_frac * self.regime_size()).max(smallest)
        };
        let levels = Side::BOTH.map(|side| -> Vec<LadderLevel> {
            raw.levels
                .iter()
                .filter(|level| level.side == side)
                .filter_map(|level| {
                    let rate = beliefs.learned.fill_rate_per_s(level.model_bps);
                    let adverse_bps = beliefs.learned.adverse_bps(side, level.model_bps);
                    let costs_bps = beliefs.maker_fee_bps + adverse_bps;
                    let capture_bps = level.model_bps + raw.relief_bps(side) - costs_bps;
                    LadderLevel::new(level.px, rate, capture_bps).ok()
                })
                .collect()
        });
        let sizing = Sizing {
            position: self.own.position(),
            verdict: *verdict,
            unreplaced: self.unreplaced(verdict.mode.is_reduce_only()),
            target,
            min_level,
            limit_use_frac: self.config.limits.limit_use_frac(),
            sweep_guard: if quoting.sweep_guard {
                SweepGuard::On
            } else {
                SweepGuard::Off
            },
            margin_left: self.margin_left(&beliefs.touch),
        };
        let ladder = size_ladder(limits, [&levels[0], &levels[1]], &sizing, &self.instrument);
        self.keep_sizes(limits, target, smallest, &ladder);
        self.refusals.extend(ladder.refusals);
        let shares = Side::BOTH.map(|side| self.share_of(side));
        let quotes = if shares.iter().any(|share| *share < 1.0) {
            self.shrink(ladder.quotes, shares, min_level, limits)
        } else {
            ladder.quotes
        };
        self.spare(quotes, smallest, limits)
    }

    /// Leaves of a side that takers threaten what closes the position, from the inside out, and of that one
    /// smallest order at least.
    fn spare(&mut self, quotes: Vec<Quote>, smallest: Sz, limits: &Limits) -> Vec<Quote> {
        let mut left = Side::BOTH.map(|side| {
            let closes = Sz(-side.signed(self.own.position()).0);
            self.is_threatened(side).then_some(if closes > Sz::ZERO {
                closes.max(smallest)
            } else {
                Sz::ZERO
            })
        });
        if left == [None; 2] {
            return quotes;
        }
        let mut kept = Vec::with_capacity(quotes.len());
        for quote in quotes {
            let Some(left) = &mut left[quote.side.index()] else {
                kept.push(quote);
                continue;
            };
            let sz = quote.sz.min(*left);
            let sz = if sz >= smallest.min(quote.sz) {
                sz
            } else {
                Sz::ZERO
            };
            *left -= sz;
            kept.extend(self.cut_to(sz, &quote, limits));
        }
        kept
    }

    /// A quote at a smaller size, `None` at none, with a refusal for what control takes off it.
    fn cut_to(&mut self, sz: Sz, quote: &Quote, limits: &Limits) -> Option<Quote> {
        if sz < quote.sz {
            self.refusals.push(Refusal {
                side: quote.side,
                px: quote.px,
                sz: quote.sz - sz,
                reason: RefusalReason::Control,
                limit: limits.of(quote.side),
            });
        }
        (sz > Sz::ZERO).then_some(Quote { sz, ..*quote })
    }

    /// Scales each side to its share, `[bid, ask]`. What falls below the smallest order is left out,
    /// except that the innermost level of a side that may show anything keeps one.
    fn shrink(
        &mut self,
        quotes: Vec<Quote>,
        shares: [f64; 2],
        min_level: Usd,
        limits: &Limits,
    ) -> Vec<Quote> {
        let mut kept: Vec<Quote> = Vec::with_capacity(quotes.len());
        for quote in quotes {
            let by = shares[quote.side.index()];
            let first = by > 0.0 && kept.last().is_none_or(|inner| inner.side != quote.side);
            let smallest = Sz((min_level.0 + quote.px.0 - 1) / quote.px.0).min(quote.sz);
            let sz = match share(quote.sz, by) {
                sz if sz >= smallest => sz,
                _ if first => smallest,
                _ => Sz::ZERO,
            };
            kept.extend(self.cut_to(sz, &quote, limits));
        }
        kept
    }

    /// Margin for increasing orders: the usable share of equity less what the position holds.
    pub(super) fn margin_left(&self, touch: &Touch) -> Option<MarginLeft> {
        let (report, _) = self.own.account?;
        let leverage = self.own.leverage();
        let usable = report.account_value.as_usd() * self.config.limits.initial_margin_frac();
        let held = (touch.mid_floor() * self.own.position().abs()).as_usd() / leverage;
        Some(MarginLeft {
            free: Usd::floor((usable - held).max(0.0)),
            leverage,
        })
    }

    /// max(one price step, a quarter of the side's first half-spread, twice the fair price's one-second noise).
    pub(super) fn tolerance(&self, side: Side) -> Tolerance {
        let Some(touch) = self.market.book.touch() else {
            return Tolerance {
                px: Px(1),
                sz_frac: self.config.quoting.size_tolerance_frac,
                break_even: None,
            };
        };
        let terms = self.pricing.model.terms_of(side);
        let half = terms.map_or(0.0, |terms| terms.half_spread_bps);
        let noise = self.sigma_for_quotes().map_or(0.0, |sigma| sigma * 1e4);
        let bps = self.config.quoting.max_bps_diff.map_or(
            (0.25 * half).max(2.0 * noise) / self.regime_refresh(),
            |bps| bps,
        );
        #[expect(clippy::cast_possible_truncation, reason = "bps of a price below 2^53")]
        let px = Px(libm::floor(touch.mid() * bps / 1e4) as i64);
        Tolerance {
            px: px.max(self.instrument.px_step(touch.ask.px)),
            sz_frac: self.config.quoting.size_tolerance_frac,
            break_even: self.break_even(side),
        }
    }
}

/// A share of a size in lots, toward zero.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a share of an i64 below 2^53"
)]
fn share(sz: Sz, frac: f64) -> Sz {
    Sz(libm::floor(sz.as_f64() * frac) as i64)
}

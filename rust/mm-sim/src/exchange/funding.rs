//! Funding: the premium of the book over the oracle, sampled through the hour and paid on the hour
//! (HYPERLIQUID.md 6). The other side of every payment is the exchange itself.

use std::collections::VecDeque;

use mm_core::units::{Px, Sz, Time, Usd};

use super::message::{MoneyMove, MoneyWhy};
use super::{Rule, SimExchange};
use crate::market::DepthLevel;

/// Levels read for an impact price.
const DEPTH: usize = 5_000;
/// Time between two samples, and between two payments, milliseconds.
const SAMPLE_MS: i64 = 5_000;
const HOUR_MS: i64 = 3_600_000;
/// Payments remembered: those of four weeks.
const HISTORY: usize = 28 * 24;
/// One, in units of a rate.
const ONE: i128 = 10_000_000_000;
/// Interest of eight hours.
const INTEREST: i128 = ONE / 10_000;
/// Largest difference of premium and interest that funding makes up for.
const CLAMP: i128 = ONE * 5 / 10_000;
/// Cap of an hour's rate.
const RATE_CAP: i128 = ONE * 4 / 100;

/// A premium or an hour's funding rate, fraction in units of 1e-10.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RateE10(pub i64);

impl RateE10 {
    /// The rate nearest to a fraction.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a rate of funding is far below 1e9"
    )]
    pub fn of_fraction(fraction: f64) -> Self {
        Self(libm::round(fraction * 1e10) as i64)
    }

    /// As a fraction.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate is far below 2^53 units")]
    pub fn as_fraction(self) -> f64 {
        self.0 as f64 / 1e10
    }

    fn clipped(units: i128) -> Self {
        let most = i128::from(i64::MAX);
        Self(i64::try_from(units.clamp(-most, most)).expect("Invariant: it was clamped"))
    }
}

/// What one hour cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundingHour {
    /// When it was paid.
    pub time: Time,
    /// Rate of the hour.
    pub rate: RateE10,
    /// Average premium behind it.
    pub premium: RateE10,
}

/// Samples of the hour so far and the hours before it, of one coin.
#[derive(Clone, Debug, Default)]
pub(super) struct FundingClock {
    sum: i128,
    samples: i128,
    history: VecDeque<FundingHour>,
    /// A rate in place of the one that the premium gives, and until when.
    pub(super) spike: Option<(RateE10, Time)>,
}

impl FundingClock {
    fn spike_at(&self, now: Time) -> Option<RateE10> {
        self.spike
            .filter(|(_, until)| now < *until)
            .map(|(rate, _)| rate)
    }

    fn average(&self) -> Option<i128> {
        (self.samples > 0).then(|| self.sum / self.samples)
    }

    fn close_hour(&mut self, hour: FundingHour) {
        (self.sum, self.samples) = (0, 0);
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(hour);
    }
}

impl SimExchange {
    /// Premium of the book over the oracle now; `None` when a side is too thin to say.
    #[must_use]
    pub fn premium(&self, asset: u32) -> Option<RateE10> {
        let measured = self.impact_pxs(asset)?.map(Some);
        let premium = premium(measured, self.funding_px(asset)?)?;
        Some(RateE10::clipped(premium))
    }

    /// Rate that the next hour would be paid at; `None` before the perp has a price.
    #[must_use]
    pub fn funding_rate(&self, asset: u32) -> Option<RateE10> {
        let premium = self.premium_of_hour(asset)?;
        let spike = self.coins[asset as usize].funding.spike_at(self.now);
        Some(spike.unwrap_or_else(|| RateE10::clipped(hourly_rate(premium))))
    }

    /// Premium that the hour under way is paid by: the average of its samples so far, before the
    /// first of them a sample of now.
    fn premium_of_hour(&self, asset: u32) -> Option<i128> {
        let so_far = self.coins[asset as usize].funding.average();
        so_far.or_else(|| self.premium_sample(asset))
    }

    /// What the book adds to an hour's premium now. A side too thin for the impact notional pulls
    /// nowhere: the venue's rate is a number whatever the book.
    fn premium_sample(&self, asset: u32) -> Option<i128> {
        let sample = premium(self.sides_impact_pxs(asset), self.funding_px(asset)?)?;
        Some(i128::from(RateE10::clipped(sample).0))
    }

    /// Average price of the impact notional on either side, bid and ask; `None` when a side holds
    /// less.
    #[must_use]
    pub fn impact_pxs(&self, asset: u32) -> Option<[Px; 2]> {
        let [bid, ask] = self.sides_impact_pxs(asset);
        Some([bid?, ask?])
    }

    fn sides_impact_pxs(&self, asset: u32) -> [Option<Px>; 2] {
        let notional = impact_notional(self.market.instruments()[asset as usize].coin());
        let depth = self.depth(asset, DEPTH);
        [&depth.bids, &depth.asks].map(|levels| impact_px(levels, notional))
    }

    /// The hours paid, oldest first, at most those of four weeks.
    #[must_use]
    pub fn funding_hours(&self, asset: u32) -> &VecDeque<FundingHour> {
        &self.coins[asset as usize].funding.history
    }

    /// Price that funding is paid on: the oracle, or the mark where no oracle is known.
    fn funding_px(&self, asset: u32) -> Option<Px> {
        self.oracle(asset).or(self.coins[asset as usize].mark)
    }

    /// Samples and pays what came due since the block at `last`.
    pub(super) fn run_funding(&mut self, last: Time) {
        if self.config.rules.funding == Rule::Off {
            return;
        }
        let assets = 0..u32::try_from(self.coins.len()).expect("Invariant: few coins");
        if self.came_round(last, HOUR_MS) {
            for asset in assets.clone() {
                self.pay_hour(asset);
            }
        }
        if self.came_round(last, SAMPLE_MS) {
            for asset in assets {
                if let Some(sample) = self.premium_sample(asset) {
                    let clock = &mut self.coins[asset as usize].funding;
                    clock.sum += sample;
                    clock.samples += 1;
                }
            }
        }
    }

    fn came_round(&self, last: Time, every_ms: i64) -> bool {
        let round = |time: Time| time.as_millis().div_euclid(every_ms);
        round(last) < round(self.now)
    }

    /// Pays the hour that ends. That of a perp without a price is neither paid nor recorded.
    fn pay_hour(&mut self, asset: u32) {
        let (Some(px), Some(premium), Some(rate)) = (
            self.funding_px(asset),
            self.premium_of_hour(asset),
            self.funding_rate(asset),
        ) else {
            return;
        };
        self.coins[asset as usize].funding.close_hour(FundingHour {
            time: self.now,
            rate,
            premium: RateE10::clipped(premium),
        });
        for who in 0..u32::try_from(self.accounts.len()).expect("Invariant: few accounts") {
            let szi = self.accounts[who as usize].coin(asset).position.szi;
            if szi != Sz::ZERO {
                let owed = i128::from((px * szi).0) * i128::from(rate.0) / ONE;
                let owed = i64::try_from(owed).expect("Invariant: at most 4 % of a notional");
                self.pay_funding(who, asset, Usd(-owed), Some(rate), self.now);
            }
        }
    }

    /// Books a payment of funding, negative when the account pays.
    pub(super) fn pay_funding(
        &mut self,
        who: u32,
        asset: u32,
        usd: Usd,
        rate: Option<RateE10>,
        time: Time,
    ) {
        let account = &mut self.accounts[who as usize];
        account.pay(asset, usd);
        let held = account.coin_mut(asset);
        let szi = held.position.szi;
        held.funding.all_time -= usd;
        held.funding.since_open -= usd;
        held.funding.since_change -= usd;
        let moved = MoneyMove {
            user: account.address,
            time,
            usd,
            why: MoneyWhy::Funding { asset, szi, rate },
        };
        account.money.push(moved);
        self.fees_taken -= usd;
        self.moved.push(moved);
        self.changed.insert(who);
    }

    /// The rate at which `usd` would be the funding of `szi`; `None` where there is no position, or
    /// no price.
    pub(super) fn rate_of(&self, asset: u32, szi: Sz, usd: Usd) -> Option<RateE10> {
        let value = i128::from((self.funding_px(asset)? * szi).0);
        let rate = (i128::from(-usd.0) * ONE).checked_div(value)?;
        Some(RateE10::clipped(rate))
    }
}

/// Notional whose average price is the impact price.
fn impact_notional(coin: &str) -> Usd {
    Usd(match coin {
        "BTC" | "ETH" => 20_000_000_000,
        _ => 6_000_000_000,
    })
}

/// Average price of `notional` traded into one side, rounded down to the lattice; `None` when the
/// side holds less.
fn impact_px(levels: &[DepthLevel], notional: Usd) -> Option<Px> {
    let (mut spent, mut lots) = (Usd::ZERO, Sz::ZERO);
    for level in levels {
        let left = notional - spent;
        let all = level.px * level.sz;
        if all < left {
            spent += all;
            lots += level.sz;
            continue;
        }
        let part = (left.0 + level.px.0 - 1) / level.px.0;
        return Some(Px((spent + level.px * Sz(part)).0 / (lots.0 + part)));
    }
    None
}

/// `(max(impact bid - oracle, 0) - max(oracle - impact ask, 0)) / oracle` (HYPERLIQUID.md 6).
fn premium([bid, ask]: [Option<Px>; 2], oracle: Px) -> Option<i128> {
    let above = bid.map_or(0, |bid| i128::from((bid.0 - oracle.0).max(0)));
    let below = ask.map_or(0, |ask| i128::from((oracle.0 - ask.0).max(0)));
    ((above - below) * ONE).checked_div(i128::from(oracle.0))
}

/// An eighth of `premium + clamp(interest - premium)`, capped.
fn hourly_rate(premium: i128) -> i128 {
    let eight_hours = premium + (INTEREST - premium).clamp(-CLAMP, CLAMP);
    (eight_hours / 8).clamp(-RATE_CAP, RATE_CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn funding_rests_at_the_interest_while_the_premium_is_small() {
        assert_eq!(hourly_rate(0), ONE / 80_000);
        assert_eq!(hourly_rate(ONE * 3 / 10_000), ONE / 80_000);
        assert_eq!(hourly_rate(ONE / 100), 11_875_000);
        assert_eq!(hourly_rate(-ONE), -RATE_CAP);
    }

    #[test]
    fn a_premium_is_measured_at_the_impact_prices() {
        assert_eq!(
            premium([Some(Px(102)), Some(Px(104))], Px(100)),
            Some(ONE / 50)
        );
        assert_eq!(premium([Some(Px(102)), None], Px(100)), Some(ONE / 50));
        assert_eq!(premium([None, None], Px(100)), Some(0));
        assert_eq!(
            premium([Some(Px(96)), Some(Px(98))], Px(100)),
            Some(-ONE / 50)
        );
        assert_eq!(premium([Some(Px(99)), Some(Px(101))], Px(100)), Some(0));
        assert_eq!(premium([Some(Px(99)), Some(Px(101))], Px(0)), None);
    }

    #[test]
    fn an_impact_price_is_the_average_of_the_levels_it_eats() {
        let level = |px, sz| DepthLevel {
            px: Px(px),
            sz: Sz(sz),
            n: 1,
        };
        let levels = [level(100, 10), level(101, 10)];
        assert_eq!(impact_px(&levels, Usd(1_000)), Some(Px(100)));
        assert_eq!(impact_px(&levels, Usd(2_010)), Some(Px(100)));
        assert_eq!(impact_px(&levels, Usd(2_100)), None);
    }
}

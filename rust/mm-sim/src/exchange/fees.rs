//! Fee tiers: what an account pays by the volume of the fourteen UTC days before today
//! (HYPERLIQUID.md 6). Rebates for a share of all maker volume are not granted: nobody but a few
//! clients trades here, so any of them would have the largest share.

use std::collections::VecDeque;

use mm_core::units::{Time, Usd};

use super::config::{FeeRate, FeeRates, Rule};
use super::{MAIN, SimExchange, account::Account};

/// Days that count.
const DAYS: i64 = 14;
const DAY_MS: i64 = 86_400_000;

/// A tier: volume from which it holds, USDC, and its rates.
#[derive(Clone, Copy, Debug)]
pub struct FeeTier {
    /// Volume of fourteen days, USDC.
    pub volume_usdc: i64,
    /// Its rates.
    pub rates: FeeRates,
}

const fn tier(volume_usdc: i64, taker: i64, maker: i64) -> FeeTier {
    let (maker, taker) = (FeeRate(maker), FeeRate(taker));
    FeeTier {
        volume_usdc,
        rates: FeeRates { maker, taker },
    }
}

/// The venue's tiers above the base, lowest first.
pub const FEE_TIERS: [FeeTier; 6] = [
    tier(5_000_000, 40_000, 12_000),
    tier(25_000_000, 35_000, 8_000),
    tier(100_000_000, 30_000, 4_000),
    tier(500_000_000, 28_000, 0),
    tier(2_000_000_000, 26_000, 0),
    tier(7_000_000_000, 24_000, 0),
];

/// Volume by UTC day, oldest first, and the volume that today's tier goes by.
#[derive(Clone, Debug, Default)]
pub(super) struct DailyVolume {
    days: VecDeque<(i64, Usd)>,
    /// The day [`Self::weighed`] is for.
    today: i64,
    weighed: Usd,
}

impl DailyVolume {
    /// Enters a trade.
    pub(super) fn add(&mut self, now: Time, notional: Usd) {
        self.roll(now);
        match self.days.back_mut() {
            Some((day, volume)) if *day == self.today => *volume += notional,
            _ => self.days.push_back((self.today, notional)),
        }
    }

    /// Volume of the fourteen days before that of `now`.
    pub(super) fn weighed(&self, now: Time) -> Usd {
        let today = day(now);
        if today == self.today {
            return self.weighed;
        }
        let counts = today - DAYS..today;
        let days = self.days.iter().filter(|(day, _)| counts.contains(day));
        days.map(|(_, volume)| *volume).sum()
    }

    fn roll(&mut self, now: Time) {
        let today = day(now);
        if today != self.today {
            self.weighed = self.weighed(now);
            self.today = today;
            self.days.retain(|(day, _)| today - DAYS <= *day);
        }
    }
}

const fn day(now: Time) -> i64 {
    now.as_millis().div_euclid(DAY_MS)
}

/// The rates of a volume: where other base rates are set, a tier lowers them in proportion.
fn rates(base: FeeRates, volume: Usd) -> FeeRates {
    let reached = FEE_TIERS
        .iter()
        .rev()
        .find(|tier| Usd(tier.volume_usdc * 1_000_000) < volume);
    reached.map_or(base, |tier| FeeRates {
        maker: scaled(base.maker, tier.rates.maker, FeeRates::BASE.maker),
        taker: scaled(base.taker, tier.rates.taker, FeeRates::BASE.taker),
    })
}

const fn scaled(rate: FeeRate, tier: FeeRate, base: FeeRate) -> FeeRate {
    FeeRate(rate.0 * tier.0 / base.0)
}

impl SimExchange {
    /// What an account pays today for a trade in a perp: on a builder's dex the builder is paid as
    /// much as the venue, and in growth mode a tenth of all is left.
    pub(super) fn rates_of(&self, account: &Account, asset: u32) -> FeeRates {
        let rates = self.base_rates_of(account);
        if self.coins[asset as usize].dex == MAIN {
            return rates;
        }
        let [fee, rebate] = self.instruments()[asset as usize].fee_scale_e4();
        let here = |rate: FeeRate| FeeRate(rate.0 * if rate.0 > 0 { fee } else { rebate } / 10_000);
        FeeRates {
            maker: here(rates.maker),
            taker: here(rates.taker),
        }
    }

    /// What an account pays today on the main dex.
    pub(super) fn base_rates_of(&self, account: &Account) -> FeeRates {
        match self.config.rules.fee_tiers {
            Rule::On => rates(self.config.fees, account.daily.weighed(self.now)),
            Rule::Off => self.config.fees,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_holds_from_the_day_after_its_volume_for_fourteen_days() {
        let at = |day: i64| Time::from_millis(day * DAY_MS + 5);
        let mut volume = DailyVolume::default();
        volume.add(at(20_000), Usd(4_000_000_000_000));
        volume.add(at(20_000), Usd(2_000_000_000_000));
        assert_eq!(
            rates(FeeRates::BASE, volume.weighed(at(20_000))),
            FeeRates::BASE
        );
        for day in [20_001, 20_014] {
            let rates = rates(FeeRates::BASE, volume.weighed(at(day)));
            assert_eq!(rates, FEE_TIERS[0].rates, "{day}");
        }
        assert_eq!(
            rates(FeeRates::BASE, volume.weighed(at(20_015))),
            FeeRates::BASE
        );
        volume.add(at(20_003), Usd(1));
        assert_eq!(volume.weighed(at(20_003)), Usd(6_000_000_000_000));
        assert_eq!(volume.weighed(at(20_004)), Usd(6_000_000_000_001));
    }

    #[test]
    fn other_base_rates_fall_in_proportion() {
        let base = FeeRates {
            maker: FeeRate(-1_000),
            taker: FeeRate(90_000),
        };
        let lowered = rates(base, Usd(30_000_000_000_000));
        assert_eq!(
            (lowered.maker, lowered.taker),
            (FeeRate(-533), FeeRate(70_000))
        );
    }
}

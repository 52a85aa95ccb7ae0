//! The request budget of an address: one action a dollar traded and some to start with
//! (HYPERLIQUID.md 5).

use mm_core::units::{Dur, Time, Usd};
use mm_hl::wire::ExchangeAction;

use super::SimExchange;
use super::account::Usage;

/// Requests of an address before it traded anything.
const REQUESTS: i64 = 10_000;
/// Cancels may go beyond the budget by this much, or to twice the budget where that is less.
const CANCELS_BEYOND: i64 = 100_000;
/// With the budget used up one action is admitted in so much time.
const THROTTLE: Dur = Dur::from_millis(10_000);
/// In growth mode this part of a trade earns requests.
const GROWTH_PART: i64 = 10;

impl SimExchange {
    /// What a trade adds to the volume that an address is known by.
    pub(super) fn counted(&self, asset: u32, notional: Usd) -> Usd {
        if self.instruments()[asset as usize].growth_mode() {
            Usd(notional.0 / GROWTH_PART)
        } else {
            notional
        }
    }
}

impl Usage {
    /// Requests allowed.
    pub(super) fn cap(&self) -> i64 {
        REQUESTS + self.volume.0.div_euclid(1_000_000)
    }

    /// Requests used, net of reserved ones.
    pub(super) fn used(&self) -> i64 {
        (self.requests - self.reserved).max(0)
    }

    /// Counts an action of `cost` requests at `now`, or says in the venue's words that it is one too
    /// many. A refusal costs nothing.
    pub(super) fn spend(
        &mut self,
        action: &ExchangeAction,
        cost: i64,
        now: Time,
    ) -> Result<(), String> {
        let cancels = matches!(
            action,
            ExchangeAction::Cancel(_) | ExchangeAction::CancelByCloid(_)
        );
        let cap = self.cap();
        let bound = if cancels {
            (cap + CANCELS_BEYOND).min(2 * cap)
        } else {
            cap
        };
        let wanted = self.used() + cost;
        // Buying budget is the way out of having none.
        let free = matches!(action, ExchangeAction::ReserveRequestWeight(_));
        if wanted > bound && !free {
            if now.since(self.throttled_at) < THROTTLE {
                let (usdc, cents) = (self.volume.0 / 1_000_000, self.volume.0 / 10_000 % 100);
                return Err(format!(
                    "Too many cumulative requests sent ({wanted} > {bound}) for cumulative volume \
                     traded ${usdc}.{cents:02}. Place taker orders to free up 1 request per USDC \
                     traded."
                ));
            }
            self.throttled_at = now;
        }
        self.requests += cost;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mm_hl::wire::{Cancel, CancelOrders};

    fn usage(requests: i64, volume: i64) -> Usage {
        Usage {
            requests,
            volume: Usd(volume),
            ..Usage::default()
        }
    }

    #[test]
    fn without_budget_one_action_passes_in_ten_seconds() {
        let mut usage = usage(97_456, 87_457_461_234);
        let at = |ms: i64| Time::from_millis(1_700_000_000_000 + ms);
        assert_eq!(usage.spend(&ExchangeAction::Noop, 1, at(0)), Ok(()));
        assert_eq!(usage.spend(&ExchangeAction::Noop, 5, at(1)), Ok(()));
        let text = usage
            .spend(&ExchangeAction::Noop, 1, at(9_000))
            .unwrap_err();
        assert_eq!(
            text,
            "Too many cumulative requests sent (97463 > 97457) for cumulative volume traded \
             $87457.46. Place taker orders to free up 1 request per USDC traded."
        );
        assert_eq!(usage.requests, 97_462, "a refusal costs nothing");
        assert_eq!(usage.spend(&ExchangeAction::Noop, 1, at(10_001)), Ok(()));
    }

    #[test]
    fn cancels_go_on_beyond_the_budget() {
        let mut usage = usage(10_000, 0);
        let cancel = ExchangeAction::Cancel(CancelOrders {
            cancels: vec![Cancel { asset: 0, oid: 1 }; 200],
            fast: None,
        });
        let now = Time::from_millis(1_700_000_000_000);
        for _ in 0..50 {
            assert_eq!(usage.spend(&cancel, 200, now), Ok(()));
        }
        assert_eq!(usage.used(), 20_000);
        usage.throttled_at = now;
        assert!(usage.spend(&cancel, 200, now).is_err());
    }
}

//! What a death of the host leaves without an end, under either of two protections of which one takes the
//! other away: `scheduleCancel` cancels every order of the account at its date, the stop too.
//!
//! ```text
//! under the date  |q|                      the orders are gone; nobody closes what is held
//! under the stop  max(bids, asks)          it closes q; what rests may then fill from flat
//! without a stop  max(q + bids, asks - q)  nobody closes anything
//! ```
//! bids and asks are lots that rest and are not reduce-only. The stop ends when it was set off, and when
//! our own quotes have closed what it is of: from flat, each side makes at most itself, in whatever order
//! they fill. What fills in the minute until the date is on neither side of the comparison: inside the
//! limit, under both.
//!
//! The date stands while it leaves no more than the stop would. It is taken back when it would leave
//! clearly more, so that a position and quotes that breathe move it not at all.

use serde::Serialize;

use super::micro;
use crate::units::{Side, Sz, Usd};

/// A date that stands is taken back where it would leave more than 5/4 of what the stop would.
const CLEARLY: (i128, i128) = (5, 4);

/// A coin at the moment of the death.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Death {
    /// Signed lots.
    pub position: Sz,
    /// Lots that rest, or may, and are not reduce-only, `[bid, ask]`.
    pub rests: [Sz; 2],
    /// Whether a stop rests against the position.
    pub stopped: bool,
    /// Price, lattice units.
    pub mark: f64,
}

/// What nobody closes any more, at its largest, by what stands when the host dies. Of several coins: sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Left {
    /// Where the date stands.
    pub under_date: Usd,
    /// Where it does not.
    pub under_stop: Usd,
}

impl Death {
    /// What it leaves. Pure and total.
    #[must_use]
    pub fn leaves(&self) -> Left {
        let held = self.position.abs();
        let [bids, asks] = self.rests;
        let most = if self.stopped {
            bids.max(asks)
        } else {
            let furthest = |side: Side| side.signed(self.position) + self.rests[side.index()];
            furthest(Side::Bid).max(furthest(Side::Ask))
        };
        let worth = |lots: Sz| Usd(micro(self.mark * lots.as_f64()));
        Left {
            under_date: worth(held),
            under_stop: worth(most),
        }
    }
}

/// Whether the date is to stand, by whether it did.
#[must_use]
pub fn date_stays(stood: bool, left: Left) -> bool {
    let (more, less) = CLEARLY;
    let (date, stop) = (i128::from(left.under_date.0), i128::from(left.under_stop.0));
    date <= stop || (stood && date * less <= stop * more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn death(position: i64, bids: i64, asks: i64, stopped: bool) -> Death {
        Death {
            position: Sz(position),
            rests: [Sz(bids), Sz(asks)],
            stopped,
            mark: 2.0,
        }
    }

    fn leaves(position: i64, bids: i64, asks: i64, stopped: bool) -> (i64, i64) {
        let left = death(position, bids, asks, stopped).leaves();
        (left.under_date.0, left.under_stop.0)
    }

    #[test]
    fn what_is_left_under_each() {
        assert_eq!(leaves(0, 40, 30, false), (0, 80));
        assert_eq!(leaves(10, 40, 30, true), (20, 80));
        assert_eq!(leaves(-10, 30, 40, true), (20, 80));
        assert_eq!(leaves(100, 20, 50, true), (200, 100));
        assert_eq!(leaves(100, 20, 50, false), (200, 240));
        assert_eq!(leaves(-100, 20, 50, false), (200, 300));
        assert_eq!(leaves(100, 0, 500, false), (200, 800));
        assert_eq!(leaves(100, 0, 0, true), (200, 0));
    }

    #[test]
    fn the_date_stands_while_it_leaves_no_more_and_goes_when_it_leaves_clearly_more() {
        let left = |under_date, under_stop| Left {
            under_date: Usd(under_date),
            under_stop: Usd(under_stop),
        };
        for (date, stop, stood, not_stood) in [
            (0, 0, true, true),
            (100, 100, true, true),
            (101, 100, true, false),
            (125, 100, true, false),
            (126, 100, false, false),
            (1, 0, false, false),
            (i64::MAX, i64::MAX, true, true),
        ] {
            assert_eq!(date_stays(true, left(date, stop)), stood, "{date} {stop}");
            assert_eq!(
                date_stays(false, left(date, stop)),
                not_stood,
                "{date} {stop}"
            );
        }
    }

    /// Nobody of ours lives: takers fill what rests in any order, and the stop may be set off at any time.
    /// With it gone nobody closes what is held.
    fn unended(death: &Death, fills: &[(bool, i64)], fires_at: usize) -> Sz {
        let (mut position, mut rests) = (death.position, death.rests);
        let mut stopped = death.stopped;
        let mut worst = if stopped { Sz::ZERO } else { position.abs() };
        for (number, (is_bid, lots)) in fills.iter().enumerate() {
            if stopped && number == fires_at {
                (position, stopped) = (Sz::ZERO, false);
            }
            let side = if *is_bid { Side::Bid } else { Side::Ask };
            let filled = Sz(*lots).min(rests[side.index()]);
            rests[side.index()] = rests[side.index()] - filled;
            let before = position;
            position += side.signed(filled);
            // Closed or turned, it takes its stop along.
            stopped &= position.0.signum() == before.0.signum();
            if !stopped {
                worst = worst.max(position.abs());
            }
        }
        worst
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        /// However what rests fills, what nobody ends is no more than is said.
        #[test]
        fn prop_no_way_of_filling_leaves_more_without_an_end(
            position in -200_i64..200,
            bids in 0_i64..200,
            asks in 0_i64..200,
            stopped in any::<bool>(),
            fills in prop::collection::vec((any::<bool>(), 0_i64..120), 0..12),
            fires_at in 0_usize..14,
        ) {
            let stopped = stopped && position != 0;
            let death = Death { mark: 1.0, ..death(position, bids, asks, stopped) };
            let left = death.leaves();
            prop_assert!(unended(&death, &fills, fires_at).0 <= left.under_stop.0);
            prop_assert_eq!(left.under_date.0, position.abs());
        }

        /// And some way leaves as much: from a stop that was set off, or from no stop.
        #[test]
        fn prop_some_way_of_filling_leaves_that_much(
            position in -200_i64..200,
            bids in 0_i64..200,
            asks in 0_i64..200,
            stopped in any::<bool>(),
        ) {
            let stopped = stopped && position != 0;
            let death = Death { mark: 1.0, ..death(position, bids, asks, stopped) };
            let ways = [true, false].map(|is_bid| unended(&death, &[(is_bid, 200)], 0));
            prop_assert_eq!(ways[0].max(ways[1]).0, death.leaves().under_stop.0);
        }

        /// Whatever moves by less than a quarter moves the date once at most.
        #[test]
        fn prop_what_only_breathes_moves_nothing(
            stop in 1_i64..1_000_000,
            shares in prop::collection::vec(1.001..1.249_f64, 1..20),
            stood in any::<bool>(),
        ) {
            let mut stands = stood;
            for share in shares {
                let date = micro(f64::from(u32::try_from(stop).unwrap()) * 1000.0 * share);
                let left = Left { under_date: Usd(date), under_stop: Usd(stop * 1000) };
                stands = date_stays(stands, left);
                prop_assert_eq!(stands, stood);
            }
        }

        /// Between two moves to and fro what is left has moved by a quarter at least.
        #[test]
        fn prop_it_moves_to_and_fro_only_with_what_is_left(
            steps in prop::collection::vec((0_i64..2_000, 1_i64..2_000), 1..60),
        ) {
            let (mut stands, mut taken_back_at) = (true, None);
            for (date, stop) in steps {
                let left = Left { under_date: Usd(date), under_stop: Usd(stop) };
                let now = date_stays(stands, left);
                let ratio = f64::from(i32::try_from(date).unwrap())
                    / f64::from(i32::try_from(stop).unwrap());
                if stands && !now {
                    taken_back_at = Some(ratio);
                }
                if now && !stands {
                    prop_assert!(ratio * 1.25 < taken_back_at.unwrap());
                }
                stands = now;
            }
        }
    }
}

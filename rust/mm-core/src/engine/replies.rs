//! What one reply says about the venue's willingness: a batch is one event, however many items it had.

use std::collections::BTreeSet;

use super::Engine;
use crate::action::Tif;
use crate::control::Alarm;
use crate::event::{Rejection, RejectionClass};
use crate::orders::Order;
use crate::recovery::ask::Ask;
use crate::units::Side;

/// The items of one reply, folded.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Sides of which a post-only order was accepted that could increase: one that can only reduce
    /// proves nothing for those.
    accepted: BTreeSet<Side>,
    /// Sides and classes of which one was refused.
    refused: BTreeSet<(Side, RejectionClass)>,
    /// Classes of refusals, whatever they were of.
    classes: BTreeSet<RejectionClass>,
    /// Whether a reducing order was accepted, and whether one was refused.
    reducing: [bool; 2],
    /// Sides of which a reducing post-only order was refused.
    reducing_refused: BTreeSet<Side>,
    /// Sides of which a reducing order was refused because it would not reduce: what made it so is a fill
    /// that was not heard of.
    disproved: BTreeSet<Side>,
    /// Words nobody knew.
    unknown: BTreeSet<String>,
}

impl Batch {
    /// An order or its replacement was accepted.
    pub(super) fn accept(&mut self, order: Option<&Order>) {
        let Some(order) = order.map(Order::newest) else {
            return;
        };
        if order.tif == Tif::Alo && !order.reduce_only {
            self.accepted.insert(order.side);
        }
        self.reducing[0] |= order.reduce_only;
    }

    /// An order, its replacement or (`None`) a cancel was refused.
    pub(super) fn refuse(&mut self, order: Option<&Order>, why: &Rejection) {
        self.classes.insert(why.class);
        if why.class == RejectionClass::Unknown {
            self.unknown.insert(why.text.clone());
        }
        let Some(order) = order.map(Order::newest) else {
            return;
        };
        let crossed = why.class == RejectionClass::PostOnly;
        if order.tif == Tif::Alo && (crossed || !order.reduce_only) {
            self.refused.insert((order.side, why.class));
        }
        let disproved = why.class == RejectionClass::ReduceOnly;
        if order.reduce_only && disproved {
            self.disproved.insert(order.side);
        } else if order.tif == Tif::Alo && order.reduce_only {
            self.reducing_refused.insert(order.side);
        }
        // That the book moved, or held nothing, or that we had been filled, is no reluctance of the venue.
        let outrun = [RejectionClass::PostOnly, RejectionClass::NoMatch].contains(&why.class);
        self.reducing[1] |= order.reduce_only && !outrun && !disproved;
    }
}

impl Engine {
    /// Tells the limiter and the recovery what a reply came to, and has looked at what it puts in doubt.
    pub(super) fn on_batch(&mut self, batch: Batch) {
        let control = &self.config.control;
        self.control
            .watch
            .on_rejections(&batch.classes, self.now, control);
        let config = &self.config.recovery;
        let recover = &mut self.recover;
        for side in batch.accepted {
            recover.limiter.on_accepted(side);
        }
        for (side, class) in batch.refused {
            recover.limiter.on_refused(side, class, self.now, config);
        }
        for side in batch.reducing_refused {
            recover.limiter.on_reducing_refused(side, self.now);
        }
        for side in batch.disproved {
            recover.limiter.on_disproved(side, self.now);
            recover.questions.want(Ask::Fills);
        }
        let [accepted, refused] = batch.reducing;
        if accepted {
            recover.limiter.on_reducing_accepted();
            recover.manager.on_accepted();
        }
        if refused {
            recover.manager.on_refused();
        }
        for class in &batch.classes {
            match class {
                RejectionClass::PostOnlyPeriod => {
                    recover.manager.on_post_only(self.now, config);
                }
                RejectionClass::PostOnly | RejectionClass::NoMatch => {}
                RejectionClass::Margin => {
                    recover.questions.want(Ask::HeadRoom);
                    recover.questions.want(Ask::Account);
                }
                RejectionClass::OpenInterest => recover.questions.want(Ask::OpenInterestCap),
                RejectionClass::Budget => recover.questions.want(Ask::RateLimit),
                _ => recover.questions.want(Ask::Account),
            }
        }
        let unknown = batch.unknown.into_iter();
        self.alarms
            .extend(unknown.map(|text| Alarm::UnknownRejection { text }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{NewOrder, Reason};
    use crate::orders::Orders;
    use crate::units::{Dur, Px, SECOND, Sz, Time};

    fn on_its_way(tif: Tif, reduce_only: bool) -> Order {
        let mut table = Orders::new(1, 0, Dur(SECOND));
        let order = NewOrder {
            cloid: table.next_cloid(),
            side: Side::Ask,
            px: Px(100),
            sz: Sz(1),
            tif,
            reduce_only,
            reason: Reason::NewLevel,
        };
        table.placed(order, Time(SECOND));
        *table.get(order.cloid).unwrap()
    }

    /// What a refusal holds against its side, `[its like, what reduces, until the fill is heard]`, and
    /// whether the venue is reluctant to let the position out.
    #[test]
    fn a_refusal_is_held_against_its_like() {
        use RejectionClass::{Margin, NoMatch, PostOnly, ReduceOnly};
        let cases = [
            (Tif::Alo, false, Margin, [true, false, false], false),
            (Tif::Alo, false, PostOnly, [true, false, false], false),
            (Tif::Alo, false, ReduceOnly, [true, false, false], false),
            (Tif::Alo, true, Margin, [false, true, false], true),
            (Tif::Alo, true, PostOnly, [true, true, false], false),
            (Tif::Alo, true, ReduceOnly, [false, false, true], false),
            (Tif::Ioc, true, Margin, [false, false, false], true),
            (Tif::Ioc, true, NoMatch, [false, false, false], false),
            (Tif::Ioc, true, ReduceOnly, [false, false, true], false),
            (Tif::Ioc, false, Margin, [false, false, false], false),
        ];
        for (tif, reduce_only, class, held, reluctant) in cases {
            let mut batch = Batch::default();
            let why = Rejection {
                class,
                text: "words".to_owned(),
            };
            batch.refuse(Some(&on_its_way(tif, reduce_only)), &why);
            let found = [
                batch.refused.contains(&(Side::Ask, class)),
                batch.reducing_refused.contains(&Side::Ask),
                batch.disproved.contains(&Side::Ask),
            ];
            assert_eq!(found, held, "{tif:?} {reduce_only} {class:?}");
            assert_eq!(batch.reducing, [false, reluctant], "{class:?}");
            assert!(batch.classes.contains(&class) && batch.unknown.is_empty());
        }
    }

    #[test]
    fn what_is_accepted_speaks_for_its_like() {
        let cases = [
            (Tif::Alo, false, true, false),
            (Tif::Alo, true, false, true),
            (Tif::Ioc, true, false, true),
            (Tif::Ioc, false, false, false),
        ];
        for (tif, reduce_only, side, reducing) in cases {
            let mut batch = Batch::default();
            batch.accept(Some(&on_its_way(tif, reduce_only)));
            assert_eq!(batch.accepted.contains(&Side::Ask), side, "{tif:?}");
            assert_eq!(batch.reducing, [reducing, false], "{tif:?}");
            batch.accept(Some(&on_its_way(Tif::Alo, false)));
            assert_eq!(batch.reducing, [reducing, false], "{tif:?}");
        }
    }
}

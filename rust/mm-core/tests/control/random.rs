//! Whatever goes wrong in whatever order, the reducing side stays.

use mm_core::control::Mode;
use mm_core::event::{Command, EventBody, RejectionClass, Stream, StreamState};
use mm_core::units::{Side, Sz};
use proptest::prelude::*;

use crate::code;
use crate::desk::Desk;

/// A guard's trouble, or its end.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    Jump(i64),
    Account(bool),
    User(bool),
    Market(bool),
    Burst(bool),
    Stranger(bool, i64),
    Refuse(Option<RejectionClass>),
    Gap(i64),
    Stop,
    Wait(usize),
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        (-3_000_i64..3_000).prop_map(Trouble::Jump),
        any::<bool>().prop_map(Trouble::Account),
        any::<bool>().prop_map(Trouble::User),
        any::<bool>().prop_map(Trouble::Market),
        any::<bool>().prop_map(Trouble::Burst),
        (any::<bool>(), 1_i64..400).prop_map(|(buys, sz)| Trouble::Stranger(buys, sz)),
        Just(Trouble::Refuse(Some(RejectionClass::Margin))),
        Just(Trouble::Refuse(None)),
        (1_i64..50).prop_map(Trouble::Gap),
        Just(Trouble::Stop),
        (1_usize..40).prop_map(Trouble::Wait),
    ]
}

impl Desk {
    fn suffer(&mut self, trouble: Trouble) {
        match trouble {
            Trouble::Jump(by) => self.mid += by,
            Trouble::Account(flows) => self.account = flows,
            Trouble::User(flows) => {
                self.user = flows;
                let state = if flows {
                    StreamState::Up
                } else {
                    StreamState::Down
                };
                self.stream(Stream::User, state);
            }
            Trouble::Market(flows) => self.market = flows,
            Trouble::Burst(buys) => {
                let side = if buys { Side::Bid } else { Side::Ask };
                for _ in 0..4 {
                    if self.lots(side) > Sz::ZERO {
                        self.fill(side, 5);
                    }
                }
            }
            Trouble::Stranger(buys, sz) => {
                self.stranger(if buys { Side::Bid } else { Side::Ask }, sz);
            }
            Trouble::Refuse(class) => self.refuses = class,
            Trouble::Gap(lots) => {
                self.position += Sz(lots);
                self.stranger(Side::Bid, 1);
            }
            Trouble::Stop => self.tell(EventBody::Command(Command::Stop)),
            Trouble::Wait(seconds) => self.seconds(seconds),
        }
    }

    /// The law: a position that can be priced, heard of and accepted is being reduced.
    fn check_reducing(&self) {
        let shown = self.snapshot();
        let listens = self.market && self.refuses.is_none();
        let agreed = shown.position == self.position;
        if shown.mode >= Mode::Flatten || self.position == Sz::ZERO || !listens || !agreed {
            return;
        }
        let side = if self.position > Sz::ZERO {
            Side::Ask
        } else {
            Side::Bid
        };
        let worth = self.position.abs().0 * self.mid;
        assert!(
            self.lots(side) > Sz::ZERO || worth < 12_000_000,
            "{:?} holds {} and {:?}",
            self.mode(),
            self.position,
            code(self, side)
        );
    }
}

proptest! {
    #![proptest_config(crate::cases::cases(24))]

    #[test]
    fn prop_nothing_but_halting_or_blindness_takes_the_reducing_side(
        position in -600_i64..600,
        troubles in proptest::collection::vec(trouble(), 1..14),
        policy in prop_oneof![Just("work"), Just("flatten")],
    ) {
        let control = format!(r#"{{"on_exit": "{policy}", "on_kill": "work"}}"#);
        let mut desk = Desk::new(&control, position);
        desk.open();
        desk.seconds(75);
        for trouble in troubles {
            desk.suffer(trouble);
            desk.seconds(3);
            desk.check_reducing();
        }
    }
}

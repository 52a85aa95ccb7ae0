//! Eight bad minutes of seven worlds, second by second: whatever the engine decides, tells, asks and shows is
//! in `journal/hours.txt`. A change of any decision is seen there, meant or not.
//!
//! `make golden` writes it anew; read the diff before you commit it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[allow(
    dead_code,
    reason = "the desk of the control tests: a journal needs a part of it"
)]
mod desk;

use std::cell::RefCell;
use std::fmt::{Debug, Write as _};
use std::path::PathBuf;
use std::rc::Rc;

use mm_core::action::{Action, ActionBody, Cloid, NewOrder};
use mm_core::engine::{Engine, EngineConfig};
use mm_core::event::{
    Command, EventBody, Fills, Funding, HeadRoom, OpenOrder, OpenOrders, OrderFate, OrderStatus,
    OrderUpdate, RejectionClass, Stream, StreamState, Transfer,
};
use mm_core::recovery::ask::Ask;
use mm_core::units::{Px, SECOND, Side, Sz, Time, Usd};
use serde_json::{Value, json};

use desk::{Desk, START};

const SECONDS: i64 = 480;
const LINE_S: i64 = 20;

/// What a line of the journal counts.
#[derive(Default)]
struct Heard {
    digest: u64,
    /// Orders that were asked about and not answered for.
    unknown: Vec<Cloid>,
    sent: usize,
    alarms: usize,
    asks: usize,
    entries: usize,
    refusals: usize,
}

impl Heard {
    /// FNV-1a: the same on every machine.
    fn take(&mut self, what: &impl Debug) {
        for byte in format!("{what:?}").bytes() {
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn take_order(&mut self, order: &NewOrder) {
        self.take(&(order.cloid, order.side, order.px, order.sz));
        self.take(&(order.tif, order.reduce_only, order.reason));
    }

    fn after_step(&mut self, engine: &Engine, actions: &[Action]) {
        self.sent += actions.len();
        self.alarms += engine.alarms().len();
        self.asks += engine.asks().len();
        self.entries += engine.entries().len();
        self.refusals += engine.refusals().len();
        self.unknown
            .extend(engine.asks().iter().filter_map(|ask| match ask {
                Ask::OrderStatus(cloid) => Some(*cloid),
                _ => None,
            }));
        for action in actions {
            self.take(&(action.id, action.cycle));
            match &action.body {
                ActionBody::Place(orders) => orders.iter().for_each(|o| self.take_order(o)),
                ActionBody::Modify(amends) => amends.iter().for_each(|amend| {
                    self.take(&amend.oid);
                    self.take_order(&amend.order);
                }),
                ActionBody::Cancel(cancels) => self.take(cancels),
            }
        }
        self.take(&(engine.alarms(), engine.asks(), engine.entries()));
        self.take(&(engine.refusals(), engine.wake_at(), engine.is_reduce_only()));
        self.take(
            &engine
                .cycle()
                .map(|cycle| (cycle.cycle, &cycle.limits, &cycle.trace)),
        );
    }

    /// What was heard since the last time.
    fn counted(&mut self) -> Self {
        let unknown = std::mem::take(&mut self.unknown);
        let counted = std::mem::take(self);
        self.unknown = unknown;
        counted
    }

    /// What is shown, word by word: a new word in the snapshot changes no line.
    fn look(&mut self, engine: &Engine) {
        for side in Side::BOTH {
            self.take(&engine.book_levels(side));
        }
        let shown = engine.snapshot();
        self.take(&(shown.phase, shown.mode, shown.mode_reason, shown.mode_since));
        self.take(&(
            shown.not_quoting,
            &shown.suppressed,
            &shown.premium,
            shown.ramp_share,
        ));
        self.take(&(
            &shown.kill,
            &shown.stop,
            shown.close_wait,
            shown.reduce_only,
        ));
        self.take(&(&shown.recovery, &shown.requests, &shown.withheld));
        self.take(&(
            shown.position,
            shown.position_max_abs,
            shown.drift,
            &shown.limits,
        ));
        self.take(&(shown.budget, shown.day_pnl, shown.drawdown, shown.pnl));
        self.take(&(shown.sigma, shown.sigma_quotes, shown.expected_fills_per_h));
        self.take(&(
            shown.margin_used,
            shown.liquidation_distance_frac,
            shown.leverage_only,
        ));
        let orders = shown.orders.iter();
        let orders: Vec<ShownOrder> = orders
            .map(|order| ShownOrder {
                side: order.side,
                px: order.px,
                sz: order.sz,
            })
            .collect();
        self.take(&(&orders, shown.orphans, &shown.foreign));
        self.take(&(
            shown.pending,
            shown.worst_case,
            &shown.counts,
            &shown.markouts,
        ));
        self.take(&(
            shown.market_age_s,
            shown.account_age_s,
            shown.own_stream_age_s,
        ));
    }
}

/// What is kept of an order that is shown.
#[derive(Debug)]
#[expect(dead_code, reason = "only written down")]
struct ShownOrder {
    side: Side,
    px: Px,
    sz: Sz,
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    /// From 0 to below `bound`.
    fn below(&mut self, bound: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        i64::try_from(self.0 >> 2).unwrap() % bound
    }

    fn side(&mut self) -> Side {
        Side::BOTH[usize::from(self.below(2) == 1)]
    }
}

/// A desk and what happens to it.
struct World {
    name: &'static str,
    changes: Value,
    position: i64,
    /// Requests that the address has.
    cap: i64,
    /// Seconds between two accidents.
    every_s: i64,
    /// When the operator ends it, and how.
    ends: Option<(i64, Command)>,
}

fn worlds() -> [World; 7] {
    let world = |name, position, cap, every_s, changes| World {
        name,
        changes,
        position,
        cap,
        every_s,
        ends: None,
    };
    [
        world("ladder", 0, 10_000_000, 9, json!({})),
        world(
            "glft",
            900,
            10_000_000,
            7,
            json!({"quoting": {"strategy": "glft"}, "control": {"ramp": true, "on_exit": "flatten"}}),
        ),
        world(
            "over its limit, short of requests",
            -30_000,
            2_500,
            11,
            json!({"quoting": {"strategy": "inventory_aware"}, "requests": {"reserve": 100}}),
        ),
        world(
            "held by a hard limit",
            2_000,
            10_000_000,
            13,
            json!({"quoting": {"strategy": "symmetric", "max_bps_diff": 2.0},
                "limits": {"position_cap_coin": 0.01}, "control": {"on_kill": "work"}}),
        ),
        world(
            "slow to be answered",
            -100,
            10_000_000,
            5,
            json!({"quoting": {"sweep_guard": false, "depths_bps": [4.0, 8.0, 16.0]},
                "limits": {"daily_loss_frac": 0.005}}),
        ),
        World {
            ends: Some((250, Command::Stop)),
            ..world(
                "frugal, and told to go",
                400,
                900,
                6,
                json!({"requests": {"reserve": 300, "burst_frac": 0.02, "plan_days": 1},
                    "control": {"on_exit": "flatten"}}),
            )
        },
        World {
            ends: Some((200, Command::Kill)),
            ..world(
                "killed with more than it should hold",
                -25_000,
                10_000_000,
                8,
                json!({"control": {"kill_deadline_s": 200}, "recovery": {"ioc_apart_s": 3}}),
            )
        },
    ]
}

impl World {
    fn config(&self) -> EngineConfig {
        let mut whole = serde_json::to_value(desk::config("{}")).unwrap();
        // A guard that ends the hour in its first minutes would leave nothing to see.
        whole["control"]["kill_unexplained_s"] = json!(3_600.0);
        whole["control"]["kill_rejections"] = json!(1_000);
        for (section, keys) in self.changes.as_object().unwrap() {
            for (key, value) in keys.as_object().unwrap() {
                *whole[section].get_mut(key).unwrap() = value.clone();
            }
        }
        serde_json::from_value(whole).unwrap()
    }

    /// Its lines.
    fn journal(&self, seed: u64) -> String {
        let heard = Rc::new(RefCell::new(Heard::default()));
        let mut desk = Desk::with(self.config(), self.position);
        desk.budget.cap = self.cap;
        let taking = Rc::clone(&heard);
        desk.witness = Some(Box::new(move |engine, actions| {
            taking.borrow_mut().after_step(engine, actions);
        }));
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ seed);
        desk.open();
        let mut lines = format!("{}\n", self.name);
        for second in 1..=SECONDS {
            if second > 80 && second % self.every_s == 0 {
                if heal(&mut desk, &mut dice) {
                    let unknown = std::mem::take(&mut heard.borrow_mut().unknown);
                    answer(&mut desk, unknown);
                }
                suffer(&mut desk, &mut dice);
            }
            match &self.ends {
                Some((at, command)) if second == *at => {
                    desk.tell(EventBody::Command(*command));
                }
                _ => {}
            }
            desk.mid += dice.below(21) - 10;
            desk.seconds(1);
            heard.borrow_mut().look(&desk.engine);
            if second % LINE_S == 0 {
                lines += &line(&desk, &heard.borrow_mut().counted());
            }
        }
        lines
    }
}

/// What a line shows besides its digest is for whoever reads the diff.
fn line(desk: &Desk, heard: &Heard) -> String {
    let shown = desk.snapshot();
    let second = desk.now.since(Time(START)).0 / SECOND;
    let lots = |side| desk.lots(side).0;
    let mut line = format!("{second:>4} s  {:?}", shown.mode);
    if let Some(reason) = shown.mode_reason {
        write!(line, " {reason:?}").unwrap();
    }
    let limit = shown
        .limits
        .map_or(-1, |limits| limits.for_position(shown.position).0);
    writeln!(
        line,
        "  holds {} of {limit}  rest {} {}  sent {} refused {} alarms {} asks {} entries {}  {:016x}",
        desk.position.0,
        lots(Side::Bid),
        lots(Side::Ask),
        heard.sent,
        heard.refusals,
        heard.alarms,
        heard.asks,
        heard.entries,
        heard.digest,
    )
    .unwrap();
    line
}

fn suffer(desk: &mut Desk, dice: &mut Dice) {
    match dice.below(20) {
        0 => desk.mid += dice.below(2_001) - 1_000,
        1 => desk.account = false,
        2 => {
            desk.user = false;
            desk.stream(Stream::User, StreamState::Down);
        }
        3 => {
            desk.market = false;
            desk.stream(Stream::Market, StreamState::Down);
        }
        4..=8 => fills(desk, dice),
        9 => {
            let (side, lots) = (dice.side(), dice.below(400) + 1);
            desk.stranger(side, lots);
        }
        10 => {
            let classes = [
                None,
                None,
                Some(RejectionClass::Margin),
                Some(RejectionClass::PostOnly),
                Some(RejectionClass::Cap),
                Some(RejectionClass::Nonce),
            ];
            desk.refuses = classes[usize::try_from(dice.below(6)).unwrap()];
        }
        // A fill of which only the account tells; one such is corrected in an hour.
        11 if dice.below(4) == 0 => {
            let lots = dice.below(60) - 30;
            desk.position += Sz(lots);
            desk.cash -= lots * desk.mid;
        }
        11 | 12 => desk.half = 5 + dice.below(60),
        13 => desk.depth = 100 + dice.below(50_000),
        14 => desk.dry = true,
        15 => desk.post_only = true,
        16 => {
            desk.room = HeadRoom {
                leverage: 3 + u32::try_from(dice.below(20)).unwrap(),
                max_trade_szs: Some([Sz(dice.below(40_000)), Sz(dice.below(40_000))]),
            };
        }
        17 => money(desk, dice),
        18 => by_hand(desk, dice),
        _ => commands(desk, dice),
    }
}

/// Outages end with the next accident, mostly.
fn heal(desk: &mut Desk, dice: &mut Dice) -> bool {
    if dice.below(4) == 0 {
        return false;
    }
    for (flows, stream) in [(desk.user, Stream::User), (desk.market, Stream::Market)] {
        if !flows {
            desk.stream(stream, StreamState::Up);
        }
    }
    (desk.account, desk.user, desk.market) = (true, true, true);
    (desk.refuses, desk.dry, desk.post_only) = (None, false, false);
    if desk.late.is_some() {
        desk.arrive();
    }
    // No fill that nobody told: what the account says besides is corrected.
    desk.tell(EventBody::Fills(Fills {
        snapshot: true,
        others: Vec::new(),
        fills: Vec::new(),
    }));
    true
}

fn answer(desk: &mut Desk, unknown: Vec<Cloid>) {
    for cloid in unknown {
        let rests = desk.resting.iter().find(|(_, o)| o.cloid == cloid);
        let found = rests.map(|(oid, order)| OrderUpdate {
            exch: desk.now,
            oid: *oid,
            cloid: Some(cloid),
            sz: order.sz,
            status: OrderStatus::Open,
        });
        desk.tell(EventBody::OrderStatus(OrderFate { cloid, found }));
    }
}

fn fills(desk: &mut Desk, dice: &mut Dice) {
    let side = dice.side();
    for _ in 0..=dice.below(5) {
        if desk.lots(side) > Sz::ZERO {
            desk.fill(side, dice.below(300) + 1);
        }
    }
}

fn money(desk: &mut Desk, dice: &mut Dice) {
    let usd = Usd(dice.below(40_000_000) - 20_000_000);
    desk.cash += usd.0;
    let (exch, told) = (desk.now, dice.below(3));
    match told {
        0 => desk.tell(EventBody::Funding(Funding { exch, usd })),
        1 => desk.tell(EventBody::Transfer(Transfer {
            exch,
            usd,
            id: dice.0,
        })),
        _ => {}
    }
    desk.margin_used = (dice.below(2) == 1).then(|| Usd(dice.below(9_500_000_000)));
    let away = 1_000 + dice.below(200_000);
    desk.liquidation_px = (dice.below(2) == 1).then_some(Px(desk.mid - away));
}

/// An order that somebody placed by hand, and whatever of ours rests.
fn by_hand(desk: &mut Desk, dice: &mut Dice) {
    let row = |oid, cloid, side, px, sz, reduce_only| OpenOrder {
        oid,
        cloid,
        side,
        px,
        sz,
        reduce_only,
        trigger: None,
    };
    let mut orders: Vec<OpenOrder> = desk
        .resting
        .iter()
        .map(|(oid, o)| row(*oid, Some(o.cloid), o.side, o.px, o.sz, o.reduce_only))
        .collect();
    if dice.below(2) == 1 {
        let (sz, reduce_only) = (Sz(dice.below(3_000) + 1), dice.below(2) == 1);
        let px = Px(desk.mid - 3_000);
        orders.push(row(7, None, Side::Bid, px, sz, reduce_only));
    }
    desk.tell(EventBody::OpenOrders(OpenOrders { orders }));
}

fn commands(desk: &mut Desk, dice: &mut Dice) {
    let late = desk.now.since(Time(START)).0 > SECONDS * SECOND * 3 / 4;
    match dice.below(4) {
        0 => desk.tell(EventBody::Command(Command::Reconcile)),
        1 if late => desk.tell(EventBody::Command(Command::Stop)),
        2 if late => desk.tell(EventBody::Command(Command::Kill)),
        _ => desk.late = Some(Vec::new()),
    }
}

#[test]
fn golden_hours_are_as_they_were() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/journal/hours.txt");
    let found: String = (1..)
        .zip(worlds())
        .map(|(seed, world)| world.journal(seed))
        .collect();
    if std::env::var_os("MM_GOLDEN").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    for (number, (now, before)) in found.lines().zip(kept.lines()).enumerate() {
        let told = "another decision: where it is meant, `make golden`, and read the diff";
        assert_eq!(now, before, "line {}: {told}", number + 1);
    }
    assert_eq!(found.len(), kept.len());
}

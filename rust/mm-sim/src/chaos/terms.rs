//! What one seed's world is like.

use mm_core::control::PositionPolicy;
use mm_core::engine::EngineConfig;
use mm_core::units::{Dur, Usd};
use serde::{Deserialize, Serialize};

use crate::faults::{Act, Fault, FaultKind, FaultPlan, Feed, Scripted, TimedAct, Way};
use crate::flow::Dice;

/// Chance streams of a world's terms, and of a trade at the end of the storm that nobody tells.
const STREAM: u64 = 1 << 40;
const UNTOLD: u64 = STREAM + 1;
const DELISTED: u64 = STREAM + 2;
/// Share of worlds that end with the delisting of their perp.
const DELISTED_SHARE: f64 = 0.06;
/// How long before the end of the storm that trade happens, s: nothing is lost after it, so that no
/// snapshot of fills is asked for by the way.
const UNTOLD_BEFORE_S: f64 = 0.4;

/// Settings of a nervous world: the smallest losses, gaps and excesses end it.
const NERVOUS: [(&str, &str, f64); 5] = [
    ("limits", "daily_loss_frac", 0.002),
    ("limits", "drawdown_frac", 0.004),
    ("control", "kill_runaway_ratio", 1.2),
    ("control", "kill_stale_s", 15.0),
    ("control", "kill_unexplained_s", 5.0),
];

/// How worlds are made: the same for all seeds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The engine's configuration; the session id is replaced.
    pub engine: EngineConfig,
    /// Rates of the faults at intensity one: a chance an action or frame, or times an hour.
    pub rates: std::collections::BTreeMap<FaultKind, f64>,
    /// Shortest and longest time with faults, s.
    pub stormy_s: [f64; 2],
    /// Time without faults after that, s.
    pub calm_s: f64,
    /// Time a client waits for an answer, s.
    pub timeout_s: f64,
    /// Time after which an action is no longer carried out, s.
    pub expires_after_s: f64,
}

/// What one seed draws.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Drawn {
    /// USDC at the start.
    pub(super) equity: Usd,
    /// Notional held at the start, USD, signed; traded by hand before the first session.
    pub(super) inherited_usd: f64,
    /// The part of it given back at once, so that dust remains, USD.
    pub(super) given_back_usd: f64,
    /// Time with faults, ns.
    pub(super) stormy: Dur,
    /// Shortest way of an action to the exchange and its mean excess, s.
    pub(super) order_s: [f64; 2],
    /// The same for what is heard.
    pub(super) heard_s: [f64; 2],
    /// Half-width of the candles' closes before the start, fraction.
    pub(super) wobble: f64,
    /// When sessions end early, s after the start, and whether without a word.
    pub(super) ends: Vec<(f64, bool)>,
    /// When the operator kills, s after the start.
    pub(super) killed_by_hand_s: Option<f64>,
    /// What becomes of the position after a kill.
    pub(super) on_kill: PositionPolicy,
    /// Whether the guards of the kill switch are tight: so much goes wrong that one of them ends it.
    pub(super) nervous: bool,
    /// What goes wrong.
    pub(super) plan: FaultPlan,
}

impl Terms {
    /// The configuration of a world's sessions.
    ///
    /// # Errors
    /// [`serde_json::Error`] where the engine refuses it.
    pub(super) fn engine_of(&self, drawn: &Drawn) -> Result<EngineConfig, serde_json::Error> {
        let mut json = serde_json::to_value(&self.engine)?;
        if drawn.nervous {
            for (section, key, value) in NERVOUS {
                json[section][key] = value.into();
            }
        }
        let mut config: EngineConfig = serde_json::from_value(json)?;
        config.control.on_kill = drawn.on_kill;
        Ok(config)
    }

    pub(super) fn draw(&self, seed: u64) -> (Drawn, Dice) {
        let mut dice = Dice::new(seed, STREAM);
        let equity = 500.0 * libm::exp(dice.uniform() * libm::log(200.0));
        let sign = if dice.chance(0.5) { 1.0 } else { -1.0 };
        let inherits = dice.uniform();
        let (inherited_usd, given_back_usd) = if inherits < 0.08 {
            (sign * 30.0, 30.0 - dice.between(3.0, 9.5))
        } else if inherits < 0.35 {
            let times = 0.05 * libm::exp(dice.uniform() * libm::log(200.0));
            (sign * equity * times, 0.0)
        } else {
            (0.0, 0.0)
        };
        let intensity = [0.2, 1.0, 1.0, 3.0][usize::from(dice.pick(4))];
        let stormy_s = dice.between(self.stormy_s[0], self.stormy_s[1]);
        let ends = (0..dice.pick(3))
            .map(|_| (dice.between(20.0, stormy_s), dice.chance(0.6)))
            .collect();
        let rates = self.rates.iter().map(|(kind, rate)| {
            let most = if kind.is_of_actions() || kind.is_of_frames() {
                0.2
            } else {
                3_600.0
            };
            (*kind, (rate * intensity).min(most))
        });
        let (script, mut acts) = untold(seed, stormy_s - UNTOLD_BEFORE_S);
        acts.extend(delisted(seed, stormy_s));
        let plan = FaultPlan {
            seed: seed ^ 0x5eed,
            rates: rates.collect(),
            script,
            acts,
            ..FaultPlan::default()
        };
        let drawn = Drawn {
            equity: Usd::floor(equity),
            inherited_usd,
            given_back_usd,
            stormy: Dur::from_secs(stormy_s),
            order_s: [dice.between(0.01, 0.15), dice.between(0.01, 0.2)],
            heard_s: [dice.between(0.01, 0.15), dice.between(0.01, 0.2)],
            wobble: dice.between(1e-4, 8e-4),
            ends,
            killed_by_hand_s: dice.chance(0.04).then(|| dice.between(20.0, stormy_s)),
            on_kill: match dice.pick(4) {
                0 => PositionPolicy::Work,
                1 => PositionPolicy::Hold,
                _ => PositionPolicy::Flatten,
            },
            nervous: dice.chance(0.15),
            plan,
        };
        (drawn, dice)
    }
}

/// A few worlds end with the delisting of their perp, in the last quarter of the storm.
fn delisted(seed: u64, stormy_s: f64) -> Option<TimedAct> {
    let mut dice = Dice::new(seed, DELISTED);
    let act = Act::Delisting {};
    dice.chance(DELISTED_SHARE).then(|| TimedAct {
        at_s: dice.between(0.75, 0.99) * stormy_s,
        act,
    })
}

/// In every fourth world hands trade and the frame of that fill never comes: only a report of the account
/// against the ledger can tell.
fn untold(seed: u64, at_s: f64) -> (Vec<Scripted>, Vec<TimedAct>) {
    let mut dice = Dice::new(seed, UNTOLD);
    if !dice.chance(0.25) {
        return (Vec::new(), Vec::new());
    }
    let way = if dice.chance(0.5) {
        Way::Buy
    } else {
        Way::Sell
    };
    let act = Act::HandOrder {
        way,
        usd: dice.between(20.0, 200.0),
        resting_bps: None,
    };
    let fault = Fault::DropFrame {
        feed: Feed::Fills,
        count: 1,
    };
    (vec![Scripted { at_s, fault }], vec![TimedAct { at_s, act }])
}

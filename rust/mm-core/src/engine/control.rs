//! What the guards ask for, and what becomes of it.

use super::Engine;
use crate::control::{Alarm, Kill, KillReason};

impl Engine {
    /// Latches the kill switch, once.
    pub(super) fn latch(&mut self, reason: KillReason) {
        if self.kill.is_some() {
            return;
        }
        let kill = Kill {
            reason,
            at: self.now,
            equity: self.own.budget.map(|budget| budget.equity()),
            position: self.own.position(),
            on_kill: self.config.control.on_kill,
            done: false,
        };
        self.alarms.push(Alarm::KillLatched {
            reason,
            equity: kill.equity,
            position: kill.position,
        });
        self.kill = Some(kill);
        self.phases.stop(self.now);
    }
}

//! Our account: the fill ledger, exact to the micro-USDC, and the entries that make it up.

mod continuity;
mod elsewhere;
mod entry;
mod ledger;

pub use continuity::HOLD;
pub use entry::{Correction, Entry, Execution, Payment};
pub use ledger::{Ledger, Pnl, Posted};

//! Estimators on markets whose truth is known: the table of MODELS.md d.1, each row with the figure it
//! reached (printed with `--nocapture`) and, where the table names one, the naive estimator that fails it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]
#![expect(
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "counts and times of simulations of a few hours"
)]

mod adverse;
mod avellaneda;
mod flow;
mod funding;
mod glft;
mod hjb;
mod intensity;
mod kept;
mod laws;
mod long_run;
mod markout;
mod microprice;
mod own;
mod own_cost;
mod queue;
mod queue_laws;
mod random;
mod realised;
mod regime;
mod ridge;
mod shift;
mod silence;
mod volatility;

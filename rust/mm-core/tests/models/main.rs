//! Estimators on markets whose truth is known: the table of MODELS.md d.1, each row with the figure it
//! reached (printed with `--nocapture`) and, where the table names one, the naive estimator that fails it.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "counts and times of simulations of a few hours"
)]

mod adverse;
mod avellaneda;
mod glft;
mod hjb;
mod intensity;
mod microprice;
mod random;

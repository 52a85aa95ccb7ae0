//! Sizing and the reduce-only filter on arrays: prices in lattice units, sizes in lots.

use mm_core::filter::{
    Quote, ReduceOnly, ReduceOnlyReason, Refusal, Standing, assess, filter_ladder,
};
use mm_core::ladder::{self, LadderLevel, MarginLeft, Sizing, SweepGuard};
use mm_core::units::{Px, Side, Sz};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use super::config::{RiskConfig, refused};
use super::derived::{PyLimits, decimal, instrument};
use crate::error::ConfigError;
use crate::number::Number;

/// An order, or a part of one, that was not passed.
#[pyclass(name = "Refusal", module = "mm._core", frozen, eq)]
#[derive(Clone, PartialEq)]
pub(crate) struct PyRefusal(Refusal);

#[pymethods]
impl PyRefusal {
    #[getter]
    fn side(&self) -> &'static str {
        match self.0.side {
            Side::Bid => "bid",
            Side::Ask => "ask",
        }
    }

    #[getter]
    fn px(&self) -> i64 {
        self.0.px.0
    }

    #[getter]
    fn sz(&self) -> i64 {
        self.0.sz.0
    }

    #[getter]
    fn reason(&self) -> &'static str {
        self.0.reason.as_str()
    }

    #[getter]
    fn limit(&self) -> i64 {
        self.0.limit.0
    }

    fn __repr__(&self) -> String {
        let Refusal { px, sz, limit, .. } = self.0;
        let (side, reason) = (self.side(), self.reason());
        format!("Refusal(side={side}, px={px}, sz={sz}, reason={reason}, limit={limit})")
    }
}

/// Orders of both sides, each from the inside out, with the verdict they were made under.
#[pyclass(name = "Ladder", module = "mm._core", frozen)]
pub(crate) struct PyLadder {
    quotes: Vec<Quote>,
    refusals: Vec<Refusal>,
    verdict: ReduceOnly,
    rooms: Option<[Sz; 2]>,
}

#[pymethods]
impl PyLadder {
    #[getter]
    fn bid_px<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.column(py, Side::Bid, |quote| quote.px.0)
    }

    #[getter]
    fn bid_sz<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.column(py, Side::Bid, |quote| quote.sz.0)
    }

    #[getter]
    fn ask_px<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.column(py, Side::Ask, |quote| quote.px.0)
    }

    #[getter]
    fn ask_sz<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<i64>> {
        self.column(py, Side::Ask, |quote| quote.sz.0)
    }

    /// Whether the orders carry reduce-only on the wire.
    #[getter]
    fn reduce_only(&self) -> bool {
        self.verdict.mode.is_reduce_only()
    }

    #[getter]
    fn mode(&self) -> &'static str {
        self.verdict.mode.as_str()
    }

    #[getter]
    fn reason(&self) -> Option<&'static str> {
        self.verdict.reason.map(ReduceOnlyReason::as_str)
    }

    /// Position as a percentage of its side's limit; None without a limit.
    #[getter]
    fn utilization_pct<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.verdict
            .utilization_bps
            .map(|bps| decimal(py, bps, 2))
            .transpose()
    }

    /// Room of each side in lots, (bid, ask); None from the filter.
    #[getter]
    fn rooms(&self) -> Option<(i64, i64)> {
        self.rooms.map(|[bid, ask]| (bid.0, ask.0))
    }

    #[getter]
    fn refusals(&self) -> Vec<PyRefusal> {
        self.refusals.iter().copied().map(PyRefusal).collect()
    }

    fn __repr__(&self) -> String {
        let count = |side| {
            self.quotes
                .iter()
                .filter(|quote| quote.side == side)
                .count()
        };
        let (bids, asks) = (count(Side::Bid), count(Side::Ask));
        let (mode, refusals) = (self.mode(), self.refusals.len());
        format!("Ladder(mode={mode}, bids={bids}, asks={asks}, refusals={refusals})")
    }
}

impl PyLadder {
    fn column<'py>(
        &self,
        py: Python<'py>,
        side: Side,
        value: impl Fn(&Quote) -> i64,
    ) -> Bound<'py, PyArray1<i64>> {
        let mine = self.quotes.iter().filter(|quote| quote.side == side);
        PyArray1::from_iter(py, mine.map(value))
    }
}

/// Sizes levels so that they fill the room up to the target; see `mm_core::ladder`.
#[pyfunction]
#[pyo3(signature = (
    *, limits, config, position, mid, bid_px, bid_fill_rate, bid_net_capture_bps, ask_px,
    ask_fill_rate, ask_net_capture_bps, target, min_level_usd, was_reduce_only = false,
    other_reason = None, unreplaced = None, margin_free_usd = None, margin_leverage = None
))]
#[expect(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "keyword-only: one an input; Python hands over values"
)]
pub(crate) fn size_ladder(
    limits: &Bound<'_, PyLimits>,
    config: RiskConfig<'_>,
    position: i64,
    mid: Option<Number>,
    bid_px: PyReadonlyArray1<'_, i64>,
    bid_fill_rate: PyReadonlyArray1<'_, f64>,
    bid_net_capture_bps: PyReadonlyArray1<'_, f64>,
    ask_px: PyReadonlyArray1<'_, i64>,
    ask_fill_rate: PyReadonlyArray1<'_, f64>,
    ask_net_capture_bps: PyReadonlyArray1<'_, f64>,
    target: i64,
    min_level_usd: Number,
    was_reduce_only: bool,
    other_reason: Option<&str>,
    unreplaced: Option<(i64, i64)>,
    margin_free_usd: Option<Number>,
    margin_leverage: Option<Number>,
) -> PyResult<PyLadder> {
    let (limits, config) = (limits.get(), config.0.get());
    let unreplaced = unreplaced.unwrap_or_default();
    let lots = [
        ("target", target),
        ("unreplaced", unreplaced.0),
        ("unreplaced", unreplaced.1),
    ];
    for (field, lots) in lots {
        in_lots(field, lots, 0)?;
    }
    let standing = standing(position, mid, was_reduce_only, other_reason)?;
    let instrument = instrument(limits.sz_decimals)?;
    let leave = config.reduce_only_leave_frac;
    let sizing = Sizing {
        position: standing.position,
        verdict: assess(&limits.limits, &standing, leave, &instrument),
        unreplaced: [Sz(unreplaced.0), Sz(unreplaced.1)],
        target: Sz(target),
        min_level: min_level_usd.usd("min_level_usd")?,
        limit_use_frac: config.limit_use_frac,
        sweep_guard: SweepGuard::On,
        margin_left: margin(margin_free_usd.as_ref(), margin_leverage.as_ref())?,
    };
    let bids = levels(&bid_px, &bid_fill_rate, &bid_net_capture_bps)?;
    let asks = levels(&ask_px, &ask_fill_rate, &ask_net_capture_bps)?;
    let ladder = ladder::size_ladder(&limits.limits, [&bids, &asks], &sizing, &instrument);
    Ok(PyLadder {
        quotes: ladder.quotes,
        refusals: ladder.refusals,
        verdict: sizing.verdict,
        rooms: Some(ladder.rooms),
    })
}

/// Passes a plan through the reduce-only filter; see `mm_core::filter`.
#[pyfunction]
#[pyo3(signature = (
    *, limits, config, position, mid, bid_px, bid_sz, ask_px, ask_sz, was_reduce_only = false,
    other_reason = None
))]
#[expect(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "keyword-only: one an input; Python hands over values"
)]
pub(crate) fn reduce_only_filter(
    limits: &Bound<'_, PyLimits>,
    config: RiskConfig<'_>,
    position: i64,
    mid: Option<Number>,
    bid_px: PyReadonlyArray1<'_, i64>,
    bid_sz: PyReadonlyArray1<'_, i64>,
    ask_px: PyReadonlyArray1<'_, i64>,
    ask_sz: PyReadonlyArray1<'_, i64>,
    was_reduce_only: bool,
    other_reason: Option<&str>,
) -> PyResult<PyLadder> {
    let (limits, leave) = (limits.get(), config.0.get().reduce_only_leave_frac);
    let standing = standing(position, mid, was_reduce_only, other_reason)?;
    let verdict = assess(
        &limits.limits,
        &standing,
        leave,
        &instrument(limits.sz_decimals)?,
    );
    let mut quotes = planned(Side::Bid, &bid_px, &bid_sz)?;
    quotes.extend(planned(Side::Ask, &ask_px, &ask_sz)?);
    let filtered = filter_ladder(&quotes, &verdict, standing.position, &limits.limits);
    Ok(PyLadder {
        quotes: filtered.quotes,
        refusals: filtered.refusals,
        verdict,
        rooms: None,
    })
}

fn standing(
    position: i64,
    mid: Option<Number>,
    was_reduce_only: bool,
    other_reason: Option<&str>,
) -> PyResult<Standing> {
    in_lots("position", position, -LOTS_MAX)?;
    let mid = mid.map(|mid| mid.belief("mid")).transpose()?;
    if let Some(mid) = mid.filter(|mid| !(0.0 < *mid && *mid <= 1e12)) {
        let text = format!("mid was {mid}, expected a finite number of USDC above 0");
        return Err(ConfigError::new_err(text));
    }
    let other = other_reason.map(reason_named).transpose()?;
    Ok(Standing {
        position: Sz(position),
        mid,
        was_reduce_only,
        other,
    })
}

fn reason_named(name: &str) -> PyResult<ReduceOnlyReason> {
    use ReduceOnlyReason::{Control, LiquidationDistance, Margin};
    [Margin, LiquidationDistance, Control]
        .into_iter()
        .find(|reason| reason.as_str() == name)
        .ok_or_else(|| {
            ConfigError::new_err(format!(
                "other_reason was {name:?}, expected Margin, LiquidationDistance or Control"
            ))
        })
}

fn margin(free: Option<&Number>, leverage: Option<&Number>) -> PyResult<Option<MarginLeft>> {
    let (Some(free), Some(leverage)) = (free, leverage) else {
        if free.is_some() || leverage.is_some() {
            let text = "margin_free_usd and margin_leverage must be given together";
            return Err(ConfigError::new_err(text));
        }
        return Ok(None);
    };
    let leverage = leverage.belief("margin_leverage")?;
    if !(0.0 < leverage && leverage <= 1_000.0) {
        let text =
            format!("margin_leverage was {leverage}, expected a number above 0, at most 1000");
        return Err(ConfigError::new_err(text));
    }
    Ok(Some(MarginLeft {
        free: free.usd("margin_free_usd")?,
        leverage,
    }))
}

fn levels(
    px: &PyReadonlyArray1<'_, i64>,
    fill_rate: &PyReadonlyArray1<'_, f64>,
    net_capture_bps: &PyReadonlyArray1<'_, f64>,
) -> PyResult<Vec<LadderLevel>> {
    let (px, rate, capture) = (
        px.as_array(),
        fill_rate.as_array(),
        net_capture_bps.as_array(),
    );
    same_length(px.len(), rate.len())?;
    same_length(px.len(), capture.len())?;
    px.iter()
        .zip(rate)
        .zip(capture)
        .map(|((&px, &rate), &capture)| {
            LadderLevel::new(px_in_range(px)?, rate, capture).map_err(|error| refused(&error))
        })
        .collect()
}

fn planned(
    side: Side,
    px: &PyReadonlyArray1<'_, i64>,
    sz: &PyReadonlyArray1<'_, i64>,
) -> PyResult<Vec<Quote>> {
    let (px, sz) = (px.as_array(), sz.as_array());
    same_length(px.len(), sz.len())?;
    px.iter()
        .zip(sz)
        .map(|(&px, &sz)| {
            in_lots("sz", sz, 0)?;
            Ok(Quote {
                side,
                px: px_in_range(px)?,
                sz: Sz(sz),
                reduce_only: false,
            })
        })
        .collect()
}

/// Largest lattice integer a price or size may be; below 2^53.
const LOTS_MAX: i64 = 9_000_000_000_000_000;

fn px_in_range(px: i64) -> PyResult<Px> {
    if (1..=LOTS_MAX).contains(&px) {
        return Ok(Px(px));
    }
    Err(ConfigError::new_err(format!(
        "px was {px}, expected 1 to 9e15 lattice units"
    )))
}

fn in_lots(field: &str, lots: i64, least: i64) -> PyResult<()> {
    if (least..=LOTS_MAX).contains(&lots) {
        return Ok(());
    }
    Err(ConfigError::new_err(format!(
        "{field} was {lots}, expected {least} to 9e15 lots"
    )))
}

fn same_length(left: usize, right: usize) -> PyResult<()> {
    if left == right {
        return Ok(());
    }
    Err(ConfigError::new_err(format!(
        "arrays of one side had lengths {left} and {right}"
    )))
}

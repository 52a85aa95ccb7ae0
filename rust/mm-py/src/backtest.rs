//! Backtest and replay, seen from Python.

use std::sync::Arc;
use std::time::Instant;

use mm_core::engine::{EngineConfig, Snapshot};
use mm_core::units::{Dur, Time, Usd};
use mm_sim::backtest::{
    self as sim, Backtest, BacktestConfig, BacktestError, Latency, Progress, Watch,
};
use mm_sim::eventlog::{self, ReplayError, Replayed};
use mm_sim::exchange::{FeeRate, FeeRates};
use mm_sim::frames::{Feed, FrameError, Tape};
use mm_sim::recorded::QueueBound;
use mm_sim::wire::MarketChoice;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::engine::as_python;
use crate::error::{ConfigError, EventError, MmError};
use crate::instrument::PyInstrument;
use crate::number::Number;

/// A recording of one perp.
#[pyclass(name = "Tape", module = "mm._core", frozen)]
pub(crate) struct PyTape(Arc<Tape>);

#[pymethods]
impl PyTape {
    #[new]
    #[pyo3(signature = (instrument, frames, *, feed_s = None, book_every_s = None))]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "PyO3 hands the bytes over; a borrow could not outlive the interpreter's release"
    )]
    fn new(
        py: Python<'_>,
        instrument: &PyInstrument,
        frames: PyBackedBytes,
        feed_s: Option<f64>,
        book_every_s: Option<f64>,
    ) -> PyResult<Self> {
        let feed = feed_of(feed_s)?;
        let every = book_every_s.map(|secs| seconds("book_every_s", secs));
        let every = every.transpose()?;
        let instrument = instrument.0.clone();
        let read = || {
            let tape = Tape::read(instrument, &frames, feed)?;
            Ok(match every {
                Some(every) => tape.with_books_every(every),
                None => tape,
            })
        };
        let tape: Result<Tape, FrameError> = py.detach(read);
        tape.map(|tape| Self(Arc::new(tape)))
            .map_err(|error| EventError::new_err(error.to_string()))
    }

    /// This tape beside a recording of the coin that it may follow.
    #[pyo3(signature = (coin, frames, *, feed_s = None))]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "PyO3 hands the bytes over; a borrow could not outlive the interpreter's release"
    )]
    fn with_reference(
        &self,
        py: Python<'_>,
        coin: &str,
        frames: PyBackedBytes,
        feed_s: Option<f64>,
    ) -> PyResult<Self> {
        let feed = feed_of(feed_s)?;
        let read = || Tape::clone(&self.0).with_reference(coin, &frames, feed);
        let tape: Result<Tape, FrameError> = py.detach(read);
        tape.map(|tape| Self(Arc::new(tape)))
            .map_err(|error| EventError::new_err(error.to_string()))
    }

    /// This tape and its mirror image in turn, for so long.
    fn chained(&self, py: Python<'_>, duration_s: f64) -> PyResult<Self> {
        let duration = seconds("duration_s", duration_s)?;
        let tape = py.detach(|| self.0.chained(duration));
        tape.map(|tape| Self(Arc::new(tape)))
            .map_err(|error| EventError::new_err(error.to_string()))
    }

    #[getter]
    fn lines(&self) -> usize {
        self.0.lines()
    }

    #[getter]
    fn steps(&self) -> usize {
        self.0.steps().len()
    }

    #[getter]
    fn repeated(&self) -> usize {
        self.0.repeated()
    }

    #[getter]
    fn start_ns(&self) -> i64 {
        self.0.start().0
    }

    #[getter]
    fn end_ns(&self) -> i64 {
        self.0.end().0
    }
}

/// What a backtest came to.
#[pyclass(name = "BacktestResult", module = "mm._core", frozen)]
pub(crate) struct PyBacktestResult {
    result: Backtest,
}

#[pymethods]
impl PyBacktestResult {
    /// The reported pass, with the bounds, as a JSON object.
    #[getter]
    fn json(&self) -> PyResult<String> {
        let mut whole = serde_json::to_value(&self.result.top).map_err(bug)?;
        let mut bounds = serde_json::Map::new();
        for bound in &self.result.bounds {
            let name = bound.queue_bound.as_str().to_owned();
            bounds.insert(name, serde_json::to_value(bound).map_err(bug)?);
        }
        whole["bounds"] = serde_json::Value::Object(bounds);
        let mut courses = serde_json::Map::new();
        for bound in &self.result.bounds {
            let name = bound.queue_bound.as_str().to_owned();
            courses.insert(name, serde_json::to_value(&bound.course).map_err(bug)?);
        }
        whole["courses"] = serde_json::Value::Object(courses);
        Ok(whole.to_string())
    }

    /// The exchange's own report of the reported pass, JSON lines.
    #[getter]
    fn report<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.result.evidence.report)
    }

    /// Which nonce carried which action in the reported pass, JSON lines.
    #[getter]
    fn sends<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.result.evidence.sends)
    }

    /// Our account in the report.
    #[getter]
    fn user(&self) -> &str {
        &self.result.evidence.user
    }

    /// Events stepped in all passes.
    #[getter]
    fn events(&self) -> u64 {
        self.result.bounds.iter().map(|bound| bound.events).sum()
    }

    /// Time of an engine step of the reported pass at this share of the slowest ones below it, us.
    fn step_us(&self, quantile: f64) -> Option<f64> {
        let mut sorted = self.result.step_ns.clone();
        sorted.sort_unstable();
        let last = sorted.len().checked_sub(1)?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place in a list"
        )]
        let place = (last as f64 * quantile.clamp(0.0, 1.0)).round() as usize;
        #[expect(clippy::cast_precision_loss, reason = "steps last less than 2^53 ns")]
        Some(sorted[place] as f64 / 1e3)
    }
}

/// Carries progress and log to Python callables and remembers what they raised.
struct Caller {
    progress: Option<Py<PyAny>>,
    log: Option<Py<PyAny>>,
    look: Option<(Dur, Py<PyAny>)>,
    clock: Instant,
    raised: Option<PyErr>,
}

impl Caller {
    /// Calls Python, unless it raised before. `false`: it raised, then or now.
    fn call(&mut self, call: impl FnOnce(&Self, Python<'_>) -> PyResult<()>) -> bool {
        if self.raised.is_none() {
            self.raised =
                Python::attach(|py| py.check_signals().and_then(|()| call(self, py))).err();
        }
        self.raised.is_none()
    }
}

impl Watch for Caller {
    fn progress(&mut self, progress: Progress) -> bool {
        let Progress { bound, done, of } = progress;
        self.call(|caller, py| match &caller.progress {
            Some(callable) => callable.call1(py, (bound.as_str(), done, of)).map(|_| ()),
            None => Ok(()),
        })
    }

    fn log(&mut self, lines: &[u8]) {
        self.call(|caller, py| match &caller.log {
            Some(callable) => callable.call1(py, (PyBytes::new(py, lines),)).map(|_| ()),
            None => Ok(()),
        });
    }

    fn now_ns(&mut self) -> u64 {
        u64::try_from(self.clock.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn look_every(&self) -> Option<Dur> {
        self.look.as_ref().map(|(every, _)| *every)
    }

    fn look(&mut self, at: Time, shown: &Snapshot) {
        self.call(|caller, py| match &caller.look {
            Some((_, callable)) => {
                let shown = as_python(py, shown)?;
                callable.call1(py, (at.0, shown)).map(|_| ())
            }
            None => Ok(()),
        });
    }
}

/// Runs the engine over a tape. See `_core.pyi` for the contract.
#[pyfunction]
#[pyo3(signature = (
    config_json, tape, *, equity_usd, leverage, maker_fee_bps, taker_fee_bps, order_s, ack_s,
    block_s, expires_after_s, queue_bound = "pessimistic", all_bounds = true,
    traded_before_usd = 0.0, progress = None, log = None, look = None, look_s = 1.0
))]
#[expect(
    clippy::too_many_arguments,
    reason = "keywords of one call from Python"
)]
pub(crate) fn backtest(
    py: Python<'_>,
    config_json: &str,
    tape: &PyTape,
    equity_usd: &Bound<'_, PyAny>,
    leverage: u32,
    maker_fee_bps: f64,
    taker_fee_bps: f64,
    order_s: f64,
    ack_s: f64,
    block_s: f64,
    expires_after_s: f64,
    queue_bound: &str,
    all_bounds: bool,
    traded_before_usd: f64,
    progress: Option<Py<PyAny>>,
    log: Option<Py<PyAny>>,
    look: Option<Py<PyAny>>,
    look_s: f64,
) -> PyResult<PyBacktestResult> {
    let engine: EngineConfig = serde_json::from_str(config_json)
        .map_err(|error| ConfigError::new_err(error.to_string()))?;
    let config = BacktestConfig {
        engine,
        equity: equity_usd.extract::<Number>()?.usd("equity_usd")?,
        traded_before: before(traded_before_usd)?,
        leverage,
        fees: FeeRates {
            maker: fee("maker_fee_bps", maker_fee_bps)?,
            taker: fee("taker_fee_bps", taker_fee_bps)?,
        },
        latency: Latency {
            order: seconds("order_s", order_s)?,
            ack: seconds("ack_s", ack_s)?,
            block: seconds("block_s", block_s)?,
        },
        expires_after: seconds("expires_after_s", expires_after_s)?,
        bound: bound_of(queue_bound)?,
        all_bounds,
    };
    let look_every = seconds("look_s", look_s)?;
    if look_every.0 <= 0 {
        let text = format!("look_s was {look_s}, expected more than 0 seconds");
        return Err(ConfigError::new_err(text));
    }
    let mut caller = Caller {
        progress,
        log,
        look: look.map(|callable| (look_every, callable)),
        clock: Instant::now(),
        raised: None,
    };
    let tape = Arc::clone(&tape.0);
    let outcome = py.detach(|| sim::backtest(&config, &tape, &mut caller));
    match (caller.raised, outcome) {
        (Some(raised), _) => Err(raised),
        (None, Ok(result)) => Ok(PyBacktestResult { result }),
        (None, Err(error @ (BacktestError::Config(_) | BacktestError::Exchange(_)))) => {
            Err(ConfigError::new_err(error.to_string()))
        }
        (None, Err(error)) => Err(bug(error)),
    }
}

/// What a tape says before money is risked. See `_core.pyi` for the contract.
#[pyfunction]
pub(crate) fn scout(py: Python<'_>, tape: &PyTape) -> PyResult<String> {
    let tape = Arc::clone(&tape.0);
    let seen = py.detach(|| mm_sim::scout::scout(&tape));
    serde_json::to_string(&seen).map_err(bug)
}

/// What a tape's flow is like. See `_core.pyi` for the contract.
#[pyfunction]
pub(crate) fn flow_statistics(py: Python<'_>, tape: &PyTape) -> PyResult<String> {
    let tape = Arc::clone(&tape.0);
    let measured = py.detach(|| mm_sim::flow_statistics::measure(&tape));
    let measured = measured.map_err(|error| EventError::new_err(error.to_string()))?;
    serde_json::to_string(&measured).map_err(bug)
}

/// Frames of a market that is made up. See `_core.pyi` for the contract.
#[pyfunction]
pub(crate) fn synthetic_frames<'py>(
    py: Python<'py>,
    market_json: &str,
    coin: &str,
    seconds: u32,
) -> PyResult<Bound<'py, PyBytes>> {
    let market: MarketChoice = serde_json::from_str(market_json)
        .map_err(|error| ConfigError::new_err(format!("market: {error}")))?;
    let frames = py.detach(|| mm_sim::synthetic::frames(&market, coin, seconds));
    let frames = frames.map_err(|error| ConfigError::new_err(error.to_string()))?;
    Ok(PyBytes::new(py, &frames))
}

/// What a log gave when its events were stepped again.
#[pyclass(name = "Replay", module = "mm._core", frozen, get_all)]
pub(crate) struct PyReplay {
    session: u64,
    coin: String,
    events: u64,
    actions: u64,
    decision_hash: String,
    cut_after: Option<usize>,
    difference: Option<String>,
}

/// Steps a fresh engine over a log's events. See `_core.pyi` for the contract.
#[pyfunction]
#[expect(
    clippy::needless_pass_by_value,
    reason = "PyO3 hands the bytes over; a borrow could not outlive the interpreter's release"
)]
pub(crate) fn replay(py: Python<'_>, lines: PyBackedBytes) -> PyResult<PyReplay> {
    let replayed = py.detach(|| eventlog::replay(&lines));
    match replayed {
        Ok(Replayed {
            session,
            coin,
            events,
            actions,
            decision_hash,
            cut_after,
        }) => Ok(PyReplay {
            session,
            coin,
            events,
            actions,
            decision_hash,
            cut_after,
            difference: None,
        }),
        Err(ReplayError::Differs { difference, so_far }) => Ok(PyReplay {
            session: so_far.session,
            coin: so_far.coin,
            events: so_far.events,
            actions: so_far.actions,
            decision_hash: so_far.decision_hash,
            cut_after: None,
            difference: Some(difference.to_string()),
        }),
        Err(error @ ReplayError::Config(_)) => Err(ConfigError::new_err(error.to_string())),
        Err(error) => Err(EventError::new_err(error.to_string())),
    }
}

fn seconds(field: &str, secs: f64) -> PyResult<Dur> {
    if (0.0..=86_400.0).contains(&secs) {
        return Ok(Dur::from_secs(secs));
    }
    Err(ConfigError::new_err(format!(
        "{field} was {secs}, expected 0 to 86400 seconds"
    )))
}

fn feed_of(feed_s: Option<f64>) -> PyResult<Feed> {
    let feed = feed_s.map(|secs| seconds("feed_s", secs)).transpose()?;
    Ok(feed.map_or(Feed::Recorded, Feed::Constant))
}

fn before(usd: f64) -> PyResult<Usd> {
    if (0.0..=1e12).contains(&usd) {
        return Ok(Usd::floor(usd));
    }
    Err(ConfigError::new_err(format!(
        "traded_before_usd was {usd}, expected 0 to 1e12 USDC"
    )))
}

/// Basis points to 1e-8 of notional.
fn fee(field: &str, bps: f64) -> PyResult<FeeRate> {
    if !(-100.0..=100.0).contains(&bps) {
        let text = format!("{field} was {bps}, expected -100 to 100 bps of notional");
        return Err(ConfigError::new_err(text));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "at most 1e6 by the line above"
    )]
    Ok(FeeRate((bps * 1e4).round() as i64))
}

fn bound_of(name: &str) -> PyResult<QueueBound> {
    let found = QueueBound::ALL
        .into_iter()
        .find(|bound| bound.as_str() == name);
    found.ok_or_else(|| {
        let text = format!("queue_bound was {name:?}, expected pessimistic, prorata or optimistic");
        ConfigError::new_err(text)
    })
}

fn bug(error: impl core::fmt::Display) -> PyErr {
    MmError::new_err(error.to_string())
}

//! The paper exchange, seen from Python: bytes in, bytes out, time from the caller.

use std::collections::BTreeMap;

use mm_core::units::Time;
use mm_sim::wire::{
    Answer, MarketChoice, PaperConfig, PaperError, PaperExchange, Submitted, Verdict,
};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{ConfigError, EventError};

/// Hyperliquid's protocol over a simulated exchange.
#[pyclass(name = "PaperExchange", module = "mm._core")]
pub(crate) struct PyPaperExchange(PaperExchange);

/// Status and body of an HTTP answer.
type PyAnswer<'py> = (u16, Bound<'py, PyBytes>);

/// What `submit` returns.
#[derive(IntoPyObject)]
enum PySubmitted<'py> {
    Queued(u64),
    Answered(PyAnswer<'py>),
}

fn refused(error: &PaperError) -> PyErr {
    match error {
        PaperError::Frames(error) => EventError::new_err(error.to_string()),
        _ => ConfigError::new_err(error.to_string()),
    }
}

fn answered<'py>(py: Python<'py>, answer: &Answer) -> PyAnswer<'py> {
    (answer.status, PyBytes::new(py, &answer.body))
}

#[pymethods]
impl PyPaperExchange {
    #[new]
    #[pyo3(signature = (config_json, market_json, frames = None))]
    fn new(
        py: Python<'_>,
        config_json: &str,
        market_json: &str,
        frames: Option<&[u8]>,
    ) -> PyResult<Self> {
        let open = || {
            let config = PaperConfig::parse(config_json)?;
            let market: MarketChoice = serde_json::from_str(market_json)?;
            let market = market.open(config.start(), frames)?;
            PaperExchange::new(config, market)
        };
        py.detach(open)
            .map(Self)
            .map_err(|error: PaperError| refused(&error))
    }

    /// Time of the last block, nanoseconds since the Unix epoch.
    #[getter]
    fn time_ns(&self) -> i64 {
        self.0.time().0
    }

    /// Time of the next block, nanoseconds since the Unix epoch.
    #[getter]
    fn next_block_ns(&self) -> i64 {
        self.0.sim().next_block().0
    }

    /// What the market is and what it does not prove.
    #[getter]
    fn market_label(&self) -> &str {
        self.0.sim().market_label()
    }

    /// When a recorded market ends, nanoseconds since the Unix epoch; None for one without an end.
    #[getter]
    fn market_end_ns(&self) -> Option<i64> {
        self.0.market_end().map(|end| end.0)
    }

    fn set_clock(&mut self, now_ns: i64, wall_ns: i64, speed_achieved: f64) {
        self.0
            .set_clock(Time(now_ns), Time(wall_ns), speed_achieved);
    }

    fn info<'py>(&mut self, py: Python<'py>, body: &[u8]) -> PyAnswer<'py> {
        let answer = self.0.info_fate();
        answered(py, &answer.unwrap_or_else(|| self.0.info(body)))
    }

    /// How long the carrier is to hold back the answer to the last `info`, s of exchange time.
    #[getter]
    fn info_hold_s(&self) -> f64 {
        self.0.info_hold().as_secs()
    }

    /// Whether websockets are accepted now.
    #[getter]
    fn accepts_sockets(&self) -> bool {
        self.0.accepts_sockets()
    }

    /// Whether anything passes on a websocket connection; not on one that is half-open.
    fn passes(&mut self, connection: u64) -> bool {
        self.0.passes(connection)
    }

    /// Connections that broke since the last call: to be cut without a close frame.
    fn take_dropped(&mut self) -> Vec<u64> {
        self.0.take_dropped()
    }

    /// How often each kind of planted fault happened.
    fn fault_counts(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.0.fault_counts().iter();
        counts.map(|(kind, count)| (kind.name(), *count)).collect()
    }

    fn submit<'py>(&mut self, py: Python<'py>, body: &[u8]) -> PySubmitted<'py> {
        match self.0.submit(body) {
            Submitted::Queued(id) => PySubmitted::Queued(id),
            Submitted::Answered(answer) => PySubmitted::Answered(answered(py, &answer)),
        }
    }

    fn advance(&mut self, to_ns: i64, blocks_max: usize) -> i64 {
        self.0.advance(Time(to_ns), blocks_max).0
    }

    fn take_replies<'py>(&mut self, py: Python<'py>) -> Vec<(u64, u16, Bound<'py, PyBytes>)> {
        let replies = self.0.take_replies().into_iter();
        replies
            .map(|(id, answer)| (id, answer.status, PyBytes::new(py, &answer.body)))
            .collect()
    }

    fn connect(&mut self) -> u64 {
        self.0.connect()
    }

    fn ws_message(&mut self, connection: u64, text: &str) -> bool {
        self.0.message(connection, text) == Verdict::Keep
    }

    fn disconnect(&mut self, connection: u64) {
        self.0.disconnect(connection);
    }

    fn take_frames<'py>(&mut self, py: Python<'py>) -> Vec<(u64, Bound<'py, PyBytes>)> {
        let frames = self.0.take_frames().into_iter();
        frames
            .map(|(connection, frame)| (connection, PyBytes::new(py, &frame)))
            .collect()
    }

    fn hear(&mut self, frame: &[u8]) -> PyResult<()> {
        self.0
            .hear(frame)
            .map_err(|error| EventError::new_err(error.to_string()))
    }

    fn feed_lost(&mut self) {
        self.0.feed_lost();
    }

    fn announce_clock(&mut self) {
        self.0.announce_clock();
    }

    fn take_report<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.take_report())
    }

    fn finish_report<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.finish_report())
    }
}

//! The engine, seen from Python: bytes and clock readings in, actions and log lines out.
//!
//! Each call records the event first, then steps, then records what was decided; `take_log` hands the
//! lines over. When a step panics the line of its event is already there.

use mm_core::account::Entry;
use mm_core::action::{Action, Cloid};
use mm_core::control::Alarm;
use mm_core::engine::{Engine, EngineConfig};
use mm_core::event::{
    Command, Event, EventBody, Reply, ReplyOutcome, Stream, StreamState, StreamStatus,
};
use mm_core::recovery::ask::Ask;
use mm_core::requests::spending::Spending;
use mm_core::units::Time;
use mm_hl::decode::{
    Decoded, InfoKind, decode_frame, decode_info, decode_order_status, decode_reference,
    decode_reply,
};
use mm_sim::eventlog::EventLog;
use numpy::{PyArray2, ToPyArray, ndarray::Array2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::action::PyAction;
use crate::error::{ConfigError, EventError};
use crate::instrument::PyInstrument;

/// The one owner of a session's state. See `_core.pyi` for the contract.
#[pyclass(name = "Engine", module = "mm._core")]
pub(crate) struct PyEngine {
    engine: Engine,
    log: EventLog,
    sent: Vec<Action>,
    entries: Vec<Entry>,
    alarms: Vec<Alarm>,
    asks: Vec<Ask>,
    spent: Vec<Spending>,
    last: Time,
}

#[pymethods]
impl PyEngine {
    #[new]
    fn new(config_json: &str, instrument: &PyInstrument) -> PyResult<Self> {
        let refused = |error: &dyn core::fmt::Display| ConfigError::new_err(error.to_string());
        let config: EngineConfig =
            serde_json::from_str(config_json).map_err(|error| refused(&error))?;
        let instrument = instrument.0.clone();
        let log = EventLog::new(config.session, &config, instrument.clone());
        let engine = Engine::new(config, instrument).map_err(|error| refused(&error))?;
        Ok(Self {
            engine,
            log,
            sent: Vec::new(),
            entries: Vec::new(),
            alarms: Vec::new(),
            asks: Vec::new(),
            spent: Vec::new(),
            last: Time::ZERO,
        })
    }

    /// Takes a websocket frame. What is not for the engine changes nothing; an error channel's text raises.
    fn on_frame(&mut self, recv_ns: i64, frame: &[u8]) -> PyResult<Vec<PyAction>> {
        let decoded = decode_frame(self.engine.instrument(), frame).map_err(event_error)?;
        match decoded {
            Decoded::Events(bodies) => Ok(self.step_all(recv_ns, bodies)),
            Decoded::Heartbeat => {
                Ok(self.step_all(recv_ns, [up(Stream::Market), up(Stream::User)]))
            }
            Decoded::Error(text) => Err(EventError::new_err(text)),
            Decoded::Ack | Decoded::Clock(_) => Ok(Vec::new()),
            Decoded::Ignored => self.on_other_coin(recv_ns, frame),
        }
    }

    /// Takes the body of an info reply of the named type; `orderStatus` with the cloid asked about.
    #[pyo3(signature = (recv_ns, kind, body, cloid = None))]
    fn on_info(
        &mut self,
        recv_ns: i64,
        kind: &str,
        body: &[u8],
        cloid: Option<&str>,
    ) -> PyResult<Vec<PyAction>> {
        let event = match (kind, cloid) {
            ("orderStatus", Some(cloid)) => self.order_status(cloid, body)?,
            ("orderStatus", None) => {
                return Err(EventError::new_err(
                    "orderStatus without the cloid asked about",
                ));
            }
            (_, None) => self.info(kind, body, recv_ns)?,
            (_, Some(cloid)) => {
                let text = format!("cloid was {cloid:?}, expected none with {kind}");
                return Err(EventError::new_err(text));
            }
        };
        Ok(self.step_all(recv_ns, [event]))
    }

    /// Takes the answer to an action: HTTP status and body, or `None` for both when none came.
    #[pyo3(signature = (recv_ns, action_id, status, body))]
    fn on_reply(
        &mut self,
        recv_ns: i64,
        action_id: u64,
        status: Option<u16>,
        body: Option<&[u8]>,
    ) -> PyResult<Vec<PyAction>> {
        let index = self
            .sent
            .iter()
            .position(|action| action.id == action_id)
            .ok_or_else(|| EventError::new_err(format!("no unanswered action {action_id}")))?;
        let action = self.sent.remove(index);
        let outcome = match (status, body) {
            (Some(status), Some(body)) => {
                decode_reply(&action, self.engine.instrument(), status, body)
            }
            _ => ReplyOutcome::Lost,
        };
        let reply = EventBody::Reply(Reply {
            action: action_id,
            outcome,
        });
        Ok(self.step_all(recv_ns, [reply]))
    }

    /// The time asked for has come.
    fn on_timer(&mut self, recv_ns: i64) -> Vec<PyAction> {
        self.step_all(recv_ns, [EventBody::Timer])
    }

    /// `"anchor"` with the body of a `clearinghouseState` reply, `"restore"` with a saved budget,
    /// `"restore_limit"` with a saved limit, `"resident"` with what was done about the stop,
    /// `"spent"` with what another engine's `take_spent` gave, `"stop"`, `"kill"`, `"kill_elsewhere"` or
    /// `"reconcile"`.
    #[pyo3(signature = (recv_ns, command, body = None))]
    fn on_command(
        &mut self,
        recv_ns: i64,
        command: &str,
        body: Option<&[u8]>,
    ) -> PyResult<Vec<PyAction>> {
        let event = match (command, body) {
            ("anchor", Some(body)) => match self.info("clearinghouseState", body, recv_ns)? {
                EventBody::Account(report) => EventBody::Command(Command::Anchor(report)),
                _ => return Err(EventError::new_err("the anchor is not an account report")),
            },
            ("restore", Some(body)) => {
                let saved = serde_json::from_slice(body).map_err(event_error)?;
                EventBody::Command(Command::Restore(saved))
            }
            ("restore_limit", Some(body)) => {
                let saved = serde_json::from_slice(body).map_err(event_error)?;
                EventBody::Command(Command::RestoreLimit(saved))
            }
            ("spent", Some(body)) => {
                EventBody::Spent(serde_json::from_slice(body).map_err(event_error)?)
            }
            ("resident", Some(body)) => {
                let news = serde_json::from_slice(body).map_err(event_error)?;
                EventBody::Command(Command::Resident(news))
            }
            ("stop", None) => EventBody::Command(Command::Stop),
            ("kill", None) => EventBody::Command(Command::Kill),
            ("kill_elsewhere", None) => EventBody::Command(Command::KillElsewhere),
            ("reconcile", None) => EventBody::Command(Command::Reconcile),
            _ => {
                let text = format!(
                    "command was {command:?}, expected anchor, restore, restore_limit, resident or spent with a \
                     body, stop, kill, \
                     kill_elsewhere or reconcile"
                );
                return Err(EventError::new_err(text));
            }
        };
        Ok(self.step_all(recv_ns, [event]))
    }

    /// A stream (`"market"` or `"user"`) came up or went down.
    fn on_stream(&mut self, recv_ns: i64, stream: &str, is_up: bool) -> PyResult<Vec<PyAction>> {
        let stream = match stream {
            "market" => Stream::Market,
            "user" => Stream::User,
            _ => {
                let text = format!("stream was {stream:?}, expected market or user");
                return Err(EventError::new_err(text));
            }
        };
        let state = if is_up {
            StreamState::Up
        } else {
            StreamState::Down
        };
        Ok(self.step_all(recv_ns, [EventBody::Stream(StreamStatus { stream, state })]))
    }

    /// When it wants `on_timer` if nothing comes before, ns; `None` before the first event.
    fn wake_at(&self) -> Option<i64> {
        self.engine.wake_at().map(|time| time.0)
    }

    /// Everything shown, as plain Python values.
    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        as_python(py, &self.engine.snapshot())
    }

    /// The stop that is to rest at the exchange, and what does, as plain Python values.
    fn resident<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        as_python(py, &self.engine.resident())
    }

    /// What a death of the host would leave without an end, micro-USDC: under a date of `scheduleCancel`,
    /// and without one; `None`: not known.
    fn left(&self) -> Option<(i64, i64)> {
        let left = self.engine.left()?;
        Some((left.under_date.0, left.under_stop.0))
    }

    /// What the last step decided on, where it acted or moved a limit, mode or reason.
    fn cycle<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.engine
            .cycle()
            .map(|record| as_python(py, record))
            .transpose()
    }

    /// Book of one side, shape (levels, 2): px in USDC and sz in coin, best first.
    fn book<'py>(&self, py: Python<'py>, side: &str) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let side = match side {
            "bid" => mm_core::units::Side::Bid,
            "ask" => mm_core::units::Side::Ask,
            _ => {
                let text = format!("side was {side:?}, expected bid or ask");
                return Err(EventError::new_err(text));
            }
        };
        let instrument = self.engine.instrument();
        let levels = self.engine.book_levels(side);
        let array = Array2::from_shape_fn((levels.len(), 2), |(row, column)| match column {
            0 => instrument.px_f64(levels[row].px),
            _ => instrument.sz_f64(levels[row].sz),
        });
        Ok(array.to_pyarray(py))
    }

    /// Alarms since the last call, oldest first.
    fn take_alarms<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        take_list(py, &mut self.alarms)
    }

    /// Log lines written since the last call, newline-terminated JSON.
    fn take_log<'py>(&mut self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.log.take())
    }

    /// Ledger entries since the last call, oldest first, as plain Python values.
    fn take_entries<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        take_list(py, &mut self.entries)
    }

    /// What the engine wants asked since the last call: type of the query, and the cloid of an order
    /// where it is about one.
    fn take_asks(&mut self) -> Vec<(&'static str, Option<String>)> {
        let asks = core::mem::take(&mut self.asks);
        asks.into_iter().flat_map(queries).collect()
    }

    /// What was done to the request budget since the last call, JSON for another engine's `"spent"`; empty
    /// where that is nothing.
    fn take_spent<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        if self.spent.is_empty() {
            return Ok(PyBytes::new(py, b""));
        }
        let text = serde_json::to_vec(&core::mem::take(&mut self.spent)).map_err(event_error)?;
        Ok(PyBytes::new(py, &text))
    }

    /// Writes the log's last line.
    fn finish_log(&mut self) {
        self.log.finish();
    }

    /// Keccak-256 over the actions so far, `0x` and 64 hex digits.
    fn decision_hash(&self) -> String {
        self.log.decision_hash()
    }

    /// Receive time of the last event, ns.
    #[getter]
    fn now(&self) -> i64 {
        self.last.0
    }
}

impl PyEngine {
    /// A frame that says nothing of our coin may say where the one is that ours follows.
    fn on_other_coin(&mut self, recv_ns: i64, frame: &[u8]) -> PyResult<Vec<PyAction>> {
        let Some(coin) = self.engine.config().models.reference.coin() else {
            return Ok(Vec::new());
        };
        let told = decode_reference(coin, frame).map_err(event_error)?;
        Ok(self.step_all(recv_ns, told.map(EventBody::Reference)))
    }

    fn info(&self, kind: &str, body: &[u8], recv_ns: i64) -> PyResult<EventBody> {
        let kind: InfoKind = kind.parse().map_err(event_error)?;
        decode_info(kind, self.engine.instrument(), body, Time(recv_ns)).map_err(event_error)
    }

    fn order_status(&self, cloid: &str, body: &[u8]) -> PyResult<EventBody> {
        let asked = Cloid::parse(cloid).ok_or_else(|| {
            event_error(format!(
                "cloid was {cloid:?}, expected 0x and 32 hex digits"
            ))
        })?;
        decode_order_status(self.engine.instrument(), asked, body).map_err(event_error)
    }

    /// Record, then step. Time that would go back is clamped: the engine asserts that it does not.
    fn step_all(
        &mut self,
        recv_ns: i64,
        bodies: impl IntoIterator<Item = EventBody>,
    ) -> Vec<PyAction> {
        let mut actions = Vec::new();
        for body in bodies {
            self.last = self.last.max(Time(recv_ns));
            let event = Event {
                recv: self.last,
                body,
            };
            self.log.event(&event);
            let before = actions.len();
            self.engine.step(&event, &mut actions);
            if let Some(record) = self.engine.cycle() {
                self.log.cycle(record);
            }
            self.log.refusals(self.engine.refusals());
            self.log.entries(self.engine.entries());
            self.asks.extend_from_slice(self.engine.asks());
            self.spent.extend_from_slice(self.engine.spent());
            self.entries.extend_from_slice(self.engine.entries());
            self.log.alarms(self.engine.alarms());
            self.alarms.extend_from_slice(self.engine.alarms());
            for action in &actions[before..] {
                self.log.action(action);
            }
        }
        self.sent.extend(actions.iter().cloned());
        actions.into_iter().map(PyAction).collect()
    }
}

/// The venue's names for a question.
fn queries(ask: Ask) -> Vec<(&'static str, Option<String>)> {
    let one = match ask {
        Ask::Account => ("clearinghouseState", None),
        Ask::OpenOrders => ("frontendOpenOrders", None),
        Ask::HeadRoom => ("activeAssetData", None),
        Ask::RateLimit => ("userRateLimit", None),
        Ask::Fills => ("userFills", None),
        Ask::Candles => ("candleSnapshot", None),
        Ask::OpenInterestCap => ("perpsAtOpenInterestCap", None),
        Ask::Money => {
            return vec![("userFunding", None), ("userNonFundingLedgerUpdates", None)];
        }
        Ask::OrderStatus(cloid) => ("orderStatus", Some(cloid.to_string())),
    };
    vec![one]
}

const fn up(stream: Stream) -> EventBody {
    EventBody::Stream(StreamStatus {
        stream,
        state: StreamState::Up,
    })
}

pub(crate) fn event_error(error: impl core::fmt::Display) -> PyErr {
    EventError::new_err(error.to_string())
}

/// What has gathered, which after most steps is nothing.
fn take_list<'py, T: serde::Serialize>(
    py: Python<'py>,
    gathered: &mut Vec<T>,
) -> PyResult<Bound<'py, PyAny>> {
    if gathered.is_empty() {
        return Ok(PyList::empty(py).into_any());
    }
    as_python(py, &core::mem::take(gathered))
}

pub(crate) fn as_python<'py, T: serde::Serialize + ?Sized>(
    py: Python<'py>,
    value: &T,
) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(value).map_err(event_error)?;
    py.import("json")?.call_method1("loads", (text,))
}

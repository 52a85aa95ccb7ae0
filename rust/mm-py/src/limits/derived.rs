//! `derive_limits` and its result.

use mm_core::instrument::Instrument;
use mm_core::limits::{self, Ages, LimitInputs, Limits};
use mm_core::units::{Dur, Side, Sz, Usd, format_decimal};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyType};

use super::config::{RiskConfig, refused};
use crate::error::{ConfigError, EventError};
use crate::number::{Number, SzDecimals};

/// Decimals of money.
const USD_DECIMALS: u32 = 6;

/// The one position limit and everything that explains it.
#[pyclass(name = "Limits", module = "mm._core", frozen, eq)]
#[derive(Clone, PartialEq)]
pub(crate) struct PyLimits {
    pub(crate) limits: Limits,
    pub(crate) sz_decimals: u32,
}

#[pymethods]
impl PyLimits {
    #[getter]
    fn max_position_value_usd<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        self.limits
            .max_position_value()
            .map(|value| usd(py, value))
            .transpose()
    }

    #[getter]
    fn effective_max_position_long<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        decimal(py, self.limits.long().0, self.sz_decimals)
    }

    #[getter]
    fn effective_max_position_short<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        decimal(py, self.limits.short().0, self.sz_decimals)
    }

    #[getter]
    fn lots_long(&self) -> i64 {
        self.limits.long().0
    }

    #[getter]
    fn lots_short(&self) -> i64 {
        self.limits.short().0
    }

    #[getter]
    fn sz_decimals(&self) -> u32 {
        self.sz_decimals
    }

    #[getter]
    fn source(&self) -> &'static str {
        self.limits.source().as_str()
    }

    #[getter]
    fn binding(&self) -> &'static str {
        self.limits.binding().as_str()
    }

    #[getter]
    fn binding_long(&self) -> &'static str {
        self.limits.binding_of(Side::Bid).as_str()
    }

    #[getter]
    fn binding_short(&self) -> &'static str {
        self.limits.binding_of(Side::Ask).as_str()
    }

    /// Every term that applied, in USDC; None for one in coin while there is no mid, and for head-room.
    #[getter]
    fn terms<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let terms = PyDict::new(py);
        for term in self.limits.terms() {
            let value = term.value.map(|value| usd(py, value)).transpose()?;
            terms.set_item(term.term.as_str(), value)?;
        }
        Ok(terms)
    }

    /// The same in lots, (long, short); None for one in money while there is no mid.
    #[getter]
    fn terms_lots<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let terms = PyDict::new(py);
        for term in self.limits.terms() {
            let lots = term.lots.map(|[long, short]| (long.0, short.0));
            terms.set_item(term.term.as_str(), lots)?;
        }
        Ok(terms)
    }

    /// The whole limit with inputs, ages and the limit before, as the journal writes it.
    #[getter]
    fn json(&self) -> PyResult<String> {
        serde_json::to_string(&self.limits).map_err(|error| EventError::new_err(error.to_string()))
    }

    /// Position (coin) as a percentage of its side's limit, to 0.01 %; None without a limit.
    #[expect(clippy::needless_pass_by_value, reason = "Python hands over values")]
    fn utilization_pct<'py>(
        &self,
        py: Python<'py>,
        position: Number,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let position = position.exact_lots("position", self.sz_decimals)?;
        let bps = self.limits.utilization_bps(position);
        bps.map(|bps| decimal(py, bps, 2)).transpose()
    }

    /// Whether the position (coin) lies within its side's limit.
    #[expect(clippy::needless_pass_by_value, reason = "Python hands over values")]
    fn holds(&self, position: Number) -> PyResult<bool> {
        let position = position.exact_lots("position", self.sz_decimals)?;
        Ok(self.limits.holds(position))
    }

    fn __repr__(&self) -> String {
        let show = |lots: Sz| format_decimal(lots.0, self.sz_decimals);
        let value = self.limits.max_position_value();
        let value = value.map_or("None".to_owned(), |value| {
            format_decimal(value.0, USD_DECIMALS)
        });
        let (long, short) = (show(self.limits.long()), show(self.limits.short()));
        format!(
            "Limits(source={}, binding={}, max_position_value_usd={value}, long={long}, short={short})",
            self.source(),
            self.binding(),
        )
    }
}

/// Derives the one position limit; see `mm_core::limits`.
#[pyfunction]
#[pyo3(signature = (
    *, account_value, max_leverage, sigma, sigma_confidence, mid, sz_decimals, config,
    fallback_max_position, position = None, horizon_s = None, sigma_24h = None,
    daily_loss_left = None, position_cap = None, head_room = None, own_increasing = None,
    asset_max_leverage = None, exchange_leverage = None, tier_notional_max = None,
    at_open_interest_cap = None, equity_share = None, ramp_share = None, funding_frac = None, traded_notional_1h = None, ages = None, previous = None
))]
#[expect(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "keyword-only: one an input; Python hands over values"
)]
pub(crate) fn derive_limits(
    account_value: Option<Number>,
    max_leverage: Number,
    sigma: Option<Number>,
    sigma_confidence: Number,
    mid: Option<Number>,
    sz_decimals: SzDecimals,
    config: RiskConfig<'_>,
    fallback_max_position: Number,
    position: Option<Number>,
    horizon_s: Option<Number>,
    sigma_24h: Option<Number>,
    daily_loss_left: Option<Number>,
    position_cap: Option<Number>,
    head_room: Option<(Number, Number)>,
    own_increasing: Option<(Number, Number)>,
    asset_max_leverage: Option<Number>,
    exchange_leverage: Option<Number>,
    tier_notional_max: Option<Number>,
    at_open_interest_cap: Option<bool>,
    equity_share: Option<Number>,
    ramp_share: Option<Number>,
    funding_frac: Option<Number>,
    traded_notional_1h: Option<Number>,
    ages: Option<&Bound<'_, PyDict>>,
    previous: Option<(Bound<'_, PyLimits>, Number)>,
) -> PyResult<PyLimits> {
    let sz_decimals = sz_decimals.0;
    let instrument = instrument(sz_decimals)?;
    let fallback = coin("fallback_max_position", &fallback_max_position)?;
    let cap = position_cap
        .map(|cap| coin("position_cap", &cap))
        .transpose()?;
    let config = config.0.get();
    let settings = config.limits(Some(fallback), cap)?;
    let relative = [
        ("head_room", head_room.is_some()),
        ("at_open_interest_cap", at_open_interest_cap == Some(true)),
    ];
    let given = [
        ("position", position.is_some()),
        ("own_increasing", own_increasing.is_some()),
    ];
    let inputs = LimitInputs {
        account_value: money("account_value", account_value)?,
        max_leverage: max_leverage.belief("max_leverage")?,
        sigma: belief("sigma", sigma)?,
        sigma_confidence: sigma_confidence.belief("sigma_confidence")?,
        sigma_24h: belief("sigma_24h", sigma_24h)?,
        sigma_prior: None,
        mid: belief("mid", mid)?,
        position: position.map_or(Ok(Sz::ZERO), |position| {
            position.exact_lots("position", sz_decimals)
        })?,
        horizon_s: belief("horizon_s", horizon_s)?,
        loss_left: money("daily_loss_left", daily_loss_left)?,
        head_room: pair("head_room", head_room, sz_decimals)?,
        own_increasing: pair("own_increasing", own_increasing, sz_decimals)?.unwrap_or_default(),
        asset_max_leverage: belief("asset_max_leverage", asset_max_leverage)?,
        exchange_leverage: belief("exchange_leverage", exchange_leverage)?,
        tier_notional_max: money("tier_notional_max", tier_notional_max)?,
        at_open_interest_cap,
        equity_share: belief("equity_share", equity_share)?,
        ramp_share: belief("ramp_share", ramp_share)?,
        funding_frac: belief("funding_frac", funding_frac)?,
        traded_notional_1h: belief("traded_notional_1h", traded_notional_1h)?,
        ages: ages.map_or(Ok(Ages::NONE), read_ages)?,
    };
    has_what_it_is_relative_to(relative, given)?;
    let previous = previous.map(|(limits, ago)| Ok::<_, PyErr>((limits, ago.secs("previous")?)));
    let previous = previous.transpose()?;
    let before = previous
        .as_ref()
        .map(|(limits, ago)| limits.get().limits.aged(*ago));
    let limits = limits::derive_limits(
        &inputs,
        &settings,
        &config.freshness()?,
        &instrument,
        before,
    )
    .map_err(|error| refused(&error))?;
    Ok(PyLimits {
        limits,
        sz_decimals,
    })
}

/// A term that is relative to a position needs it; the head-room our own orders too, which it is net of.
fn has_what_it_is_relative_to(
    [head_room, open_interest]: [(&str, bool); 2],
    [position, own]: [(&str, bool); 2],
) -> PyResult<()> {
    for (term, needed) in [
        (head_room, position),
        (head_room, own),
        (open_interest, position),
    ] {
        if term.1 && !needed.1 {
            return Err(ConfigError::new_err(format!(
                "{} was None, expected a value beside {}",
                needed.0, term.0
            )));
        }
    }
    Ok(())
}

fn belief(field: &str, number: Option<Number>) -> PyResult<Option<f64>> {
    number.map(|number| number.belief(field)).transpose()
}

/// A size limit in coin, under the name that the caller knows.
fn coin(field: &str, number: &Number) -> PyResult<f64> {
    let coin = number.belief(field)?;
    if (0.0..=1e12).contains(&coin) {
        return Ok(coin);
    }
    let text = format!("{field} was {coin}, expected a finite number of coin from 0 to 1e12");
    Err(ConfigError::new_err(text))
}

fn money(field: &str, number: Option<Number>) -> PyResult<Option<Usd>> {
    number.map(|number| number.usd(field)).transpose()
}

fn pair(field: &str, pair: Option<(Number, Number)>, decimals: u32) -> PyResult<Option<[Sz; 2]>> {
    pair.map(|(buy, sell)| Ok([buy.lots(field, decimals)?, sell.lots(field, decimals)?]))
        .transpose()
}

/// Seconds by input; an unknown key is an error.
fn read_ages(given: &Bound<'_, PyDict>) -> PyResult<Ages> {
    let mut ages = Ages::NONE;
    for (key, age) in given {
        let key: String = key.extract()?;
        let age: Option<Number> = age.extract()?;
        let age: Option<Dur> = age
            .map(|age| age.secs(&format!("ages[{key:?}]")))
            .transpose()?;
        match key.as_str() {
            "market" => ages.market = age,
            "account" => ages.account = age,
            "head_room" => ages.head_room = age,
            "sigma" => ages.sigma = age,
            "own_stream" => ages.own_stream = age,
            "history" => ages.history = age,
            _ => {
                return Err(ConfigError::new_err(format!(
                    "ages has {key:?}, expected market, account, head_room, sigma, own_stream, history"
                )));
            }
        }
    }
    Ok(ages)
}

/// A lattice without a name.
pub(super) fn instrument(sz_decimals: u32) -> PyResult<Instrument> {
    Instrument::new("", 0, sz_decimals, 1).map_err(|error| ConfigError::new_err(error.to_string()))
}

fn usd(py: Python<'_>, value: Usd) -> PyResult<Bound<'_, PyAny>> {
    decimal(py, value.0, USD_DECIMALS)
}

/// A lattice integer as `decimal.Decimal`.
pub(super) fn decimal(py: Python<'_>, value: i64, decimals: u32) -> PyResult<Bound<'_, PyAny>> {
    static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    DECIMAL
        .import(py, "decimal", "Decimal")?
        .call1((format_decimal(value, decimals),))
}

//! Numbers from Python: float, int, Decimal or str, each read as the decimal it shows.

use mm_core::units::{Dur, Sz, Usd, parse_decimal, parse_decimal_floor};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString};

use crate::error::ConfigError;

/// Decimals of money.
const USD_DECIMALS: u32 = 6;

/// Decimals of a size, 0 to 6, from any whole number.
#[derive(Clone, Copy)]
pub(crate) struct SzDecimals(pub(crate) u32);

impl<'a, 'py> FromPyObject<'a, 'py> for SzDecimals {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        let whole = object.cast::<PyInt>().ok();
        match whole.filter(|whole| !whole.is_instance_of::<PyBool>()) {
            Some(whole) => match whole.extract::<u32>() {
                Ok(decimals) if decimals <= 6 => Ok(Self(decimals)),
                _ => Err(ConfigError::new_err(format!(
                    "sz_decimals was {}, expected 0 to 6",
                    whole.repr()?
                ))),
            },
            None => Err(PyTypeError::new_err(format!(
                "sz_decimals was {}, expected a whole number from 0 to 6",
                object.repr()?
            ))),
        }
    }
}

/// A number as it was given.
#[derive(Clone)]
pub(crate) enum Number {
    /// A float.
    Float(f64),
    /// Anything whose text is exact.
    Text(String),
}

impl<'a, 'py> FromPyObject<'a, 'py> for Number {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(float) = object.cast::<PyFloat>() {
            return Ok(Self::Float(float.value()));
        }
        if let Ok(text) = object.cast::<PyString>() {
            return Ok(Self::Text(text.to_cow()?.trim().to_owned()));
        }
        if object.is_instance_of::<PyBool>() {
            return Err(PyTypeError::new_err(
                "expected float, Decimal or str, was bool",
            ));
        }
        if let Ok(whole) = object.extract::<i64>() {
            return Ok(Self::Text(whole.to_string()));
        }
        let plain = object.call_method1("__format__", ("f",));
        plain
            .and_then(|text| text.extract().map(Self::Text))
            .map_err(|_| PyTypeError::new_err("expected float, Decimal or str"))
    }
}

impl Number {
    /// As a belief; the core refuses what is not finite.
    pub(crate) fn belief(&self, field: &str) -> PyResult<f64> {
        match self {
            Self::Float(value) => Ok(*value),
            Self::Text(text) => text.parse().map_err(|_| self.refused(field, "a number")),
        }
    }

    /// Micro-USDC; finer digits are cut.
    pub(crate) fn usd(&self, field: &str) -> PyResult<Usd> {
        let wanted = "a finite number of USDC below 9e12";
        let (micro, _) = parse_decimal_floor(&self.plain(field)?, USD_DECIMALS)
            .ok_or_else(|| self.refused(field, wanted))?;
        Ok(Usd(micro))
    }

    /// Whole lots; finer digits are cut.
    pub(crate) fn lots(&self, field: &str, sz_decimals: u32) -> PyResult<Sz> {
        let (lots, _) = parse_decimal_floor(&self.plain(field)?, sz_decimals)
            .ok_or_else(|| self.refused(field, "a finite number of coin"))?;
        Ok(Sz(lots))
    }

    /// Whole lots and nothing finer.
    pub(crate) fn exact_lots(&self, field: &str, sz_decimals: u32) -> PyResult<Sz> {
        let wanted = format!("coin with at most {sz_decimals} decimals");
        let lots = parse_decimal(&self.plain(field)?, sz_decimals);
        lots.map(Sz).ok_or_else(|| self.refused(field, &wanted))
    }

    /// A length of time in seconds, not negative.
    pub(crate) fn secs(&self, field: &str) -> PyResult<Dur> {
        let secs = self.belief(field)?;
        if (0.0..=1e9).contains(&secs) {
            return Ok(Dur::from_secs(secs));
        }
        Err(self.refused(field, "seconds from 0 to 1e9"))
    }

    /// The number without an exponent.
    fn plain(&self, field: &str) -> PyResult<String> {
        match self {
            Self::Text(text) if !text.contains(['e', 'E']) => Ok(text.clone()),
            _ => Ok(self.belief(field)?.to_string()),
        }
    }

    fn refused(&self, field: &str, wanted: &str) -> PyErr {
        let shown = match self {
            Self::Float(value) => value.to_string(),
            Self::Text(text) => format!("{text:?}"),
        };
        ConfigError::new_err(format!("{field} was {shown}, expected {wanted}"))
    }
}

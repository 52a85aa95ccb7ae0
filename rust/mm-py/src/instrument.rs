//! One perp's lattice, seen from Python.

use mm_core::instrument::Instrument;
use mm_hl::decode::decode_meta;
use pyo3::prelude::*;

use crate::error::{ConfigError, EventError};
use crate::number::SzDecimals;

/// A perp as the venue lists it.
#[pyclass(name = "Instrument", module = "mm._core", frozen, eq)]
#[derive(Clone, PartialEq)]
pub(crate) struct PyInstrument(pub(crate) Instrument);

#[pymethods]
impl PyInstrument {
    #[new]
    fn new(coin: &str, asset: u32, sz_decimals: SzDecimals, max_leverage: u32) -> PyResult<Self> {
        Instrument::new(coin, asset, sz_decimals.0, max_leverage)
            .map(Self)
            .map_err(|error| ConfigError::new_err(error.to_string()))
    }

    /// The perp named `coin` in the body of a `meta` query.
    #[staticmethod]
    #[pyo3(signature = (body, coin, *, first_asset = 0, deployer_scale = 1.0))]
    fn from_meta(body: &[u8], coin: &str, first_asset: u32, deployer_scale: f64) -> PyResult<Self> {
        let perp = decode_meta(body, coin, first_asset)
            .map_err(|error| EventError::new_err(error.to_string()))?;
        perp.with_deployer_scale(deployer_scale)
            .map(Self)
            .map_err(|error| EventError::new_err(error.to_string()))
    }

    #[getter]
    fn coin(&self) -> &str {
        self.0.coin()
    }

    #[getter]
    fn asset(&self) -> u32 {
        self.0.asset()
    }

    #[getter]
    fn sz_decimals(&self) -> u32 {
        self.0.sz_decimals()
    }

    #[getter]
    fn px_decimals(&self) -> u32 {
        self.0.px_decimals()
    }

    #[getter]
    fn max_leverage(&self) -> u32 {
        self.0.max_leverage()
    }

    #[getter]
    fn growth_mode(&self) -> bool {
        self.0.growth_mode()
    }

    /// What an account pays here whose own rate is `rate`; a rebate is negative.
    fn fee_here(&self, rate: f64) -> f64 {
        self.0.fee_here(rate)
    }

    fn __repr__(&self) -> String {
        let perp = &self.0;
        format!(
            "Instrument(coin={:?}, asset={}, sz_decimals={}, max_leverage={})",
            perp.coin(),
            perp.asset(),
            perp.sz_decimals(),
            perp.max_leverage()
        )
    }
}

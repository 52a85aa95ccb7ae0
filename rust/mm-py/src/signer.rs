//! Signing and recovery, seen from Python.

use mm_hl::address::Address;
use mm_hl::exchange_action;
use mm_hl::sign::{Network, Signer, verify};
use mm_hl::wire::{Envelope, ExchangeAction};
use pyo3::prelude::*;

use crate::action::PyAction;
use crate::error::{ConfigError, EventError};
use crate::instrument::PyInstrument;

/// A secret key that signs actions. The key is never printed and is wiped when dropped.
#[pyclass(name = "Signer", module = "mm._core", frozen)]
pub(crate) struct PySigner(Signer);

#[pymethods]
impl PySigner {
    #[new]
    fn new(secret: &str) -> PyResult<Self> {
        Signer::new(secret)
            .map(Self)
            .map_err(|error| ConfigError::new_err(error.to_string()))
    }

    #[getter]
    fn address(&self) -> String {
        self.0.address().to_string()
    }

    /// The body of `POST /exchange` for an engine's action.
    #[pyo3(signature = (action, instrument, nonce, *, expires_after_ms = None, vault = None, mainnet))]
    fn sign(
        &self,
        action: &Bound<'_, PyAction>,
        instrument: &Bound<'_, PyInstrument>,
        nonce: u64,
        expires_after_ms: Option<u64>,
        vault: Option<&str>,
        mainnet: bool,
    ) -> PyResult<Vec<u8>> {
        let action = exchange_action(&action.get().0, &instrument.get().0)
            .map_err(|error| ConfigError::new_err(error.to_string()))?;
        self.body(action, nonce, expires_after_ms, vault, mainnet)
    }

    /// The body of `POST /exchange` for an action in the venue's own JSON.
    #[pyo3(signature = (action, nonce, *, expires_after_ms = None, vault = None, mainnet))]
    fn sign_json(
        &self,
        action: &str,
        nonce: u64,
        expires_after_ms: Option<u64>,
        vault: Option<&str>,
        mainnet: bool,
    ) -> PyResult<Vec<u8>> {
        let action = ExchangeAction::parse(action)
            .map_err(|error| ConfigError::new_err(format!("not an action: {error}")))?;
        self.body(action, nonce, expires_after_ms, vault, mainnet)
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

impl PySigner {
    fn body(
        &self,
        action: ExchangeAction,
        nonce: u64,
        expires_after_ms: Option<u64>,
        vault: Option<&str>,
        mainnet: bool,
    ) -> PyResult<Vec<u8>> {
        let refused = |error: &dyn core::fmt::Display| ConfigError::new_err(error.to_string());
        let vault = vault
            .map(str::parse::<Address>)
            .transpose()
            .map_err(|error| refused(&error))?;
        self.0
            .sign(action, nonce, vault, expires_after_ms, network(mainnet))
            .map_err(|error| refused(&error))?
            .to_body()
            .map_err(|error| refused(&error))
    }
}

/// The address that signed a body of `POST /exchange`.
#[pyfunction]
#[pyo3(signature = (body, *, mainnet))]
pub(crate) fn recover_signer(body: &[u8], mainnet: bool) -> PyResult<String> {
    let envelope = Envelope::parse(body).map_err(|error| EventError::new_err(error.to_string()))?;
    verify(&envelope, network(mainnet))
        .map(|address| address.to_string())
        .map_err(|error| EventError::new_err(error.to_string()))
}

const fn network(mainnet: bool) -> Network {
    if mainnet {
        Network::Mainnet
    } else {
        Network::Testnet
    }
}

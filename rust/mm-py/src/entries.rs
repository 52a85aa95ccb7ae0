//! What a start takes up: ledger entries of what happened while no engine was there to hear it, and
//! the loss budgets of the run before.

use mm_core::account::{Entry, Payment};
use mm_core::budget::Restored;
use mm_core::event::{EventBody, Fill, FillKind};
use mm_core::limits::SavedLimit;
use mm_core::orders::Owner;
use mm_hl::decode::{Decoded, decode_frame};
use pyo3::prelude::*;

use crate::engine::{as_python, event_error};
use crate::error::EventError;
use crate::instrument::PyInstrument;

/// The ledger entries in a `userFills`, `userFundings` or `userNonFundingLedgerUpdates` frame, oldest first.
#[pyfunction]
pub(crate) fn read_entries<'py>(
    py: Python<'py>,
    instrument: &PyInstrument,
    frame: &[u8],
) -> PyResult<Bound<'py, PyAny>> {
    let decoded = decode_frame(&instrument.0, frame).map_err(event_error)?;
    let events = match decoded {
        Decoded::Events(events) => events,
        Decoded::Ignored => Vec::new(),
        _ => return Err(not_a_ledger()),
    };
    let mut entries = Vec::new();
    for event in &events {
        match event {
            EventBody::Fills(fills) => entries.extend(fills.fills.iter().map(execution)),
            EventBody::Funding(paid) => entries.push(Entry::Funding(Payment {
                exch: paid.exch,
                usd: paid.usd,
                id: 0,
                before_anchor: true,
            })),
            EventBody::Transfer(moved) => entries.push(Entry::Transfer(Payment {
                exch: moved.exch,
                usd: moved.usd,
                id: moved.id,
                before_anchor: true,
            })),
            // Each coin has a ledger of its own.
            EventBody::OtherFunding(_) => {}
            _ => return Err(not_a_ledger()),
        }
    }
    as_python(py, &entries)
}

/// Refuses saved loss budgets that the engine would refuse.
#[pyfunction]
pub(crate) fn check_budget(body: &[u8]) -> PyResult<()> {
    let read: Result<Restored, _> = serde_json::from_slice(body);
    read.map(drop).map_err(event_error)
}

/// Refuses a saved limit that the engine would refuse.
#[pyfunction]
pub(crate) fn check_limit(body: &[u8]) -> PyResult<()> {
    let read: Result<SavedLimit, _> = serde_json::from_slice(body);
    read.map(drop).map_err(event_error)
}

/// Nobody heard it, so there is no mark of ours beside it.
fn execution(fill: &Fill) -> Entry {
    let owner = match (fill.kind, fill.cloid) {
        (FillKind::Trade, Some(cloid)) if cloid.is_resident() => Owner::Resident,
        (FillKind::Trade, Some(_)) => Owner::Earlier,
        (FillKind::Trade, None) => Owner::Stranger,
        _ => Owner::Exchange,
    };
    Entry::of_fill(fill, owner, None)
}

fn not_a_ledger() -> PyErr {
    EventError::new_err(
        "a frame of another channel, expected userFills, userFundings or userNonFundingLedgerUpdates",
    )
}

//! The order that gets out of a position, seen from Python: the watchdog's price and size.

use mm_core::book::Book;
use mm_core::event::EventBody;
use mm_core::recovery::RecoveryConfig;
use mm_core::recovery::ioc::{self, Unwinding};
use mm_core::units::{Side, Sz};
use mm_hl::decode::{Decoded, decode_frame};
use mm_hl::wire::Decimal;
use pyo3::prelude::*;

use crate::error::{ConfigError, EventError};
use crate::instrument::PyInstrument;

/// Side, price and size of the order, as the wire writes them.
type Terms = (&'static str, String, String);

/// The immediate, reduce-only order toward flat; `None` when the book cannot take it.
#[pyfunction]
#[pyo3(signature = (book, instrument, *, position, limit, sigma, recovery_json))]
pub(crate) fn unwind_order(
    book: &[u8],
    instrument: &Bound<'_, PyInstrument>,
    position: i64,
    limit: i64,
    sigma: Option<f64>,
    recovery_json: &str,
) -> PyResult<Option<Terms>> {
    let instrument = &instrument.get().0;
    let config: RecoveryConfig = serde_json::from_str(recovery_json)
        .map_err(|error| ConfigError::new_err(format!("recovery: {error}")))?;
    let book = read_book(book, instrument)?;
    let Some(touch) = book.touch() else {
        return Ok(None);
    };
    let taken_from = if position > 0 { Side::Bid } else { Side::Ask };
    let unwinding = Unwinding {
        pace: Sz::ZERO,
        position: Sz(position),
        aim: Sz::ZERO,
        touch,
        visible: book.levels(taken_from),
        sigma,
        limit: Sz(limit),
    };
    let terms = ioc::unwind_order(&unwinding, &config, instrument);
    Ok(terms.and_then(|order| {
        let side = match order.side {
            Side::Bid => "Bid",
            Side::Ask => "Ask",
        };
        let px = Decimal::from_px(order.px, instrument)?.to_string();
        let sz = Decimal::from_sz(order.sz, instrument)?.to_string();
        Some((side, px, sz))
    }))
}

/// The book in the body of an `l2Book` query, which is what the frame of that name carries.
fn read_book(body: &[u8], instrument: &mm_core::instrument::Instrument) -> PyResult<Book> {
    let refused = || EventError::new_err("not the body of an l2Book query for this coin");
    let frame = [br#"{"channel":"l2Book","data":"#, body, b"}"].concat();
    let decoded =
        decode_frame(instrument, &frame).map_err(|error| EventError::new_err(error.to_string()))?;
    let Decoded::Events(events) = decoded else {
        return Err(refused());
    };
    let [EventBody::Book(snapshot)] = events.as_slice() else {
        return Err(refused());
    };
    let mut book = Book::default();
    book.apply_snapshot(snapshot);
    Ok(book)
}

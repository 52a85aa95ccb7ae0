//! What a client sends to `POST /exchange`, typed, in the venue's canonical field order.
//!
//! The venue parses an action into its own structs and hashes those again, so key order, padded
//! zeros and letter case in the JSON carry no meaning; these structs serialise in that canonical
//! order, to JSON for the body and to msgpack for the hash.

mod action;
mod decimal;
mod envelope;
mod json;
mod order;
mod user_signed;

pub use action::{
    CreateSubAccount, ExchangeAction, ReserveRequestWeight, ScheduleCancel, SubAccountTransfer,
    TopUpIsolatedOnlyMargin, UpdateIsolatedMargin, UpdateLeverage, VaultTransfer,
};
pub use decimal::Decimal;
pub use envelope::{Envelope, EnvelopeError, Signature, Word32};
pub use json::Json;
pub use order::{
    BatchModify, Builder, Cancel, CancelByCloid, CancelOrders, CancelOrdersByCloid, Grouping,
    LimitOrder, Modify, ModifyOne, OrderKind, OrderRef, OrderRequest, PlaceOrders, Tif, Tpsl,
    TriggerOrder,
};
pub use user_signed::{
    ApproveAgent, ApproveBuilderFee, SendAsset, SpotSend, UsdClassTransfer, UsdSend,
    UserSetAbstraction, UserSigned, Withdraw3, Word,
};

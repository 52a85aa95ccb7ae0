//! Every action this crate knows, by its `type`.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::order::{BatchModify, CancelOrders, CancelOrdersByCloid, ModifyOne, PlaceOrders};
use super::user_signed::{
    ApproveAgent, ApproveBuilderFee, SendAsset, SpotSend, UsdClassTransfer, UsdSend,
    UserSetAbstraction, Withdraw3,
};
use super::{Decimal, Json};
use crate::address::Address;

/// An action as `POST /exchange` carries it. Serialises in canonical order with its `type` first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum ExchangeAction {
    /// New orders.
    Order(PlaceOrders),
    /// Cancels by oid.
    Cancel(CancelOrders),
    /// Cancels by cloid.
    CancelByCloid(CancelOrdersByCloid),
    /// Replaces one order.
    Modify(ModifyOne),
    /// Replaces orders.
    BatchModify(BatchModify),
    /// Dead-man's switch.
    ScheduleCancel(ScheduleCancel),
    /// Leverage of a perp.
    UpdateLeverage(UpdateLeverage),
    /// Collateral of an isolated position.
    UpdateIsolatedMargin(UpdateIsolatedMargin),
    /// Collateral of an isolated position, by target leverage.
    TopUpIsolatedOnlyMargin(TopUpIsolatedOnlyMargin),
    /// Burns the nonce.
    Noop,
    /// Buys address budget.
    ReserveRequestWeight(ReserveRequestWeight),
    /// Opens a sub-account.
    CreateSubAccount(CreateSubAccount),
    /// Moves USDC to or from a sub-account.
    SubAccountTransfer(SubAccountTransfer),
    /// Moves USDC to or from a vault.
    VaultTransfer(VaultTransfer),
    /// User-signed: lets an agent trade.
    ApproveAgent(ApproveAgent),
    /// User-signed: allows a builder fee.
    ApproveBuilderFee(ApproveBuilderFee),
    /// User-signed: sends USDC.
    UsdSend(UsdSend),
    /// User-signed: sends a spot token.
    SpotSend(SpotSend),
    /// User-signed: withdraws.
    Withdraw3(Withdraw3),
    /// User-signed: between spot and perp balance.
    UsdClassTransfer(UsdClassTransfer),
    /// User-signed: between accounts and dexes.
    SendAsset(SendAsset),
    /// User-signed: account mode.
    UserSetAbstraction(UserSetAbstraction),
    /// Any other L1 action: an object that starts with its `type`, hashed in the order written.
    #[serde(untagged)]
    Other(Json),
}

/// `scheduleCancel`: cancel everything at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleCancel {
    /// Milliseconds since the epoch; absent: take the switch off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
}

/// `updateLeverage`: leverage and margin mode of a perp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateLeverage {
    /// Asset number.
    pub asset: u32,
    /// Cross margin, else isolated.
    pub is_cross: bool,
    /// Leverage, from 1.
    pub leverage: u32,
}

/// `updateIsolatedMargin`: adds or removes collateral.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateIsolatedMargin {
    /// Asset number.
    pub asset: u32,
    /// Without meaning; the venue wants it.
    pub is_buy: bool,
    /// Micro-USDC; negative removes.
    pub ntli: i64,
}

/// `topUpIsolatedOnlyMargin`: collateral down to a leverage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopUpIsolatedOnlyMargin {
    /// Asset number.
    pub asset: u32,
    /// Target leverage.
    pub leverage: Decimal,
}

/// `reserveRequestWeight`: buys address budget at 0.0005 USDC a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReserveRequestWeight {
    /// Requests.
    pub weight: u64,
}

/// `createSubAccount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateSubAccount {
    /// Its name.
    pub name: String,
}

/// `subAccountTransfer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SubAccountTransfer {
    /// The sub-account.
    pub sub_account_user: Address,
    /// To the sub-account, else from it.
    pub is_deposit: bool,
    /// Micro-USDC.
    pub usd: u64,
}

/// `vaultTransfer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultTransfer {
    /// The vault.
    pub vault_address: Address,
    /// To the vault, else from it.
    pub is_deposit: bool,
    /// Micro-USDC.
    pub usd: u64,
}

impl ExchangeAction {
    /// Reads an action. Keys the venue does not know are ignored; a known `type` must fit its form.
    ///
    /// # Errors
    /// Where the text is no JSON object with a `type`, or does not fit its type (the venue: HTTP 422).
    pub fn parse(json: &str) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Tag<'a> {
            #[serde(rename = "type", borrow)]
            kind: std::borrow::Cow<'a, str>,
        }
        let read = serde_json::from_str::<Tag<'_>>(json)?;
        Ok(match read.kind.as_ref() {
            "order" => Self::Order(serde_json::from_str(json)?),
            "cancel" => Self::Cancel(serde_json::from_str(json)?),
            "cancelByCloid" => Self::CancelByCloid(serde_json::from_str(json)?),
            "modify" => Self::Modify(serde_json::from_str(json)?),
            "batchModify" => Self::BatchModify(serde_json::from_str(json)?),
            "scheduleCancel" => Self::ScheduleCancel(serde_json::from_str(json)?),
            "updateLeverage" => Self::UpdateLeverage(serde_json::from_str(json)?),
            "updateIsolatedMargin" => Self::UpdateIsolatedMargin(serde_json::from_str(json)?),
            "topUpIsolatedOnlyMargin" => Self::TopUpIsolatedOnlyMargin(serde_json::from_str(json)?),
            "noop" => Self::Noop,
            "reserveRequestWeight" => Self::ReserveRequestWeight(serde_json::from_str(json)?),
            "createSubAccount" => Self::CreateSubAccount(serde_json::from_str(json)?),
            "subAccountTransfer" => Self::SubAccountTransfer(serde_json::from_str(json)?),
            "vaultTransfer" => Self::VaultTransfer(serde_json::from_str(json)?),
            "approveAgent" => Self::ApproveAgent(serde_json::from_str(json)?),
            "approveBuilderFee" => Self::ApproveBuilderFee(serde_json::from_str(json)?),
            "usdSend" => Self::UsdSend(serde_json::from_str(json)?),
            "spotSend" => Self::SpotSend(serde_json::from_str(json)?),
            "withdraw3" => Self::Withdraw3(serde_json::from_str(json)?),
            "usdClassTransfer" => Self::UsdClassTransfer(serde_json::from_str(json)?),
            "sendAsset" => Self::SendAsset(serde_json::from_str(json)?),
            "userSetAbstraction" => Self::UserSetAbstraction(serde_json::from_str(json)?),
            _ => Self::Other(serde_json::from_str(json)?),
        })
    }

    /// Whether the account itself must sign it, and no agent may.
    #[must_use]
    pub const fn is_user_signed(&self) -> bool {
        matches!(
            self,
            Self::ApproveAgent(_)
                | Self::ApproveBuilderFee(_)
                | Self::UsdSend(_)
                | Self::SpotSend(_)
                | Self::Withdraw3(_)
                | Self::UsdClassTransfer(_)
                | Self::SendAsset(_)
                | Self::UserSetAbstraction(_)
        )
    }

    /// Items in the action: what the 200 limit and the address budget count.
    #[must_use]
    pub fn items(&self) -> usize {
        match self {
            Self::Order(action) => action.orders.len(),
            Self::Cancel(action) => action.cancels.len(),
            Self::CancelByCloid(action) => action.cancels.len(),
            Self::BatchModify(action) => action.modifies.len(),
            _ => 1,
        }
    }
}

impl<'de> Deserialize<'de> for ExchangeAction {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).map_err(serde::de::Error::custom)
    }
}

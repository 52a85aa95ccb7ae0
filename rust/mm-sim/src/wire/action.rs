//! `POST /exchange`: signer, account, then the queue of the next block; and the venue's replies.

use mm_core::action::Cloid;
use mm_core::units::Dur;
use mm_hl::address::Address;
use mm_hl::sign::{Network, verify};
use mm_hl::wire::{Envelope, ExchangeAction, Json};
use serde::Serialize;
use serde_json::{Value, json};

use super::agents::Approval;
use super::faults::{Door, Waiter};
use super::number::Num;
use super::{Answer, PaperExchange};
use crate::exchange::{CancelStatus, PlaceStatus, Reply, Request, Response, SimExchange};
use crate::faults::ReplyFate;

/// Actions of the venue that this exchange knows by name only.
const NOT_HERE: [&str; 14] = [
    "twapOrder",
    "twapCancel",
    "createVault",
    "vaultDistribute",
    "vaultModify",
    "setReferrer",
    "registerReferrer",
    "agentSetAbstraction",
    "subAccountSpotTransfer",
    "convertToMultiSigUser",
    "multiSig",
    "perpDeploy",
    "spotDeploy",
    "gossipPriorityBid",
];

/// What became of a body handed in.
#[derive(Debug, PartialEq, Eq)]
pub enum Submitted {
    /// In the queue; the reply will name this number.
    Queued(u64),
    /// Answered at once: the exchange never saw it.
    Answered(Answer),
}

/// Who waits for the reply of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A `POST /exchange`.
    Http,
    /// A post over a websocket.
    Post {
        /// The connection.
        connection: u64,
        /// The client's number of the post.
        id: u64,
    },
}

/// A request on its way.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    origin: Origin,
    /// Carried out when the exchange has accepted the nonce.
    approval: Option<Approval>,
    /// Asset number of each item, where items can fill.
    assets: Vec<u32>,
    /// What becomes of the answer.
    fate: ReplyFate,
}

impl PaperExchange {
    /// Takes a body of `POST /exchange` at the clock's time.
    pub fn submit(&mut self, body: &[u8]) -> Submitted {
        self.submit_from(body, Origin::Http)
    }

    pub(super) fn submit_from(&mut self, body: &[u8], origin: Origin) -> Submitted {
        let envelope = match Envelope::parse(body) {
            Ok(envelope) => envelope,
            Err(error) => return Submitted::Answered(Answer::unreadable(error.is_syntax())),
        };
        if let ExchangeAction::Other(action) = &envelope.action {
            let kind = match action.get("type") {
                Some(Json::Text(kind)) if NOT_HERE.contains(&kind.as_str()) => kind,
                _ => return Submitted::Answered(Answer::unreadable(false)),
            };
            let text = format!("Action {kind} is not supported by this exchange.");
            return Submitted::Answered(refused(&text));
        }
        match self.admit(envelope, origin) {
            Ok(submitted) => submitted,
            Err(text) => Submitted::Answered(refused(&text)),
        }
    }

    /// Finds the account and hands the action to the exchange, or says why not.
    fn admit(&mut self, envelope: Envelope, origin: Origin) -> Result<Submitted, String> {
        let signer = verify(&envelope, Network::Testnet)
            .map_err(|_| "Unable to recover signer.".to_owned())?;
        let unregistered = |vault: Address| format!("Vault not registered: {vault}");
        if let Some(vault) = envelope.vault_address {
            self.sim.owned(vault).ok_or_else(|| unregistered(vault))?;
        }
        let (master, approval) = self.account_of(signer, &envelope.action)?;
        let user = match envelope.vault_address {
            None => master,
            Some(_) if envelope.action.is_user_signed() => {
                return Err("This action cannot be done for a vault or sub-account.".to_owned());
            }
            Some(vault) => {
                let owned = self.sim.owned(vault);
                let own = owned.filter(|owned| owned.master == master);
                own.ok_or_else(|| unregistered(vault))?.address
            }
        };
        let action = match envelope.action {
            ExchangeAction::ApproveAgent(_) => ExchangeAction::Noop,
            action => action,
        };
        self.requests += 1;
        let id = self.requests;
        let (late, fate, refusal) = match self.injected.door(user, &action) {
            Door::Open(late, fate, refusal) => (late, fate, refusal),
            Door::Lost => {
                self.forget_waiter(origin);
                return Ok(Submitted::Queued(id));
            }
            Door::Answered(answer) => return Ok(Submitted::Answered(answer)),
        };
        let arrive = self
            .clock
            .now()
            .plus(Dur::from_millis(self.entry_ms))
            .plus(late);
        let assets = assets_of(&action);
        let request = Request {
            id,
            user,
            signer,
            nonce: envelope.nonce,
            expires_after: envelope.expires_after,
            wall_ms: self.clock.wall_ms(),
            action,
            arrive,
            refusal,
        };
        self.sim.submit(request);
        self.waiting.insert(
            id,
            Waiting {
                origin,
                approval,
                assets,
                fate,
            },
        );
        Ok(Submitted::Queued(id))
    }

    /// The account a signer acts for. User-signed actions must be signed by the account itself.
    fn account_of(
        &self,
        signer: Address,
        action: &ExchangeAction,
    ) -> Result<(Address, Option<Approval>), String> {
        let now_ms = self.sim.now().as_millis();
        let own = self.sim.account(signer).is_some().then_some(signer);
        let missing = || format!("User or API Wallet {signer} does not exist.");
        let unfunded = || format!("Must deposit before performing actions. User: {signer}");
        match action {
            ExchangeAction::ApproveAgent(action) => {
                let master = own.ok_or_else(unfunded)?;
                let subs = self.sim.sub_accounts(master).count();
                let approval = self.agents.check(master, action, now_ms, subs)?;
                Ok((master, Some(approval)))
            }
            _ if action.is_user_signed() => Ok((own.ok_or_else(unfunded)?, None)),
            _ => Ok((
                own.or_else(|| self.agents.master(signer, now_ms))
                    .ok_or_else(missing)?,
                None,
            )),
        }
    }

    /// Turns a reply of the exchange into bytes for whoever waits for it.
    pub(super) fn deliver(&mut self, reply: &Reply) {
        let Some(waiting) = self.waiting.remove(&reply.id) else {
            return;
        };
        if let (Some(approval), Response::Default) = (waiting.approval, &reply.response) {
            self.agents.approve(approval);
        }
        let body = reply_json(&reply.response, &waiting.assets, &self.sim);
        let waiter = (reply.id, waiting.origin);
        match waiting.fate {
            ReplyFate::Comes => self.answer_waiter(waiter, Answer::ok(&body)),
            ReplyFate::Lost => self.forget_waiter(waiter.1),
            ReplyFate::Late(by) => {
                let due = reply.time.plus(by);
                self.injected.delay(due, waiter, Answer::ok(&body));
            }
            ReplyFate::Status(status) => self.answer_waiter(waiter, Answer::bare(status)),
        }
    }

    /// Whoever waits for an answer that never comes: a post takes its place no longer.
    fn forget_waiter(&mut self, origin: Origin) {
        if let Origin::Post { connection, .. } = origin {
            self.sockets.end_post(connection);
        }
    }

    /// Hands an answer to whoever waits for it.
    pub(super) fn answer_waiter(&mut self, (number, origin): Waiter, answer: Answer) {
        match origin {
            Origin::Http => self.replies.push((number, answer)),
            Origin::Post { connection, id } if answer.status == 200 => {
                let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
                self.answer_post(connection, id, "action", &body);
            }
            Origin::Post { connection, id } => {
                let text = String::from_utf8_lossy(&answer.body);
                let text = format!("{} {text}", answer.status);
                self.answer_post(connection, id, "error", &text.trim_end());
            }
        }
    }
}

/// `{"status":"err"}` with the venue's words.
pub(super) fn refused(text: &str) -> Answer {
    Answer::ok(&json!({"status": "err", "response": text}))
}

/// Asset number of each item that can fill.
fn assets_of(action: &ExchangeAction) -> Vec<u32> {
    match action {
        ExchangeAction::Order(action) => action.orders.iter().map(|order| order.asset).collect(),
        ExchangeAction::Modify(action) => vec![action.order.asset],
        ExchangeAction::BatchModify(action) => action
            .modifies
            .iter()
            .map(|modify| modify.order.asset)
            .collect(),
        _ => Vec::new(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum StatusJson<'a> {
    Resting {
        oid: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        cloid: Option<Cloid>,
    },
    #[serde(rename_all = "camelCase")]
    Filled {
        total_sz: Num,
        avg_px: Num,
        oid: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        cloid: Option<Cloid>,
    },
    Error(&'a str),
    #[serde(untagged)]
    Word(&'static str),
}

/// The venue's JSON of an answer; `assets` is the asset number of each item.
fn reply_json(response: &Response, assets: &[u32], sim: &SimExchange) -> Value {
    let data = |kind: &str, statuses: Vec<StatusJson<'_>>| json!({"status": "ok", "response": {"type": kind, "data": {"statuses": statuses}}});
    match response {
        Response::Default => json!({"status": "ok", "response": {"type": "default"}}),
        Response::Created(address) => {
            json!({"status": "ok", "response": {"type": "createSubAccount", "data": address}})
        }
        Response::Err(text) => json!({"status": "err", "response": text}),
        Response::Order(statuses) => {
            let items = statuses.iter().enumerate();
            data(
                "order",
                items
                    .map(|(item, status)| placed(status, assets.get(item), sim))
                    .collect(),
            )
        }
        Response::Cancel(statuses) => data("cancel", statuses.iter().map(cancelled).collect()),
    }
}

fn placed<'a>(status: &'a PlaceStatus, asset: Option<&u32>, sim: &SimExchange) -> StatusJson<'a> {
    match status {
        PlaceStatus::Resting { oid, cloid } => StatusJson::Resting {
            oid: *oid,
            cloid: *cloid,
        },
        PlaceStatus::Filled {
            oid,
            cloid,
            total_sz,
            avg_px,
        } => {
            let place = asset.and_then(|number| sim.listed(*number));
            let place = place.expect("Invariant: only an item of a listed perp fills");
            let perp = &sim.instruments()[place as usize];
            StatusJson::Filled {
                total_sz: Num::sz(perp, *total_sz),
                avg_px: Num::px(perp, *avg_px),
                oid: *oid,
                cloid: *cloid,
            }
        }
        PlaceStatus::WaitingForFill { .. } => StatusJson::Word("waitingForFill"),
        PlaceStatus::WaitingForTrigger { .. } => StatusJson::Word("waitingForTrigger"),
        PlaceStatus::Error(text) => StatusJson::Error(text),
    }
}

fn cancelled(status: &CancelStatus) -> StatusJson<'_> {
    match status {
        CancelStatus::Success => StatusJson::Word("success"),
        CancelStatus::Error(text) => StatusJson::Error(text),
    }
}

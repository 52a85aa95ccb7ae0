//! Sub-accounts, vaults, and money that moves between accounts.

use mm_hl::address::Address;
use mm_hl::sign::Network;
use mm_hl::wire::ExchangeAction;
use serde_json::{Value, json};

use super::{Desk, MAKER, TAKER, order, signer, user};

const AGENT: u8 = 9;
const SOL: u32 = 1;

impl Desk {
    /// Sends an action for a sub-account or vault.
    fn act_for(&mut self, who: u8, owned: &str, action: &Value) -> Value {
        self.nonce += 1;
        let action = ExchangeAction::parse(&action.to_string()).unwrap();
        let vault: Address = owned.parse().unwrap();
        let envelope = signer(who)
            .sign(action, self.nonce, Some(vault), None, Network::Testnet)
            .unwrap();
        self.post(&serde_json::to_value(envelope).unwrap())
    }

    /// Sends an action that the account signs as a message of its own.
    pub(super) fn sign_out(
        &mut self,
        who: u8,
        kind: &str,
        nonce_key: &str,
        fields: Value,
    ) -> Value {
        let mut action = fields;
        action["type"] = json!(kind);
        action["signatureChainId"] = json!("0x66eee");
        action["hyperliquidChain"] = json!("Testnet");
        action[nonce_key] = json!(self.nonce + 1);
        self.act(who, &action)
    }

    pub(super) fn ledger(&self, who: &str) -> Value {
        self.info(&json!({"type": "userNonFundingLedgerUpdates", "user": who, "startTime": 0}))
    }

    fn value(&self, who: &str) -> Value {
        let state = self.info(&json!({"type": "clearinghouseState", "user": who}));
        state["marginSummary"]["accountValue"].clone()
    }
}

fn transfer(sub: &str, is_deposit: bool, usd: u64) -> Value {
    json!({"type": "subAccountTransfer", "subAccountUser": sub, "isDeposit": is_deposit, "usd": usd})
}

pub(super) fn done() -> Value {
    json!({"status": "ok", "response": {"type": "default"}})
}

#[test]
fn a_sub_account_is_opened_funded_and_traded_for_by_its_master_and_its_agents() {
    let mut desk = Desk::open(1.0);
    desk.quote(SOL, 100, "40");
    let asked = json!({"type": "subAccounts", "user": user(TAKER)});
    assert_eq!(desk.info(&asked), json!(null));
    let created = desk.act(
        TAKER,
        &json!({"type": "createSubAccount", "name": "second"}),
    );
    assert_eq!(created["response"]["type"], "createSubAccount");
    let sub = created["response"]["data"].as_str().unwrap().to_owned();
    assert_eq!(
        desk.info(&json!({"type": "userRole", "user": sub})),
        json!({"role": "subAccount", "data": {"master": user(TAKER)}})
    );
    assert_eq!(
        desk.act(TAKER, &transfer(&sub, true, 2_500_000_000)),
        done()
    );
    let short = desk.act(TAKER, &transfer(&sub, true, 8_000_000_000));
    assert_eq!(short["response"], "Insufficient balance for withdrawal.");
    assert_eq!(
        (desk.value(&user(TAKER)), desk.value(&sub)),
        (json!("7500.0"), json!("2500.0"))
    );
    let rows = desk.info(&asked);
    assert_eq!(rows[0]["name"], "second");
    assert_eq!(rows[0]["clearinghouseState"]["withdrawable"], "2500.0");
    let told = &desk.ledger(&sub)[0]["delta"];
    assert_eq!(
        *told,
        json!({"type": "subAccountTransfer", "usdc": "2500.0", "user": user(TAKER), "destination": sub})
    );

    let agent = json!({"agentAddress": user(AGENT), "agentName": "bot"});
    assert_eq!(desk.sign_out(TAKER, "approveAgent", "nonce", agent), done());
    let bought = desk.act_for(AGENT, &sub, &order(SOL, true, "101", "1", "Ioc"));
    assert!(
        bought["response"]["data"]["statuses"][0]["filled"].is_object(),
        "{bought}"
    );
    let state = desk.info(&json!({"type": "clearinghouseState", "user": sub}));
    assert_eq!(state["assetPositions"][0]["position"]["szi"], "1.0");
    assert_eq!(desk.state(TAKER)["assetPositions"], json!([]));
    let budget = |who: &str| desk.info(&json!({"type": "userRateLimit", "user": who}));
    assert_eq!(budget(&sub)["nRequestsUsed"], 1, "a budget of its own");

    let foreign = desk.act_for(MAKER, &sub, &order(SOL, true, "101", "1", "Ioc"));
    assert_eq!(foreign["response"], format!("Vault not registered: {sub}"));
    let back = desk.act(TAKER, &transfer(&sub, false, 1_000_000_000));
    assert_eq!(back, done());
    let stolen = desk.act(MAKER, &transfer(&sub, false, 1_000_000));
    assert_eq!(
        stolen["response"],
        format!("Sub-account not registered: {sub}")
    );
    desk.is_exact();
}

#[test]
fn a_vault_is_traded_for_by_its_leader_alone() {
    let vault = format!("0x{}", "ab".repeat(20));
    let vaults = json!([{"leader": user(TAKER), "account": {"address": vault, "usdc": "500"}}]);
    let perps = json!([{"coin": "BTC", "sz_decimals": 5, "max_leverage": 40}]);
    let mut desk = Desk::with(&json!({"vaults": vaults}), &perps);
    assert_eq!(
        desk.info(&json!({"type": "userRole", "user": vault})),
        json!({"role": "vault"})
    );
    let details = |at: &str| json!({"type": "vaultDetails", "vaultAddress": at});
    assert_eq!(desk.info(&details(&vault))["leader"], json!(user(TAKER)));
    assert_eq!(desk.info(&details(&user(TAKER))), json!(null), "no vault");
    let led = json!({"type": "userVaultEquities", "user": user(TAKER)});
    let rows = json!([{"vaultAddress": vault, "equity": "500.0", "lockedUntilTimestamp": 0}]);
    assert_eq!(desk.info(&led), rows);
    let rest = order(0, true, "40000", "0.001", "Alo");
    let placed = desk.act_for(TAKER, &vault, &rest);
    assert!(placed["response"]["data"]["statuses"][0]["resting"].is_object());
    let refused = desk.act_for(MAKER, &vault, &rest);
    assert_eq!(
        refused["response"],
        format!("Vault not registered: {vault}")
    );
    let invest = json!({"type": "vaultTransfer", "vaultAddress": vault, "isDeposit": true, "usd": 100_000_000});
    assert_eq!(desk.act(TAKER, &invest), done());
    assert_eq!(
        (desk.value(&user(TAKER)), desk.value(&vault)),
        (json!("9900.0"), json!("600.0"))
    );
    assert_eq!(
        desk.ledger(&user(TAKER))[1]["delta"]["type"],
        "vaultDeposit"
    );
    assert_eq!(
        desk.act(MAKER, &invest)["response"],
        format!("Vault not registered: {vault}")
    );
    desk.is_exact();
}

#[test]
fn usdc_is_sent_withdrawn_and_moved_to_the_spot_balance() {
    let mut desk = Desk::open(1.0);
    let stranger = user(7);
    let sent = json!({"destination": stranger, "amount": "12.5"});
    assert_eq!(desk.sign_out(TAKER, "usdSend", "time", sent), done());
    assert_eq!(desk.value(&stranger), "12.5");
    assert_eq!(
        desk.ledger(&stranger)[0]["delta"]["type"],
        "internalTransfer"
    );
    let out = json!({"destination": user(TAKER), "amount": "100"});
    assert_eq!(desk.sign_out(TAKER, "withdraw3", "time", out), done());
    assert_eq!(desk.value(&user(TAKER)), "9887.5");
    let rows = desk.ledger(&user(TAKER));
    assert_eq!(rows[2]["delta"]["usdc"], "99.0");
    assert_eq!(rows[2]["delta"]["fee"], "1.0");

    let to_spot = json!({"amount": "87.5", "toPerp": false});
    assert_eq!(
        desk.sign_out(TAKER, "usdClassTransfer", "nonce", to_spot),
        done()
    );
    let spot = desk.info(&json!({"type": "spotClearinghouseState", "user": user(TAKER)}));
    assert_eq!(spot["balances"][0]["total"], "87.5");
    let too_much = json!({"amount": "88", "toPerp": true});
    assert_eq!(
        desk.sign_out(TAKER, "usdClassTransfer", "nonce", too_much)["status"],
        "err"
    );
    let back = json!({"amount": "87.5", "toPerp": true});
    assert_eq!(
        desk.sign_out(TAKER, "usdClassTransfer", "nonce", back),
        done()
    );
    assert_eq!(desk.value(&user(TAKER)), "9887.5");
    desk.is_exact();
}

#[test]
fn an_agent_signs_no_transfer_and_what_is_not_there_says_so() {
    let mut desk = Desk::open(1.0);
    let agent = json!({"agentAddress": user(AGENT)});
    assert_eq!(desk.sign_out(TAKER, "approveAgent", "nonce", agent), done());
    let sent = json!({"destination": user(7), "amount": "12.5"});
    assert_eq!(
        desk.sign_out(AGENT, "usdSend", "time", sent)["response"],
        format!(
            "Must deposit before performing actions. User: {}",
            user(AGENT)
        )
    );
    let mode = json!({"user": user(TAKER), "abstraction": "unifiedAccount"});
    let answer = desk.sign_out(TAKER, "userSetAbstraction", "nonce", mode);
    assert_eq!(answer["status"], "err");
    let token = json!({"destination": user(MAKER), "token": "PURR:0x01", "amount": "1"});
    let answer = desk.sign_out(TAKER, "spotSend", "time", token);
    assert_eq!(
        answer["response"],
        "Action spotSend is not supported by this exchange."
    );
}

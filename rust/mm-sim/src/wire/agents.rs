//! Who may sign for whom: the one place where a signer becomes an account.

use std::collections::BTreeMap;

use mm_hl::address::Address;
use mm_hl::wire::ApproveAgent;
use serde::Serialize;

const DAY_MS: i64 = 86_400_000;
/// How long an agent may sign when its name says nothing.
const VALID_MS: i64 = 90 * DAY_MS;
/// How long it may at most.
const VALID_MS_MAX: i64 = 180 * DAY_MS;
/// Named agents of an account.
const NAMED_MAX: usize = 3;
/// More of them for each of its sub-accounts.
const NAMED_A_SUB_ACCOUNT: usize = 2;
/// Characters of a name.
const NAME_MAX: usize = 16;
/// Address that takes an agent off.
const NOBODY: Address = Address([0; 20]);

/// Agents and the accounts they trade for.
#[derive(Debug, Default)]
pub(crate) struct Agents {
    by_address: BTreeMap<Address, Agent>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Agent {
    master: Address,
    /// Empty for the unnamed one.
    name: String,
    valid_until_ms: i64,
}

/// An approval, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Approval {
    address: Address,
    agent: Agent,
}

/// A row of `extraAgents`.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentJson {
    name: String,
    address: Address,
    valid_until: i64,
}

impl Agents {
    /// The account that `agent` trades for, while its approval lasts.
    pub(crate) fn master(&self, agent: Address, now_ms: i64) -> Option<Address> {
        let agent = self
            .by_address
            .get(&agent)
            .filter(|agent| now_ms <= agent.valid_until_ms);
        agent.map(|agent| agent.master)
    }

    /// The named agents of an account.
    pub(crate) fn listed(&self, master: Address) -> Vec<AgentJson> {
        let row = |(&address, agent): (&Address, &Agent)| AgentJson {
            name: agent.name.clone(),
            address,
            valid_until: agent.valid_until_ms,
        };
        self.named(master).map(row).collect()
    }

    fn named(&self, master: Address) -> impl Iterator<Item = (&Address, &Agent)> {
        let own =
            move |(_, agent): &(&Address, &Agent)| agent.master == master && !agent.name.is_empty();
        self.by_address.iter().filter(own)
    }

    /// Checks an approval by `master`, who has so many sub-accounts, at `now_ms`.
    ///
    /// # Errors
    /// The venue's words.
    pub(crate) fn check(
        &self,
        master: Address,
        action: &ApproveAgent,
        now_ms: i64,
        sub_accounts: usize,
    ) -> Result<Approval, String> {
        let text = action.agent_name.as_deref().unwrap_or_default();
        let (name, valid_until_ms) = match text.split_once(" valid_until ") {
            None => (text, now_ms + VALID_MS),
            Some((name, until)) => {
                let until = until
                    .parse::<i64>()
                    .map_err(|_| format!("Invalid agent name: {text}"))?;
                (name, until.min(now_ms + VALID_MS_MAX))
            }
        };
        if name.chars().count() > NAME_MAX {
            return Err(format!("Invalid agent name: {text}"));
        }
        if valid_until_ms < now_ms {
            return Err("Agent valid_until already expired.".to_owned());
        }
        let used = self.by_address.get(&action.agent_address);
        if used.is_some_and(|agent| agent.master != master || agent.name != name) {
            return Err("Extra agent already used.".to_owned());
        }
        let replaced = self.named(master).any(|(_, agent)| agent.name == name);
        let most = NAMED_MAX + NAMED_A_SUB_ACCOUNT * sub_accounts;
        if !name.is_empty() && !replaced && self.named(master).count() >= most {
            let limit = "Too many extra agents for cumulative volume traded. Current limit is";
            return Err(format!("{limit} {most}"));
        }
        let agent = Agent {
            master,
            name: name.to_owned(),
            valid_until_ms,
        };
        Ok(Approval {
            address: action.agent_address,
            agent,
        })
    }

    /// Carries an approval out: it replaces the account's agent of the same name.
    pub(crate) fn approve(&mut self, approval: Approval) {
        let Approval { address, agent } = approval;
        self.by_address
            .retain(|_, other| other.master != agent.master || other.name != agent.name);
        if address != NOBODY {
            self.by_address.insert(address, agent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: Address = Address([1; 20]);

    fn action(agent: u8, name: &str) -> ApproveAgent {
        ApproveAgent {
            signature_chain_id: "0x66eee".to_owned(),
            hyperliquid_chain: "Testnet".to_owned(),
            agent_address: Address([agent; 20]),
            agent_name: (!name.is_empty()).then(|| name.to_owned()),
            nonce: 1,
        }
    }

    fn approve(agents: &mut Agents, agent: u8, name: &str) -> Result<(), String> {
        let approval = agents.check(MASTER, &action(agent, name), 0, 0)?;
        agents.approve(approval);
        Ok(())
    }

    #[test]
    fn an_agent_signs_for_its_master_until_it_expires() {
        let mut agents = Agents::default();
        approve(&mut agents, 7, "").unwrap();
        assert_eq!(agents.master(Address([7; 20]), VALID_MS), Some(MASTER));
        assert_eq!(agents.master(Address([7; 20]), VALID_MS + 1), None);
        assert_eq!(agents.listed(MASTER), []);
        approve(&mut agents, 8, "").unwrap();
        assert_eq!(
            agents.master(Address([7; 20]), 0),
            None,
            "the unnamed one is replaced"
        );
        approve(&mut agents, 0, "").unwrap();
        assert_eq!(
            agents.master(Address([8; 20]), 0),
            None,
            "the zero address revokes"
        );
    }

    #[test]
    fn named_agents_are_capped_and_addresses_used_once() {
        let mut agents = Agents::default();
        for (agent, name) in [(1, "a"), (2, "b"), (3, "c")] {
            approve(&mut agents, agent, name).unwrap();
        }
        assert!(
            approve(&mut agents, 4, "d")
                .unwrap_err()
                .ends_with("Current limit is 3")
        );
        assert_eq!(
            approve(&mut agents, 1, "b").unwrap_err(),
            "Extra agent already used."
        );
        approve(&mut agents, 4, "c valid_until 50").unwrap();
        assert_eq!(agents.master(Address([3; 20]), 0), None);
        assert_eq!(agents.master(Address([4; 20]), 50), Some(MASTER));
        assert_eq!(agents.listed(MASTER).len(), 3);
        let expired = agents.check(MASTER, &action(5, "c valid_until -1"), 0, 0);
        assert_eq!(expired.unwrap_err(), "Agent valid_until already expired.");
    }
}

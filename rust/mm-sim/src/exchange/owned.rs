//! Accounts that another account trades for: sub-accounts and vaults.

use mm_core::units::Usd;
use mm_hl::address::Address;
use mm_hl::sign::keccak256;
use mm_hl::wire::{CreateSubAccount, SubAccountTransfer, VaultTransfer};

use super::message::{MoneyWhy, Response};
use super::{SimError, SimExchange};

/// Characters of a sub-account's name.
const NAME_MAX: usize = 16;
/// Sub-accounts of a master.
const SUB_ACCOUNTS_MAX: usize = 10;

/// What an account is to the one that trades for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnedKind {
    /// A sub-account of its master.
    SubAccount,
    /// A vault of its leader.
    Vault,
}

/// An account that another one trades for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Its own address.
    pub address: Address,
    /// Who trades for it.
    pub master: Address,
    /// Which of the two.
    pub kind: OwnedKind,
    /// The name it was given.
    pub name: String,
}

impl SimExchange {
    /// The sub-account or vault at an address.
    #[must_use]
    pub fn owned(&self, address: Address) -> Option<&Owned> {
        self.owned.get(&address)
    }

    /// The sub-accounts of a master, in the order of their opening.
    pub fn sub_accounts(&self, master: Address) -> impl Iterator<Item = &Owned> {
        self.owned_by(master, OwnedKind::SubAccount)
    }

    /// The vaults of a leader, in the order of their opening.
    pub fn vaults(&self, leader: Address) -> impl Iterator<Item = &Owned> {
        self.owned_by(leader, OwnedKind::Vault)
    }

    fn owned_by(&self, master: Address, kind: OwnedKind) -> impl Iterator<Item = &Owned> {
        let accounts = self.accounts.iter();
        let owned = accounts.filter_map(|account| self.owned.get(&account.address));
        owned.filter(move |owned| owned.master == master && owned.kind == kind)
    }

    /// Opens a vault that `leader` trades for and funds it.
    ///
    /// # Errors
    /// [`SimError::Deposit`] when `usd` is not positive, [`SimError::Taken`] when the address has an
    /// account.
    pub fn open_vault(
        &mut self,
        address: Address,
        leader: Address,
        usd: Usd,
    ) -> Result<(), SimError> {
        if self.by_address.contains_key(&address) {
            return Err(SimError::Taken(address));
        }
        self.deposit(address, usd)?;
        self.own(address, leader, OwnedKind::Vault, "");
        Ok(())
    }

    fn own(&mut self, address: Address, master: Address, kind: OwnedKind, name: &str) {
        let name = name.to_owned();
        let owned = Owned {
            address,
            master,
            kind,
            name,
        };
        self.owned.insert(address, owned);
    }

    pub(super) fn create_sub_account(
        &mut self,
        who: u32,
        action: &CreateSubAccount,
    ) -> Result<Response, String> {
        let master = self.accounts[who as usize].address;
        if self.owned.contains_key(&master) {
            return Err("A sub-account or vault has no sub-accounts of its own.".to_owned());
        }
        let letters = action.name.chars().count();
        if letters == 0 || letters > NAME_MAX {
            return Err(format!(
                "Sub-account name must have 1 to {NAME_MAX} characters."
            ));
        }
        let count = self.sub_accounts(master).count();
        if count >= SUB_ACCOUNTS_MAX {
            return Err("Too many sub-accounts.".to_owned());
        }
        if self.sub_accounts(master).any(|sub| sub.name == action.name) {
            return Err("Sub-account name already used.".to_owned());
        }
        let place = [u8::try_from(count).expect("Invariant: at most ten")];
        let hash = keccak256(&[b"sub-account", &master.0, &place]);
        let mut bytes = [0; 20];
        bytes.copy_from_slice(&hash[12..]);
        let address = Address(bytes);
        self.open_account(address);
        self.own(address, master, OwnedKind::SubAccount, &action.name);
        Ok(Response::Created(address))
    }

    pub(super) fn sub_account_transfer(
        &mut self,
        who: u32,
        action: SubAccountTransfer,
    ) -> Result<Response, String> {
        let sub = action.sub_account_user;
        self.move_owned(
            who,
            sub,
            OwnedKind::SubAccount,
            action.is_deposit,
            action.usd,
        )
        .ok_or_else(|| format!("Sub-account not registered: {sub}"))?
    }

    /// Money between a vault and its leader; nobody else invests in vaults here.
    pub(super) fn vault_transfer(
        &mut self,
        who: u32,
        action: VaultTransfer,
    ) -> Result<Response, String> {
        let vault = action.vault_address;
        self.move_owned(who, vault, OwnedKind::Vault, action.is_deposit, action.usd)
            .ok_or_else(|| format!("Vault not registered: {vault}"))?
    }

    /// `None` where `owned` is no such account of `who`.
    fn move_owned(
        &mut self,
        who: u32,
        owned: Address,
        kind: OwnedKind,
        is_deposit: bool,
        usd: u64,
    ) -> Option<Result<Response, String>> {
        let master = self.accounts[who as usize].address;
        let found = self.owned.get(&owned)?;
        if found.master != master || found.kind != kind {
            return None;
        }
        let (from, to) = if is_deposit {
            (master, owned)
        } else {
            (owned, master)
        };
        let why = match kind {
            OwnedKind::SubAccount => MoneyWhy::SubAccount { from, to },
            OwnedKind::Vault => MoneyWhy::Vault { vault: owned },
        };
        Some(self.send(from, to, usd, why))
    }
}

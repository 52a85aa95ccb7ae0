//! Actions signed as EIP-712 messages of their own, by the account's key and never by an agent's.

use serde::{Deserialize, Serialize};

use crate::address::Address;

/// One field of an EIP-712 message.
#[derive(Clone, Copy, Debug)]
pub enum Word<'a> {
    /// `string`.
    Text(&'a str),
    /// `uint64`.
    Uint(u64),
    /// `bool`.
    Bool(bool),
    /// `address`.
    Address(Address),
}

/// What the signature of a user-signed action covers.
pub trait UserSigned {
    /// EIP-712 type of the message: name and fields in order.
    const TYPE: &'static str;

    /// Chain id of the signing domain, hex text.
    fn signature_chain_id(&self) -> &str;

    /// `Mainnet` or `Testnet`.
    fn hyperliquid_chain(&self) -> &str;

    /// The action's own nonce; must equal the envelope's.
    fn nonce(&self) -> u64;

    /// The fields in the order of [`Self::TYPE`].
    fn words(&self) -> Vec<Word<'_>>;
}

macro_rules! user_signed {
    ($(#[$doc:meta])* $name:ident, $primary:literal, $nonce:ident {
        $($(#[$meta:meta])* $field:ident: $kind:ty),* $(,)?
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// Chain id of the signing domain, hex text: whatever chain the wallet is on.
            pub signature_chain_id: String,
            /// `Mainnet` or `Testnet`: the venue this is meant for.
            pub hyperliquid_chain: String,
            $($(#[$meta])* pub $field: $kind,)*
        }

        impl UserSigned for $name {
            const TYPE: &'static str = concat!("HyperliquidTransaction:", $primary);

            fn signature_chain_id(&self) -> &str {
                &self.signature_chain_id
            }

            fn hyperliquid_chain(&self) -> &str {
                &self.hyperliquid_chain
            }

            fn nonce(&self) -> u64 {
                self.$nonce
            }

            fn words(&self) -> Vec<Word<'_>> {
                vec![Word::Text(&self.hyperliquid_chain), $(Word::from(&self.$field)),*]
            }
        }
    };
}

user_signed!(
    /// Lets an agent key sign trading actions.
    ApproveAgent,
    "ApproveAgent(string hyperliquidChain,address agentAddress,string agentName,uint64 nonce)",
    nonce {
        /// The agent; zero revokes.
        agent_address: Address,
        /// At most 16 characters, optionally followed by ` valid_until <ms>`; absent: unnamed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent_name: Option<String>,
        /// Milliseconds, equal to the envelope's.
        nonce: u64,
    }
);
user_signed!(
    /// Allows a builder fee.
    ApproveBuilderFee,
    "ApproveBuilderFee(string hyperliquidChain,string maxFeeRate,address builder,uint64 nonce)",
    nonce {
        /// Largest rate, text in per cent (`0.001%`).
        max_fee_rate: String,
        /// Who is paid.
        builder: Address,
        /// Milliseconds, equal to the envelope's.
        nonce: u64,
    }
);
user_signed!(
    /// Sends USDC of the perp account to another account.
    UsdSend,
    "UsdSend(string hyperliquidChain,string destination,string amount,uint64 time)",
    time {
        /// Receiver, as text: signed as written.
        destination: String,
        /// USDC.
        amount: String,
        /// Milliseconds, equal to the envelope's nonce.
        time: u64,
    }
);
user_signed!(
    /// Sends a spot token to another account.
    SpotSend,
    "SpotSend(string hyperliquidChain,string destination,string token,string amount,uint64 time)",
    time {
        /// Receiver, as text: signed as written.
        destination: String,
        /// `NAME:0x..`.
        token: String,
        /// Tokens.
        amount: String,
        /// Milliseconds, equal to the envelope's nonce.
        time: u64,
    }
);
user_signed!(
    /// Withdraws USDC over the bridge.
    Withdraw3,
    "Withdraw(string hyperliquidChain,string destination,string amount,uint64 time)",
    time {
        /// Receiver, as text: signed as written.
        destination: String,
        /// USDC.
        amount: String,
        /// Milliseconds, equal to the envelope's nonce.
        time: u64,
    }
);
user_signed!(
    /// Moves USDC between the spot and the perp balance.
    UsdClassTransfer,
    "UsdClassTransfer(string hyperliquidChain,string amount,bool toPerp,uint64 nonce)",
    nonce {
        /// USDC, optionally followed by ` subaccount:0x..`.
        amount: String,
        /// Direction.
        to_perp: bool,
        /// Milliseconds, equal to the envelope's.
        nonce: u64,
    }
);
user_signed!(
    /// Sends a token between accounts and dexes.
    SendAsset,
    "SendAsset(string hyperliquidChain,string destination,string sourceDex,string destinationDex,\
     string token,string amount,string fromSubAccount,uint64 nonce)",
    nonce {
        /// Receiver, as text: signed as written.
        destination: String,
        /// Where it leaves; empty: the main dex, `spot`: the spot balance.
        source_dex: String,
        /// Where it arrives.
        destination_dex: String,
        /// `NAME:0x..`.
        token: String,
        /// Tokens.
        amount: String,
        /// Sub-account that pays, or empty.
        from_sub_account: String,
        /// Milliseconds, equal to the envelope's.
        nonce: u64,
    }
);
user_signed!(
    /// Chooses the account mode.
    UserSetAbstraction,
    "UserSetAbstraction(string hyperliquidChain,address user,string abstraction,uint64 nonce)",
    nonce {
        /// The account.
        user: Address,
        /// `disabled`, `unifiedAccount` or `portfolioMargin`.
        abstraction: String,
        /// Milliseconds, equal to the envelope's.
        nonce: u64,
    }
);

impl<'a> From<&'a String> for Word<'a> {
    fn from(value: &'a String) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a Option<String>> for Word<'a> {
    fn from(value: &'a Option<String>) -> Self {
        Self::Text(value.as_deref().unwrap_or_default())
    }
}

impl From<&u64> for Word<'_> {
    fn from(value: &u64) -> Self {
        Self::Uint(*value)
    }
}

impl From<&bool> for Word<'_> {
    fn from(value: &bool) -> Self {
        Self::Bool(*value)
    }
}

impl From<&Address> for Word<'_> {
    fn from(value: &Address) -> Self {
        Self::Address(*value)
    }
}

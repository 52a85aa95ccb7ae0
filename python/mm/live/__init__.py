"""The venue itself: testnet and mainnet, with an account and agent keys that are somebody's."""

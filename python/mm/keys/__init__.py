"""Agent keys: where they are kept, and how one gets from there to a signer without being shown."""

"""The account that a maker has on an exchange which somebody else runs."""

import json

from maker_process import state_dir
from mm._core import Signer

SECRET = "11" * 32
ADDRESS = Signer(SECRET).address


def give_key() -> str:
    """Put a key into the state, as an earlier run would have; returns its address."""
    state_dir().mkdir(parents=True)
    (state_dir() / "wallet.json").write_text(json.dumps({"address": ADDRESS, "secret": SECRET}))
    return ADDRESS

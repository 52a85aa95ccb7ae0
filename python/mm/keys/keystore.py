"""Keys in files that a passphrase opens: one file a key, in the format that wallets share (v3)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mm.errors import ConfigError, StateError
from mm.log import hide
from mm.state import state_root, write_durably


@dataclass(frozen=True, slots=True)
class Kept:
    """What can be known of a kept key without opening it.

    Attributes:
        name: Of the key.
        address: Of its signer, lower case, 0x.
        path: Of its file.
    """

    name: str
    address: str
    path: Path


class Keystore:
    """The files of one network's keys."""

    def __init__(self, network: str, root: Path | None = None) -> None:
        """Name the directory, without touching it.

        Args:
            network: testnet or mainnet.
            root: Instead of `state_root()`.
        """
        self.path = (state_root() if root is None else root) / "keys" / network

    def write(self, name: str, secret: str, passphrase: str) -> Kept:
        """Keep a key, durably and for its owner's eyes alone.

        Raises:
            ConfigError: The passphrase is empty, or there is a key of this name.
            StateError: It cannot be written.
        """
        from eth_account import Account  # noqa: PLC0415 - takes a second to load

        path = self._file(name)
        if not passphrase:
            raise ConfigError("the passphrase was empty, expected one that opens the key")
        if path.exists():
            raise ConfigError(f"{path}: there is a key {name} already: mm keys forget {name} first")
        sealed = Account.encrypt(bytes.fromhex(secret.removeprefix("0x")), passphrase, "scrypt")
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StateError(f"{self.path}: cannot be made: {error.strerror}") from error
        write_durably(path, json.dumps(sealed).encode())
        return Kept(name, f"0x{sealed['address'].lower()}", path)

    def read(self, name: str, passphrase: str) -> str:
        """Open a key.

        Returns:
            The secret, 64 hexadecimal digits, which no log line can repeat any more.

        Raises:
            ConfigError: There is none, the passphrase is wrong, or the file is something else.
        """
        from eth_account import Account  # noqa: PLC0415 - takes a second to load

        path = self._file(name)
        try:
            sealed = json.loads(path.read_text(encoding="utf-8"))
            secret: str = Account.decrypt(sealed, passphrase).hex().removeprefix("0x")
        except FileNotFoundError:
            raise ConfigError(f"{path}: there is none: mm keys new {name}") from None
        except OSError as error:
            raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            # `from None`: nothing that was read is repeated.
            wrong = "MAC mismatch" in str(error)
            why = "the passphrase does not open it" if wrong else "not a key file"
            raise ConfigError(f"{path}: {why}") from None
        except (KeyError, TypeError, AttributeError, NotImplementedError, RecursionError):
            raise ConfigError(f"{path}: not a key file") from None
        hide(secret)
        return secret

    def all(self) -> list[Kept]:
        """Every key of the network, by name.

        Raises:
            StateError: A file there is something else.
        """
        return [self._kept(path) for path in sorted(self.path.glob("*.json"))]

    def forget(self, name: str) -> Kept:
        """Delete a key's file.

        Raises:
            ConfigError: There is none.
        """
        path = self._file(name)
        if not path.exists():
            raise ConfigError(f"{path}: there is none")
        kept = self._kept(path)
        path.unlink()
        return kept

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.json"

    def _kept(self, path: Path) -> Kept:
        try:
            address = json.loads(path.read_text(encoding="utf-8"))["address"]
            return Kept(path.stem, f"0x{address.lower().removeprefix('0x')}", path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise StateError(f"{path}: not a key file; move it away") from None

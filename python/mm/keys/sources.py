"""From a configured source to a signer; the secret passes through here and is shown nowhere.

environment   MM_AGENT_KEY and MM_WATCHDOG_KEY (a service manager's credential, as a rule)
keystore      a file that a passphrase opens: MM_KEYSTORE_PASSPHRASE, or asked for on a terminal
keyring       the system's own store, by the package `keyring`
"""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Mapping
from typing import Literal

from mm._core import Signer
from mm.config import AccountConfig
from mm.errors import ConfigError, MmError
from mm.keys.keystore import Keystore
from mm.log import hide

Use = Literal["maker", "watchdog"]
VARIABLES: Mapping[Use, str] = {"maker": "MM_AGENT_KEY", "watchdog": "MM_WATCHDOG_KEY"}
PASSPHRASE = "MM_KEYSTORE_PASSPHRASE"
SERVICE = "mm {network}"
"""Under which the system's keyring has our keys."""
_SECRET = re.compile(r"(0x)?[0-9a-fA-F]{64}")


def secret_for(use: Use, account: AccountConfig, network: str) -> str:
    """The agent key for a use, wherever the configuration keeps it: for a signer, or for the
    environment of the watchdog's process.

    Args:
        use: The maker's own or the watchdog's.
        account: Names the source and the keys.
        network: testnet or mainnet.

    Raises:
        ConfigError: There is none there, or it is no key; its text is not repeated.
    """
    name = account.key_name if use == "maker" else account.watchdog_key_name
    if account.key_source == "environment":
        return _of_environment(VARIABLES[use], os.environ)
    if account.key_source == "keystore":
        return checked(Keystore(network).read(name, passphrase(name)), f"key {name}")
    return _of_keyring(network, name)


def asks_for(account: AccountConfig) -> bool:
    """Whether a person is asked for something when a key is read."""
    return account.key_source == "keystore" and os.environ.get(PASSPHRASE) is None


def signer_for(use: Use, account: AccountConfig, network: str) -> Signer:
    """The same as a signer."""
    return Signer(secret_for(use, account, network))


def checked(secret: str, where: str) -> str:
    """A secret that is a key, and that no log line can repeat from here on.

    Raises:
        ConfigError: It is no key; its text is not repeated.
    """
    text = secret.strip()
    hide(text)
    if not _SECRET.fullmatch(text):
        raise ConfigError(f"{where}: expected a private key, 64 hexadecimal digits")
    try:
        Signer(text)
    except MmError:
        raise ConfigError(f"{where}: expected a private key, and this is not one") from None
    return text


def passphrase(name: str, *, again: bool = False) -> str:
    """The passphrase of a kept key, from the environment or from a terminal.

    Args:
        name: Of the key.
        again: Whether it is a new one, so that a typing error would lose the key.

    Raises:
        ConfigError: Nobody can be asked, or the two differ.
    """
    if (given := os.environ.get(PASSPHRASE)) is not None:
        return given
    if not sys.stdin.isatty():
        raise ConfigError(
            f"key {name}: its passphrase was not given: set {PASSPHRASE}, or run on a terminal"
        )
    typed = getpass.getpass(f"passphrase of key {name}: ")
    if again and getpass.getpass("once more: ") != typed:
        raise ConfigError(f"key {name}: the two passphrases differ; nothing was kept")
    return typed


def _of_environment(variable: str, environment: Mapping[str, str]) -> str:
    secret = environment.get(variable)
    if not secret:
        raise ConfigError(
            f"{variable} is not set: expected the private key of an agent wallet, 64 hexadecimal"
            " digits; or choose [account] key_source = keystore (mm keys --help)"
        )
    return checked(secret, variable)


def _of_keyring(network: str, name: str) -> str:
    secret = keyring().get_password(SERVICE.format(network=network), name)
    if secret is None:
        raise ConfigError(
            f"the system's keyring has no key {name} for {network}: mm keys new {name}"
        )
    return checked(secret, f"key {name} of the system's keyring")


class _Keyring:
    """The package `keyring`, with its errors as ours."""

    def __init__(self) -> None:
        try:
            import keyring as package  # noqa: PLC0415 - an extra, loaded when it is used
        except ImportError:
            raise ConfigError(
                "the system's keyring needs a package: pip install 'hyper-mm[keyring]'"
            ) from None
        self._package = package

    def get_password(self, service: str, name: str) -> str | None:
        try:
            found: str | None = self._package.get_password(service, name)
        except self._package.errors.KeyringError as error:
            raise ConfigError(f"the system's keyring: {type(error).__name__}") from None
        return found

    def set_password(self, service: str, name: str, secret: str) -> None:
        try:
            self._package.set_password(service, name, secret)
        except self._package.errors.KeyringError as error:
            raise ConfigError(f"the system's keyring: {type(error).__name__}") from None

    def delete_password(self, service: str, name: str) -> None:
        try:
            self._package.delete_password(service, name)
        except self._package.errors.PasswordDeleteError:
            raise ConfigError(f"the system's keyring has no key {name}") from None
        except self._package.errors.KeyringError as error:
            raise ConfigError(f"the system's keyring: {type(error).__name__}") from None


def keyring() -> _Keyring:
    """The system's keyring.

    Raises:
        ConfigError: The package is not installed.
    """
    return _Keyring()


def typed(prompt: str) -> str:
    """A secret, without an echo from a terminal, or the first line of a pipe."""
    return getpass.getpass(prompt) if sys.stdin.isatty() else sys.stdin.readline().strip()

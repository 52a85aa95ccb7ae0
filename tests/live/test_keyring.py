"""Keys in the system's own store: an in-memory one of the real package stands in for it."""

import io
import sys
from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, PasswordDeleteError

from info_venue import MAKER, MAKER_KEY, MASTER, MASTER_KEY, InfoVenue, answering
from mm import cli
from mm.config import AccountConfig
from mm.errors import ConfigError
from mm.keys.sources import secret_for, signer_for

KEPT = AccountConfig(key_source="keyring")


class Memory(KeyringBackend):
    """A store that forgets with the test."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the package's own
        self.held: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._open()
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        if self.held.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")

    def _open(self) -> None:
        if self.locked:
            raise KeyringError("locked")


@pytest.fixture
def store() -> Iterator[Memory]:
    before, own = keyring.get_keyring(), Memory()
    keyring.set_keyring(own)
    yield own
    keyring.set_keyring(before)


def keep(monkeypatch: pytest.MonkeyPatch, secret: str, name: str = "maker") -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(secret + "\n"))
    cli.run(["keys", "import", name, "--network", "testnet", "--source", "keyring"])


def test_a_key_in_the_keyring_signs_on_its_network_alone(
    store: Memory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(monkeypatch, MAKER_KEY)
    said = capsys.readouterr()
    assert MAKER in said.out
    assert MAKER_KEY not in said.out + said.err
    assert store.held == {("mm testnet", "maker"): MAKER_KEY}
    assert signer_for("maker", KEPT, "testnet").address == MAKER
    with pytest.raises(ConfigError, match="no key maker for mainnet: mm keys new maker"):
        signer_for("maker", KEPT, "mainnet")
    with pytest.raises(ConfigError, match="no key watchdog for testnet"):
        secret_for("watchdog", KEPT, "testnet")


def test_it_is_the_key_that_a_command_signs_and_is_judged_with(
    store: Memory,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with answering() as venue:
        options = ["--network", "testnet", "--account", MASTER, "--base-url", venue.url]
        keep(monkeypatch, MAKER_KEY)
        cli.run(["keys", "check", "maker", "--source", "keyring", *options])
        assert "agent 'maker'" in capsys.readouterr().out
        _refuses_the_masters(monkeypatch, venue, options)


def _refuses_the_masters(
    monkeypatch: pytest.MonkeyPatch, venue: InfoVenue, options: list[str]
) -> None:
    keep(monkeypatch, MASTER_KEY, "mine")
    with pytest.raises(ConfigError, match="own key, which can withdraw"):
        cli.run(["keys", "check", "mine", "--source", "keyring", *options])
    assert venue.actions == []


def test_a_forgotten_key_is_gone_and_a_locked_store_is_named(
    store: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(monkeypatch, MAKER_KEY)
    forget = ["keys", "forget", "maker", "--network", "testnet", "--source", "keyring", "--yes"]
    cli.run(forget)
    assert store.held == {}
    with pytest.raises(ConfigError, match="the system's keyring has no key maker"):
        cli.run(forget)
    store.locked = True
    for attempt in (lambda: signer_for("maker", KEPT, "testnet"), lambda: cli.run(forget)):
        with pytest.raises(ConfigError, match="the system's keyring"):
            attempt()
    with pytest.raises(ConfigError, match="the system's keyring: KeyringError"):
        keep(monkeypatch, MAKER_KEY)


def test_what_is_kept_there_and_is_no_key_is_not_repeated(store: Memory) -> None:
    store.held["mm testnet", "maker"] = "not a key at all"
    with pytest.raises(ConfigError, match="expected a private key") as caught:
        signer_for("maker", KEPT, "testnet")
    assert "not a key at all" not in str(caught.value)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError, match=r"pip install 'hyper-mm\[keyring\]'"):
        signer_for("maker", KEPT, "testnet")

"""`mm reconcile`."""

from typing import Annotated

import typer

from mm.commands.options import Account, File, Network

AsJson = Annotated[bool, typer.Option("--json", help="One object on stdout.")]


def reconcile(
    network: Network = None,
    account: Account = None,
    config: File = None,
    as_json: AsJson = False,
) -> int:
    """Let the maker that runs ask the exchange for account, orders and fills, and compare them now.

    It does so by itself on its beats; this does not wait for the next one. Exit 0: they agree.
    Exit 1: they do not, the exchange did not answer, or no maker runs.
    """
    import json

    from mm.accounts import choose
    from mm.control_socket import ask_running
    from mm.exits import Exit
    from mm.state import account_dir
    from mm.status import comparison

    found = ask_running(account_dir(*choose(config, network, account)), {"ask": "reconcile"})
    print(json.dumps(found) if as_json else "\n".join(comparison(found)))
    return Exit.DONE if found["agrees"] else Exit.DIFFERENCE

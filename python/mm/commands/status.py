"""`mm status`."""

from typing import Annotated

import typer

from mm.commands.options import Account, File, Network

AsJson = Annotated[bool, typer.Option("--json", help="One object on stdout.")]


def status(
    network: Network = None,
    account: Account = None,
    config: File = None,
    as_json: AsJson = False,
) -> int:
    """Show how the maker of an account stands, or how it stood when it was last alive.

    Exit 0: a maker runs and answers. Exit 1: none does. Exit 4: a kill waits for `mm unlock`.
    """
    import json

    from mm.accounts import choose
    from mm.exits import Exit
    from mm.status import find, lines

    found = find(*choose(config, network, account))
    print(json.dumps(found) if as_json else "\n".join(lines(found)))
    if found["kill"] is not None:
        return Exit.RISK
    return Exit.DONE if found["answers"] else Exit.DIFFERENCE

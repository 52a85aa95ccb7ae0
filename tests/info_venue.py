"""A venue of answers: whatever `/info` is asked is scripted, whatever `/exchange` gets is kept."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mm._core import Signer

Json = Any  # whatever JSON holds
Answer = Json | Callable[[Json], Json]

DAY_MS = 86_400_000
MASTER_KEY, MAKER_KEY, WATCHDOG_KEY, OTHER_KEY = ("a1" * 32, "b2" * 32, "c3" * 32, "d4" * 32)
MASTER, MAKER, WATCHDOG, OTHER = (
    Signer(key).address for key in (MASTER_KEY, MAKER_KEY, WATCHDOG_KEY, OTHER_KEY)
)
SUB, VAULT = "0x" + "5b" * 20, "0x" + "7a" * 20
OK = {"status": "ok", "response": {"type": "cancel", "data": {"statuses": ["success"]}}}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class InfoVenue:
    """A master with two agents, a sub-account and a vault, in good order until a test says other.

    Attributes:
        url: Where it answers.
        roles: Who is who, by address.
        agents: Of the master: name, address and end of each approval, ms from `begun_ms`.
        begun_ms: When the venue began: an approval ends at one time, however late it is asked for.
        answers: By the type of the query.
        asked: Every query.
        actions: Every signed envelope.
    """

    url: str = ""
    roles: dict[str, Json] = field(default_factory=dict)
    agents: dict[str, tuple[str, int]] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Json] = field(default_factory=list)
    actions: list[Json] = field(default_factory=list)
    begun_ms: int = field(default_factory=now_ms)

    def __post_init__(self) -> None:
        agent = {"role": "agent", "data": {"user": MASTER}}
        self.roles |= {MASTER: {"role": "user"}, OTHER: {"role": "user"}}
        self.roles |= {MAKER: agent, WATCHDOG: agent}
        self.roles |= {SUB: {"role": "subAccount", "data": {"master": MASTER}}}
        self.roles |= {VAULT: {"role": "vault"}}
        self.agents |= {
            "maker": (MAKER, 30 * DAY_MS),
            "watchdog": (WATCHDOG, 30 * DAY_MS),
        }
        self.answers |= {
            "exchangeStatus": lambda _: {"time": now_ms()},
            "userRole": lambda asked: self.roles.get(asked["user"], {"role": "missing"}),
            "extraAgents": lambda asked: self._agents_of(asked["user"]),
            "vaultDetails": {"leader": MASTER},
            "userAbstraction": "default",
            "meta": {
                "universe": [{"name": "BTC", "szDecimals": 5, "maxLeverage": 40}],
                "marginTables": [],
            },
            "activeAssetData": {"leverage": {"type": "cross", "value": 20}},
            "userFees": {"userAddRate": "0.00015", "userCrossRate": "0.00045"},
            "clearinghouseState": {
                "marginSummary": {"accountValue": "10000.0"},
                "assetPositions": [],
            },
            "userRateLimit": {"nRequestsUsed": 10, "nRequestsCap": 10_000, "cumVlm": "0.0"},
            "frontendOpenOrders": [],
        }

    def _agents_of(self, user: str) -> Json:
        if user != MASTER:
            return []
        return [
            {"name": name, "address": address, "validUntil": self.begun_ms + left_ms}
            for name, (address, left_ms) in self.agents.items()
        ]

    def answer(self, path: str, asked: Json) -> tuple[int, Json]:
        """Status and body."""
        if path == "/exchange":
            self.actions.append(asked)
            return 200, OK
        self.asked.append(asked)
        if asked["type"] not in self.answers:
            return 422, f"Failed to deserialize the JSON body: {asked['type']}"
        said = self.answers[asked["type"]]
        return 200, said(asked) if callable(said) else said


@contextmanager
def answering() -> Iterator[InfoVenue]:
    """Answer for the length of a `with` block, in a thread of its own."""
    venue = InfoVenue()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, said = venue.answer(self.path, json.loads(body))
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    venue.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield venue
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

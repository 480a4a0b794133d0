"""What a generated log knows: the keys that there are, what was logged so far, and where it stands."""

import base64
import datetime as dt
import random
from dataclasses import dataclass, field

from coffer.ledger.state import State
from coffer.notes.keys import VerifyKey
from differential.signing import Signer

ORIGIN = "test.example/vault"
START = dt.datetime(2016, 9, 5, 12, 0, 0, tzinfo=dt.UTC)
FIRST, LAST = dt.datetime(3, 1, 1, tzinfo=dt.UTC), dt.datetime(9997, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
CUSTODIANS = tuple(f"c{n}" for n in range(12))


@dataclass
class Ring:
    """Keys for every sequence: making them costs more than an entry. ``vkeys`` and ``signers`` by key name; a newer key of a name under ``name#2``."""

    signers: dict[str, Signer]
    sealing: list[str]
    origin: str = ORIGIN

    def __post_init__(self) -> None:
        self.by_key = {(signer.name, signer.public): name for name, signer in self.signers.items()}

    @classmethod
    def make(cls, rng: random.Random, kind: type[Signer]) -> "Ring":
        names = [f"{name}/{role}" for name in CUSTODIANS for role in ("auth", "resp")]
        names += ["ingester", "ingester2", "desk", "desk2", "a/b._-9", "stranger", "w1", "w2", "w3"]
        seeds = {name: rng.randbytes(32) for name in names}
        signers = {name: kind(name, seed) for name, seed in seeds.items()}
        # one key in two roles, of one roster and of the next
        signers |= {
            f"ingester={name}": kind("ingester", seed) for name, seed in seeds.items() if name.endswith("/auth")
        }
        signers |= {f"desk={name}": kind("desk", seed) for name, seed in seeds.items() if name.endswith("/resp")}
        signers |= {f"{name}=ingester": kind(name, seeds["ingester"]) for name in names if name.endswith("/auth")}
        signers |= {f"{name}#2": kind(name, rng.randbytes(32)) for name in names}
        return cls(signers=signers, sealing=[base64.b64encode(rng.randbytes(1_216)).decode() for _ in range(16)])


@dataclass
class Known:
    """A log under way; ``state`` is the custodians' reading of it, by which the generator finds what may come next."""

    rng: random.Random
    keys: Ring
    state: State | None = None
    scratch: dict[str, object] = field(default_factory=dict)
    pools: dict[str, list[str]] = field(
        default_factory=lambda: {"segment": [], "authorization": [], "nonce": [], "named": []}
    )
    custodians: list[str] = field(default_factory=list)
    custodians_known: list[str] = field(default_factory=list)
    requesters: list[str] = field(default_factory=list)
    ingesters: list[str] = field(default_factory=list)
    intents: dict[int, str] = field(default_factory=dict)
    open_intents: dict[int, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    lines_of: dict[str, list[str]] = field(default_factory=dict)
    reveals: list[tuple[str, list[str]]] = field(default_factory=list)
    history: list[bytes] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    roster_hash: str = "0" * 64
    roster_hashes: list[str] = field(default_factory=lambda: ["0" * 64])

    @property
    def newest(self) -> dt.datetime:
        """The newest time, away from the ends of the calendar so that something can be added to it."""
        at = START if self.state is None or self.state.in_force is None else self.state.newest
        return min(max(at, FIRST), LAST)

    @property
    def size(self) -> int:
        return 0 if self.state is None else self.state.size

    @property
    def ring(self) -> dict[str, Signer]:
        return self.keys.signers

    @property
    def sealing(self) -> list[str]:
        return self.keys.sealing

    def vkey(self, name: str, *, kind: int = 1) -> str:
        """Of a key of the ring; now and then of the newer one of that name."""
        is_other = self.rng.random() < 0.02
        return self.ring[f"{name}#2" if is_other and f"{name}#2" in self.ring else name].vkey(kind)

    def signer_of(self, key: VerifyKey) -> str:
        """The name in the ring of a key in force."""
        return self.keys.by_key.get((key.name, key.public), "stranger")

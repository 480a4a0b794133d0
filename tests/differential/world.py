"""One generated log: whose keys there are, what was logged so far, and what may come next; and the entries, signed, mutated, as bytes."""

import base64
import datetime as dt
import hashlib
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from coffer.ledger.entries import (
    BatchId,
    CloseEntry,
    DestroyEntry,
    EpochKeyEntry,
    IngestEntry,
    IntentEntry,
    RefuseEntry,
    RevokeEntry,
)
from coffer.ledger.faults import receipts_evidence, receipts_of
from coffer.ledger.roster import Roster
from coffer.ledger.rules import Rule
from coffer.ledger.state import State
from coffer.notes.keys import VerifyKey
from differential.grammar import COUNTS, TYPES, Type, format_time, good_time, odd_name, odd_time
from differential.signing import Signer

ORIGIN = "test.example/vault"
START = dt.datetime(2016, 9, 5, 12, 0, 0, tzinfo=dt.UTC)
FIRST, LAST = dt.datetime(3, 1, 1, tzinfo=dt.UTC), dt.datetime(9997, 12, 31, 23, 59, 59, tzinfo=dt.UTC)
CUSTODIANS = tuple(f"c{n}" for n in range(12))
NUMBERINGS = ("9.0.43", "9.0.43", "9.0.44", "10.1")
NEAR = (
    "retention",
    "waiting",
    "cap",
    "numbering",
    "order",
    "join",
    "leave",
    "rule",
    "drop",
    "add",
    "respell",
    "nothing",
)
OLD_FILE = "file: 00112233445566778899aabbccddeeff 1 1 0 0"
"""What version 1 of an ingest had."""
BY_WEIGHT = [kind for kind in TYPES for _ in range(kind.weight)]
ROSTER = next(kind for kind in TYPES if kind.name.startswith("roster/"))


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
class World:
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

    # --- what may come next ----------------------------------------------------------------------------------------------------------------------

    def entry(self) -> bytes:
        """The next entry: of the grammar, odd in one value, mutated, or one that was there before."""
        rng, self.scratch = self.rng, {}
        chance = rng.random()
        if chance < 0.04 and self.history:
            return rng.choice(self.history)
        if chance < 0.05:
            return rng.randbytes(rng.randrange(200))
        kind = ROSTER if self.state is None else rng.choice(BY_WEIGHT)
        if self.state is not None and self.state.absences and rng.random() < 0.08:
            kind = ROSTER  # before anybody objects
        lines = self.lines_of_entry(kind, is_odd=rng.random() < (0.25 if self.state is not None else 0.03))
        if rng.random() < 0.12 and self.state is not None:
            lines = mutated(rng, lines)
        text = ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")
        raw = self.signed(kind, text)
        return tampered(rng, raw) if rng.random() < 0.05 and self.state is not None else raw

    def lines_of_entry(self, kind: Type, *, is_odd: bool) -> list[str]:
        """The text's lines; if odd, one value is beside the grammar or at its edge."""
        rng = self.rng
        at = rng.randrange(-2, len(kind.lines)) if is_odd else None
        origin = rng.choice([self.keys.origin + "x", odd_name(128)(self)]) if at == -2 else self.keys.origin
        time = odd_time(self) if at == -1 else good_time(self)
        if self.state is not None and kind.name.startswith(("roster/", "absence/")) and rng.random() < 0.4:
            time = self.time_of_waiting(kind)
        lines = [f"coffer.{kind.name}", f"origin: {origin}", f"time: {time}"]
        for number, line in enumerate(kind.lines):
            value = line.good(self)
            values = [value] if isinstance(value, str) else list(value)
            if number == at:
                odd = line.odd(self)
                if values and rng.random() < 0.8:
                    values[rng.randrange(len(values))] = odd
                else:
                    values.insert(rng.randrange(len(values) + 1), odd)
            lines += values if "|" in line.key else [f"{line.key}: {value}" for value in values]
        return lines

    def signed(self, kind: Type, text: bytes) -> bytes:
        """With the signatures it needs, or with others."""
        rng, ring = self.rng, self.ring
        names = list(self.scratch["signers"]) if "signers" in self.scratch else [kind.signer(self)]
        chance = rng.random()
        if chance < 0.06 and self.state is not None:
            names = rng.sample(list(ring), rng.randrange(0, 4))
        elif chance < 0.10:
            names += rng.sample(list(ring), rng.randrange(1, 4))
        elif chance < 0.11:
            names += list(ring)[: rng.choice([14, 15, 16, 17])]
        elif chance < 0.12 and self.state is not None and len(names) > 1:
            names.pop(rng.randrange(len(names)))
        lines: dict[str, str] = {}
        for name in names:
            if name in ring:
                lines.setdefault(name, ring[name].line(text))
        return text + b"\n" + "".join(lines.values()).encode()

    def learn(self, raw: bytes, body: object, index: int) -> None:
        """Take note of an entry that counts."""
        assert self.state is not None
        self.history.append(raw)
        match body:
            case None:
                roster = self.state.roster
                self.roster_hash = roster.hash.hex()
                self.roster_hashes.append(self.roster_hash)
                self.custodians = list(roster.names)
                self.custodians_known += [name for name in roster.names if name not in self.custodians_known]
                self.requesters, self.ingesters = list(roster.requesters), [key.name for key in roster.ingesters]
                self.plan_authorization()
            case IngestEntry():
                self.pools["named"] += [line.seg_id.hex() for line in body.segments]
                for seg_id in self.state.batches[body.batch].segments if body.batch in self.state.batches else ():
                    self.pools["segment"].append(seg_id.hex())
                    self.headers[seg_id.hex()] = self.state.segments[seg_id].line.header_hash.hex()
            case IntentEntry():
                self.intents[index] = self.open_intents[index] = body.requester
                self.pools["nonce"].append(body.nonce.hex())
                self.pools["authorization"].append(body.authorization.hex())
            case CloseEntry():
                self.open_intents.pop(body.intent, None)
            case RefuseEntry() | RevokeEntry():
                self.pools["authorization"].append(body.authorization.hex())
            case EpochKeyEntry() | DestroyEntry():
                self.days.append(str(body.day))
            case _:
                pass

    # --- ingest ------------------------------------------------------------------------------------------------------------------------------------

    def plan_ingest(self) -> str:
        rng, state = self.rng, self.state
        pending = list(state.pending.items()) if state else []
        if pending and rng.random() < 0.6:
            batch, of = rng.choice(pending)
            part = len(of.parts) + 1 if rng.random() < 0.93 else rng.randint(1, of.first.total)
            tally = of.first.tally.hex() if of.first.tally else "-"
            self.scratch |= {"entry": f"{part}/{of.first.total}", "feed": of.first.feed, "tally": tally}
            self.scratch["counts"] = counts = [str(getattr(of.first.counts, key)) for key in COUNTS]
            if rng.random() < 0.04:
                counts[rng.randrange(5)] = str(1_024 * rng.randrange(3))
            return batch.hex()
        total = rng.choice([1, 1, 1, 1, 2, 2, 3, 4, 99_999])
        self.scratch["entry"] = f"{1 if rng.random() < 0.97 else total}/{total}"
        self.scratch["feed"] = rng.choice(["calls", "calls", "9", "a-b-c-d-e-f-g-h-", "mail"])
        self.scratch["tally"] = rng.choice(["-", rng.randbytes(32).hex()])
        self.scratch["counts"] = [str(1_024 * rng.choice([0, 0, 1, 3, 2**20, 2**52])) for _ in COUNTS]
        old = list(state.batches) if state else []
        return rng.choice(old).hex() if old and rng.random() < 0.03 else rng.randbytes(16).hex()

    def odd_entry(self) -> str:
        return self.rng.choice(
            [
                "1/100000",
                "1/99999",
                "0/1",
                "2/1",
                "1/0",
                "01/1",
                "1/01",
                "1",
                "/",
                "1/",
                "/1",
                "1/1/1",
                "1 /1",
                "1/ 1",
                "-1/1",
                "1/9223372036854775808",
                "99999/99999",
                "100000/100000",
                "1/4611686018427387904",
                "1/99998",
                "1\\1",
                "\u0661/1",
                "1/1_0",
                "+1/1",
            ]
        )

    def plan_withdraw(self) -> str:
        """A complete batch, mostly; one that was withdrawn, one that is pending, one that nobody knows."""
        state = self.state
        kind = self.rng.choice(["complete"] * 6 + ["withdrawn", "pending", "unknown"])
        pool: list[BatchId] = []
        if state is not None:
            complete = [name for name in state.batches if name not in state.withdrawn]
            pool = {"complete": complete, "withdrawn": list(state.withdrawn), "pending": list(state.pending)}.get(
                kind, []
            )
        self.scratch["withdraw"] = kind if pool else "unknown"
        return self.rng.choice(pool).hex() if pool else self.rng.randbytes(16).hex()

    def segments(self) -> list[str]:
        rng, state, found = self.rng, self.state, []
        for _ in range(rng.choice([0, 1, 1, 2, 3])):
            old = rng.choice(self.pools["segment"]) if self.pools["segment"] else ""
            named = self.pools["named"]  # also by batches that are pending
            name = rng.choice(named) if named and rng.random() < 0.04 else rng.randbytes(32).hex()
            rule = (
                rng.choice(list(state.in_force.rules))
                if state and state.in_force and rng.random() < 0.95
                else rng.choice(["base", "FR", "ZZ"])
            )
            day, kind, supersedes = rng.choice(self.days), rng.choice(["call", "text", "email"]), "-"
            if old and rng.random() < 0.2 and state:
                line = state.segments[bytes.fromhex(old)].line
                supersedes = old
                if rng.random() < 0.9:
                    day, kind, rule = str(line.day), line.kind, line.rule
                    self.scratch["feed"] = state.segments[bytes.fromhex(old)].feed
            rows = (
                1_024 * rng.choice([1, 1, 2, 5, 2**18])
                if rng.random() < 0.97
                else rng.choice([1_023, 1_025, 1, 2**28 - 1])
            )
            part = rng.choice([0, 0, 1, 2**32 - 1])
            found.append(f"{name} {rng.randbytes(32).hex()} {day} {kind} {rule} {part} {rows} {supersedes}")
        return found

    def odd_segment(self) -> str:
        rng = self.rng
        words = [rng.randbytes(32).hex(), rng.randbytes(32).hex(), "2016-09-01", "call", "base", "0", "1024", "-"]
        at = rng.randrange(-3, 8)
        odd = {
            0: ["0" * 63, "A" * 64, "-"],
            1: ["0" * 63, "A" * 64, "-"],
            2: ["2016-02-30", "0001-01-01", "9999-12-31", "0000-01-01", "2016-9-1"],
            3: ["sms", "Call", "calls", "e-mail", "1"],
            4: ["Base", "fr", "FRA", "F", "ZZ", "bas", "basee"],
            5: ["4294967295", "4294967296", "-1", "01", "9223372036854775807", "9223372036854775808"],
            6: ["0", "1023", "1025", "268435456", "268436480", "268435457", "9223372036854774784", "01024", "+1024"],
            7: ["", "--", "0" * 64, "0" * 63, "-" * 64],
        }
        if at >= 0:
            words[at] = rng.choice(odd[at])
        elif at == -1:
            words.append("x")
        elif at == -2:
            words.pop()
        else:
            words.insert(rng.randrange(8), "")
        return " ".join(words)

    # --- reveal ------------------------------------------------------------------------------------------------------------------------------------

    def plan_authorization(self) -> None:
        """A commitment to some lines under the roster in force, for reveals that count."""
        count = self.rng.choice([4, 5, 6, 9, 20])
        hashes, lines = [], []
        for index in (i for i in range(count + 1) if i != 4):
            key, line = (
                self.rng.randbytes(32),
                self.rng.choice(["subject: tel:+336", "a", "max-records: 3", "x  y", "hub: no"]),
            )
            shown = hashlib.sha256(b"coffer/v1/line\n" + key + line.encode()).digest()
            hashes.append(shown)
            lines.append(
                f"line: {index} {key.hex()} {line}" if self.rng.random() < 0.5 else f"hidden: {index} {shown.hex()}"
            )
        roster = bytes.fromhex(self.rng.choice(self.roster_hashes[1:]))
        commitment = hashlib.sha256(b"coffer/v1/auth\n" + roster + b"".join(hashes)).hexdigest()
        self.reveals.append((commitment, lines))
        self.pools["authorization"].append(commitment)

    def plan_reveal(self) -> str:
        chance = self.rng.random()
        commitment, lines = self.rng.choice(self.reveals)
        lines = list(lines)
        if chance < 0.15:  # fewer lines than any authorization has, with the commitment that they give
            count = self.rng.randrange(1, 5)
            hashes = [self.rng.randbytes(32) for _ in range(count)]
            lines = [f"hidden: {i} {raw.hex()}" for i, raw in enumerate(hashes)]
            raw = b"coffer/v1/auth\n" + bytes.fromhex(self.roster_hash) + b"".join(hashes)
            commitment = hashlib.sha256(raw).hexdigest()
        elif chance < 0.3:
            lines = mutated(self.rng, lines)
        self.scratch["lines"] = lines
        return commitment

    def odd_revealed(self) -> str:
        raw = self.rng.randbytes(32).hex()
        return self.rng.choice(
            [
                f"line: 4 {raw} x",
                f"hidden: 4 {raw}",
                f"hidden: 999 {raw}",
                f"hidden: 1000 {raw}",
                f"hidden: 01 {raw}",
                f"hidden: 0 {raw} x",
                f"line: 0 {raw}",
                f"line: 0 {raw}  x",
                f"line:  0 {raw} x",
                f"hidden: 0 {raw[1:]}",
                f"line: 0 {raw} ",
                f"salt: 4 {raw}",
                f"hidden: -1 {raw}",
            ]
        )

    # --- rosters -----------------------------------------------------------------------------------------------------------------------------------

    def plan_roster(self) -> list[str]:
        """A new roster: of one that changes a little, or of all new ones; who must sign it goes to the scratch."""
        rng, state = self.rng, self.state
        if state is not None and state.in_force is not None and rng.random() < 0.55:
            return self.plan_near(state, state.in_force)
        if state is None or state.in_force is None:
            members = rng.sample(CUSTODIANS, rng.choice([3, 3, 3, 4, 5, 5, 7, 9, 2, 1]))
        else:
            members = list(self.custodians)
            for _ in range(rng.choice([0, 1, 1, 2])):
                if rng.random() < 0.5 and len(members) > 1:
                    members.pop(rng.randrange(len(members)))
                else:
                    members.append(rng.choice([name for name in CUSTODIANS if name not in members] or ["c0"]))
            rng.shuffle(members)
        self.scratch["rules"] = self.rules(members)
        self.plan_parties()
        self.plan_limits()
        if state is not None and rng.random() < 0.06:
            return self.with_moved_key(members)
        old = self.custodians if rng.random() < 0.9 else rng.sample(self.custodians, len(self.custodians) // 2)
        self.scratch["signers"] = [f"{name}/auth" for name in dict.fromkeys([*members, *old])] or ["desk"]
        return [self.custodian_line(name) for name in members]

    def plan_parties(self) -> None:
        """Ingesters, requesters, and witnesses with a key of either type or of both."""
        rng = self.rng
        self.scratch["ingesters"] = [
            self.vkey(name) for name in rng.choice([["ingester"], ["ingester", "ingester2"], ["ingester2"]])
        ]
        desks = rng.choice([["desk"], ["desk", "desk2"], ["desk", "a/b._-9"]])
        self.scratch["requesters"] = [f"{name} {self.vkey(name)}" for name in desks]
        names = rng.sample(["w1", "w2", "w3"], rng.choice([0, 0, 1, 2, 3]))
        if rng.random() < 0.03:
            names.append(rng.choice(["desk", "ingester", "c0/auth", "w1"]))
        keys = [(name, kind) for name in names for kind in rng.choice([(4,), (6,), (4, 6), (6, 4)])]
        if rng.random() < 0.1:
            rng.shuffle(keys)
        self.scratch["witnesses"] = [self.vkey(name, kind=kind) for name, kind in keys]
        self.scratch["quorum"] = str(rng.choice([0, len(set(names)), rng.randint(0, len(set(names)))]))

    def odd_quorum(self) -> str:
        """More than there are names, though not more than there are keys."""
        lines = self.scratch["witnesses"]
        most = len({line.partition("+")[0] for line in lines})
        return self.rng.choice([str(most), str(most + 1), str(len(lines)), str(len(lines) + 1), "-1", "00", ""])

    def plan_limits(self) -> None:
        """Numbers and numbering, each of any value."""
        rng = self.rng
        self.scratch |= {
            "retention": rng.choice(["1", "2", "365", "36499", "36500"]),
            "waiting": rng.choice(["1", "1", "2", "7", "30", "3649", "3650"]),
            "cap": rng.choice(["1", "2", "256", "65534", "65535"]),
            "numbering": rng.choice(NUMBERINGS),
        }

    def plan_near(self, state: State, old: Roster) -> list[str]:
        """The roster in force with one thing or two changed, signed by all but a few: consents and absences decide."""
        rng, scratch = self.rng, self.scratch
        self.plan_parties()
        members, rules = list(old.names), {name: rule.expression for name, rule in old.rules.items()}
        limits = {"retention": old.retention_days, "waiting": old.waiting_days, "cap": old.cell_cap}
        scratch["numbering"] = old.numbering
        newcomers: list[str] = []
        for what in rng.sample(NEAR, rng.choice([1, 1, 1, 2, 3])):
            if what in limits:
                most = {"retention": 36_500, "waiting": 3_650, "cap": 65_535}[what]
                limits[what] = min(max(limits[what] + rng.choice([-1, 1]), 1), most)
            elif what == "numbering":
                scratch["numbering"] = rng.choice(NUMBERINGS)
            elif what == "order":
                rng.shuffle(members)
            elif what == "join" and len(members) < 9:
                newcomers = rng.sample([name for name in CUSTODIANS if name not in members], 1)
                members = [*newcomers, *members] if rng.random() < 0.3 else [*members, *newcomers]
            elif what == "leave" and len(members) > 3:
                gone = rng.choice(list(state.absences) if state.absences and rng.random() < 0.8 else members)
                members = [name for name in members if name != gone]
            elif what == "rule":
                changed = rng.choice(list(rules))
                rules[changed] = self.rule_over(members)
            elif what == "drop" and len(rules) > 1:
                rules.pop(rng.choice(list(rules)[1:]))
            elif what == "add":
                rules.setdefault(rng.choice(["AT", "CH", "ZM"]), self.rule_over(members))
            elif what == "respell":
                name = rng.choice(list(rules))
                rules[name] = self.respelt(old.rules[name] if name in old.rules else old.rules["base"])
        named = set(members)
        rules = {
            name: text if set(re.findall("[a-z][a-z0-9-]*", text)) - {"of", "and"} <= named else self.rule_over(members)
            for name, text in rules.items()
        }
        scratch["rules"] = [f"{name} {rules[name]}" for name in ["base", *sorted(set(rules) - {"base"})]]
        scratch |= {name: str(value) for name, value in limits.items()}
        scratch["signers"] = self.most_of(state, old) + [f"{name}/auth" for name in newcomers]
        return [self.old_line(old, name) if old.custodian(name) else self.custodian_line(name) for name in members]

    def old_line(self, old: Roster, name: str) -> str:
        custodian = next(c for c in old.custodians if c.name == name)
        req = base64.b64encode(custodian.req).decode()
        return f"{name} {custodian.auth.format()} {custodian.resp.format()} {req}"

    def most_of(self, state: State, old: Roster) -> list[str]:
        """The keys in force, but those of whoever is said to be gone, or of one or two others, often of whom a rule must have."""
        rng = self.rng
        needed = [
            name
            for rule in old.rules.values()
            for name in rule.indispensable
            if name not in old.rules["base"].indispensable
        ]
        left_out = {name for name in state.absences if rng.random() < 0.85}
        for _ in range(rng.choice([0, 0, 0, 1, 2] if left_out else [0, 1, 1, 1, 2])):
            left_out.add(rng.choice(needed if needed and rng.random() < 0.8 else list(old.names)))
        return [self.signer_of(c.auth) for c in old.custodians if c.name not in left_out] or ["stranger"]

    def signer_of(self, key: VerifyKey) -> str:
        """The name in the ring of a key in force."""
        return self.keys.by_key.get((key.name, key.public), "stranger")

    def rule_over(self, members: list[str]) -> str:
        return self.rules(members)[0].removeprefix("base ")

    def respelt(self, rule: Rule) -> str:
        """The same clauses with the names in another order: to the letter it is another rule."""
        members, needed = list(rule.members), list(rule.indispensable)
        self.rng.shuffle(members)
        self.rng.shuffle(needed)
        return f"{rule.threshold} of {','.join(members)}" + (f" and {','.join(needed)}" if needed else "")

    # --- absences ----------------------------------------------------------------------------------------------------------------------------------

    def time_of_waiting(self, kind: Type) -> str:
        """At the edge of seven days; of a roster also at the end of the time to object."""
        rng, state = self.rng, self.state
        assert state is not None
        if kind is ROSTER and state.absences and rng.random() < 0.85:
            absence = rng.choice(list(state.absences.values()))
            since = min(absence.since, LAST - dt.timedelta(days=4_000))
            end = since + dt.timedelta(days=absence.waiting_days, seconds=rng.choice([-1, 0, 0, 1, 3_600]))
            return format_time(max(end, self.newest - dt.timedelta(days=6)))
        if state.in_force is not None and rng.random() < 0.15:
            return format_time(state.in_force.time + dt.timedelta(seconds=rng.choice([0, 1])))
        return format_time(self.newest - dt.timedelta(days=7, seconds=rng.choice([-1, 0, 1])))

    def plan_absence(self) -> str:
        """Of a custodian in force, signed by all the others, or by all but one."""
        rng, state = self.rng, self.state
        if state is None or state.in_force is None:
            return "c0"
        roster = state.in_force
        name = rng.choice(roster.names if rng.random() < 0.95 else self.custodians_known)
        others = [self.signer_of(c.auth) for c in roster.custodians if c.name != name]
        if rng.random() < 0.1:
            others.append(f"{name}/auth")
        elif others and rng.random() < 0.1:
            others.pop(rng.randrange(len(others)))
        self.scratch["signers"] = others or ["stranger"]
        return name

    def plan_objection(self) -> str:
        """Against an absence that stands, one that stood, or what is none."""
        rng, state = self.rng, self.state
        if state is None or state.in_force is None or not state.absences:
            return str(rng.choice(state.absence_indexes or [0, 1]) if state is not None else 0)
        absence = rng.choice(list(state.absences.values()))
        named = state.in_force.custodian(absence.custodian if rng.random() < 0.85 else rng.choice(self.custodians))
        key = named and (named.auth if rng.random() < 0.9 else named.resp)
        self.scratch["signers"] = [self.signer_of(key) if key else "stranger"]
        return str(absence.index if rng.random() < 0.85 else rng.choice([*state.absence_indexes, absence.index + 1]))

    # --- lines of a roster -------------------------------------------------------------------------------------------------------------------------

    def with_moved_key(self, members: list[str]) -> list[str]:
        """A key of the roster in force in another role: its holder signs in the one or the other."""
        rng, moved = self.rng, self.rng.choice(members)
        signers = [f"{name}/auth" for name in dict.fromkeys([*members, *self.custodians])]
        if moved in self.custodians and len(members) > 1:
            members = [name for name in members if name != moved]
            self.scratch["rules"] = self.rules(members)
            self.scratch["ingesters"] = [self.ring[f"ingester={moved}/auth"].vkey(1)]
            if rng.random() < 0.3:
                self.scratch["requesters"] = [f"desk {self.ring[f'desk={moved}/resp'].vkey(1)}"]
            other = f"ingester={moved}/auth"
        else:
            other = "ingester"
        lines = [self.custodian_line(name) for name in members]
        if other == "ingester":
            words = lines[members.index(moved)].split(" ")
            lines[members.index(moved)] = " ".join([words[0], self.ring[f"{moved}/auth=ingester"].vkey(1), *words[2:]])
            self.scratch["ingesters"] = [self.vkey("ingester2")]
        own = f"{moved}/auth" if other != "ingester" else f"{moved}/auth=ingester"
        signers = [name for name in signers if name != f"{moved}/auth"]
        self.scratch["signers"] = [*signers, *rng.choice([[own], [other], [own, other]])]
        return lines

    def rules(self, members: list[str]) -> list[str]:
        rng, found = self.rng, []
        for name in ["base", *sorted(rng.sample(["DE", "FR", "IN", "ZA"], rng.choice([0, 0, 1, 2])))]:
            quota = rng.randint(2, max(2, (len(members) + 1) // 2))
            chosen = rng.sample(members, rng.randint(min(2 * quota - 1, len(members)), len(members)))
            needed = rng.sample(members, rng.choice([0, 0, 1, min(2, len(members))]))
            found.append(f"{name} {quota} of {','.join(chosen)}" + (f" and {','.join(needed)}" if needed else ""))
        return found

    def vkey(self, name: str, *, kind: int = 1) -> str:
        is_other = self.rng.random() < 0.02
        return self.ring[f"{name}#2" if is_other and f"{name}#2" in self.ring else name].vkey(kind)

    def custodian_line(self, name: str) -> str:
        sealing = self.sealing[CUSTODIANS.index(name)] if self.rng.random() < 0.99 else self.rng.choice(self.sealing)
        return f"{name} {self.vkey(f'{name}/auth')} {self.vkey(f'{name}/resp')} {sealing}"

    def odd_custodian(self) -> str:
        rng, name = self.rng, self.rng.choice(CUSTODIANS)
        words = self.custodian_line(name).split(" ")
        at = rng.randrange(6)
        if at == 0:
            words[0] = odd_name(16)(self)
        elif at == 1:
            words[1], words[2] = words[2], words[1]
        elif at in (2, 3):
            words[at - 1] = self.odd_vkey()
        elif at == 4:
            words[3] = rng.choice(
                [words[3][:-1], words[3] + "=", words[3][:-4], base64.b64encode(rng.randbytes(1_215)).decode()]
            )
        else:
            words.append("x")
        return " ".join(words)

    def odd_rule(self) -> str:
        rng, members = self.rng, self.custodians or ["c0", "c1", "c2"]
        some = ",".join(members)
        return rng.choice(
            [
                f"base 1 of {some}",
                f"base 9 of {some}",
                f"base 10 of {some}",
                f"base 02 of {some}",
                f"base 2 of {some},{members[0]}",
                f"base 2 of {some},",
                f"base 2 of ,{some}",
                f"base 2 of {some} and {members[0]},{members[0]}",
                f"base 2 of {some} and nobody",
                f"base 2 of {some} and ",
                "base",
                f"base 2  of {some}",
                f"fr 2 of {some}",
                f"FRA 2 of {some}",
                f"AA 2 of {some}",
                f"ZZ 2 of {some}",
                f"base 2 of {some} and {members[0]}",
                f"base {len(members) // 2 + 1} of {some}",
                f"base {(len(members) + 1) // 2} of {some}",
                f"base 0 of {some}",
                f"base 2 Of {some}",
            ]
        )

    def odd_vkey(self) -> str:
        """Of another role, of another type, with another id, or spelt otherwise."""
        rng = self.rng
        name = rng.choice(list(self.ring))
        good = self.ring[name].vkey(rng.choice([1, 1, 4, 2, 6]))
        head, key_id, rest = good.split("+", 2)
        return rng.choice(
            [
                good,
                f"{head}+{key_id}+{rest[:-1]}",
                f"{head}+{key_id.upper()}+{rest}",
                f"{head}+00000000+{rest}",
                f"{head}x+{key_id}+{rest}",
                f"{head}+{rest}",
                f"{head}+{key_id}+{rest} ",
                f"{head}+{key_id}+{rest}=",
                f"+{key_id}+{rest}",
            ]
        )

    def receipts_evidence(self, segment: str) -> str:
        """What a requester's fault against a custodian must name."""
        assert self.state is not None
        raw = bytes.fromhex(segment)
        return receipts_evidence(raw, receipts_of(self.state, raw)).hex()  # type: ignore[arg-type]


def mutated(rng: random.Random, lines: list[str]) -> list[str]:
    """One line dropped, doubled, moved, added, or one character changed."""
    lines, at = list(lines), rng.randrange(len(lines))
    match rng.randrange(9):
        case 0:
            lines.pop(at)
        case 1:
            lines.insert(rng.randrange(len(lines) + 1), lines[at])
        case 2:
            lines.insert(rng.randrange(len(lines)), lines.pop(at))
        case 3:
            lines.insert(
                at,
                rng.choice(
                    ["", "x: y", "x", " ", "time: 2016-09-05T12:00:00Z", "line: 0 x", ": ", "custodian: c0", OLD_FILE]
                ),
            )
        case 4 | 5:
            line = lines[at]
            place = rng.randrange(len(line) + 1)
            lines[at] = (
                line[:place]
                + rng.choice(["a", "0", " ", "/", "\t", "\x7f", "\u00e9", "\r", "Z", ":", ""])
                + line[place + rng.randrange(2) :]
            )
        case 6:
            lines[at] = rng.choice(
                [lines[at] + " ", lines[at].replace(": ", ":", 1), lines[at].replace(": ", ":  ", 1), lines[at].upper()]
            )
        case 7:
            lines[0] = rng.choice(
                [
                    "coffer.x/v1",
                    lines[0].replace("/v", "/v9"),
                    lines[0] + " ",
                    "coffer." + lines[0],
                    "coffer.fault/v1",
                    lines[0][:-1] + rng.choice("0123"),
                ]
            )
        case _:
            lines = lines[: rng.randrange(1, len(lines) + 1)]
    return lines or ["x"]


def tampered(rng: random.Random, raw: bytes) -> bytes:
    """The note's frame or signatures changed."""
    text, _, tail = raw.partition(b"\n\n")
    rows = tail.decode("utf-8", "surrogateescape").split("\n")[:-1] or [""]
    at = rng.randrange(len(rows))
    match rng.randrange(10):
        case 0:
            rows.append(rows[at])
        case 1:
            rows[at] = rows[at].replace("\u2014", "-", 1)
        case 2:
            rows[at] = rows[at] + " "
        case 3:
            place = rng.randrange(len(rows[at]) + 1)
            rows[at] = rows[at][:place] + rng.choice("aA0+/= ") + rows[at][place + 1 :]
        case 4:
            words = rows[at].split(" ")
            rows[at] = " ".join([*words[:-1], base64.b64encode(rng.randbytes(rng.choice([68, 67, 69, 76]))).decode()])
        case 5:
            words = rows[at].split(" ")
            if len(words) == 3:
                value = bytearray(base64.b64decode(words[2] + "==", validate=False) or b"\0")
                value[rng.randrange(len(value))] ^= 1 << rng.randrange(8)
                rows[at] = f"{words[0]} {words[1]} {base64.b64encode(value).decode()}"
        case 6:
            return text + b"\n" + tail
        case 7:
            return raw[: rng.randrange(len(raw) + 1)]
        case 8:
            return raw + rng.choice([b"\n", b"x", b" ", b"\n\n", "\u2014 ".encode()])
        case _:
            rng.shuffle(rows)
            rows.insert(0, rng.choice(rows).replace("/", "_"))
    return text + b"\n\n" + ("\n".join(rows) + "\n").encode("utf-8", "surrogateescape")


def sequence(
    rng: random.Random, keys: Ring, length: int, new_state: Callable[[bytes], State]
) -> Iterator[tuple[World, bytes]]:
    """The entries of one log. Whoever iterates applies each to ``world.state`` and tells the world with ``learn``; entry 0 makes the state."""
    world = World(rng=rng, keys=keys)
    world.days = [str(dt.date(2016, 9, 1) + dt.timedelta(days=n)) for n in range(3)]
    genesis = world.entry() if rng.random() < 0.9 else rng.randbytes(40)
    world.state = new_state(genesis)
    yield world, genesis
    if world.state.in_force is None:
        length = min(length, 6)
        world.custodians = world.custodians_known = ["c0", "c1", "c2"]
        world.requesters, world.ingesters, world.reveals = ["desk"], ["ingester"], [("0" * 64, ["hidden: 0 x"])]
    for _ in range(length):
        yield world, world.entry()

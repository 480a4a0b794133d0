"""One generated log: what may come next; and the entries, signed, mutated, as bytes."""

import base64
import datetime as dt
import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from coffer.ledger.entries import (
    BatchId,
    CloseEntry,
    DestroyEntry,
    EpochKeyEntry,
    IngestEntry,
    IntentEntry,
    RefuseEntry,
    RevokeEntry,
    TopicId,
    TopicOffsets,
)
from coffer.ledger.faults import receipts_evidence
from coffer.ledger.state import State
from differential.grammar import COUNTS, TYPES, Type, good_time, odd_name, odd_time
from differential.known import Ring
from differential.rosters import Rosters

OLD_FILE = "file: 00112233445566778899aabbccddeeff 1 1 0 0"
"""What version 1 of an ingest had."""
BY_WEIGHT = [kind for kind in TYPES for _ in range(kind.weight)]
ROSTER = next(kind for kind in TYPES if kind.name.startswith("roster/"))


@dataclass
class World(Rosters):
    """A log under way; ``state`` is the custodians' reading of it, by which the generator finds what may come next."""

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

    def plan_ingest(self, *, is_from_topic: bool = False) -> str:
        rng, state = self.rng, self.state
        pending = [
            one
            for one in (state.pending.items() if state else ())
            if (one[1].first.offsets is not None) == is_from_topic or rng.random() < 0.02
        ]
        if is_from_topic:
            self.plan_offsets(None)
        if pending and rng.random() < 0.6:
            batch, of = rng.choice(pending)
            if is_from_topic and rng.random() < 0.96:
                self.plan_offsets(of.first.offsets)
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

    def plan_offsets(self, given: TopicOffsets | None) -> None:
        """What a batch takes of a topic: what its first entry says, or what comes next, mostly."""
        rng = self.rng
        spelt = lambda mark: mark.hex() if mark else "-"  # noqa: E731 - one word
        if given is not None:
            self.scratch["topic"] = given.topic.hex()
            self.scratch["offsets"] = [
                f"{o.partition} {spelt(o.after)} {o.start.hex()} {o.end.hex()}" for o in given.partitions
            ]
            return
        topic = TopicId(bytes(15) + bytes([rng.randrange(3)]))
        self.scratch["topic"], self.scratch["offsets"] = topic.hex(), []
        for partition in sorted(rng.sample([0, 1, 2, 2**31 - 1], rng.choice([1, 1, 1, 2, 4]))):
            end = spelt(self.state.offsets.get((topic, partition)) if self.state else None)
            after = end if rng.random() < 0.95 else rng.choice(["-", rng.randbytes(16).hex()])
            start = after if after != "-" and rng.random() < 0.8 else rng.randbytes(16).hex()
            self.scratch["offsets"].append(f"{partition} {after} {start} {rng.randbytes(16).hex()}")

    def odd_offsets(self) -> str:
        rng = self.rng
        one, two, three = (rng.randbytes(16).hex() for _ in range(3))
        words = [str(rng.randrange(4)), one, two, three]
        at = rng.randrange(-3, 4)
        odd = {
            0: ["2147483647", "2147483648", "-1", "01", ""],
            1: ["-", "--", three, two, one.upper(), one[2:], ""],
            2: ["-", three, one, two + "00", two.upper()],
            3: ["-", one, two, three[1:], "0" * 32],
        }
        if at >= 0:
            words[at] = rng.choice(odd[at])
        elif at == -1:
            words.append(one)
        elif at == -2:
            words.pop()
        else:
            words.insert(rng.randrange(4), "")
        return " ".join(words)

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

    def receipts_evidence(self, segment: str) -> str:
        """What a requester's fault against a custodian must name."""
        assert self.state is not None
        raw = bytes.fromhex(segment)
        return receipts_evidence(raw, self.state.receipts.of(raw)).hex()  # type: ignore[arg-type]


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

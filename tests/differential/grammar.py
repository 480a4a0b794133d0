"""The grammar of log entries as a table, and values at, beside and beyond every limit of it. Source: ``docs/formats/entries.md``.

To add a type of entry, add a line to ``TYPES``: its lines, each with what makes a value that counts and what makes odd ones, and who signs it.
To change a version, change the name in the table.
"""

import datetime as dt
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coffer.ledger.codes import CODES, HIDDEN, LEVELS, ORDER_KEYS, shown
from coffer.ledger.entries import Commitment

if TYPE_CHECKING:
    from differential.world import World

Make = Callable[["World"], "str | Sequence[str]"]
CALENDAR_END = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """One key of an entry: ``good`` gives its value, or several for a line that repeats; ``odd`` one beside the grammar or at its edge."""

    key: str
    good: Make
    odd: Callable[["World"], str]


@dataclass(frozen=True, slots=True)
class Type:
    """``name`` with its version; ``signer`` gives the name of a key in the world's ring. ``weight``: how often it comes."""

    name: str
    lines: tuple[Line, ...]
    signer: Callable[["World"], str]
    weight: int


def pick(rng: random.Random, values: Sequence[str]) -> str:
    """One of them, or an empty text."""
    return rng.choice(values) if values else ""


# --- values ---------------------------------------------------------------------------------------------------------------------------------------


def odd_number(low: int, high: int) -> Callable[["World"], str]:
    """At and beyond both limits, and in every spelling that is not the one."""
    edges = [low - 1, low, low + 1, high - 1, high, high + 1, 2**62 - 1, 2**62, 2**62 + 1, 2**63 - 1, 2**63, 2**64]
    edges += [0, 1, 9, 10, 99_999, 100_000, 2**28, 2**28 + 1, 2**32 - 1, 2**32, 10**18, 10**19 - 1, 10**19]
    numbers = [str(edge) for edge in edges]
    spelt = [
        "+1",
        "-0",
        "-1",
        "01",
        "00",
        "1_0",
        "1.0",
        "1e3",
        "0x1",
        "1,000",
        "\u0661",
        "1 1",
        "",
        " 1",
        "1 ",
        "\uff11",
    ]
    return lambda w: w.rng.choice(spelt) if w.rng.random() < 0.4 else w.rng.choice(numbers)


def odd_hex(size: int) -> Callable[["World"], str]:
    """Too long, too short, in capitals, not hex."""

    def make(w: "World") -> str:
        raw = w.rng.randbytes(size).hex()
        return w.rng.choice(
            [
                raw[:-1],
                raw[:-2],
                raw + "0",
                raw + "00",
                raw.upper(),
                raw[:-1] + "g",
                "-",
                "0x" + raw[2:],
                raw[:-1] + " ",
                "0" * 2 * size,
                "f" * 2 * size,
                raw[:3] + " " + raw[4:],
                raw[:size] + "\n" + raw[size:],
                raw,
            ]
        )

    return make


def odd_name(most: int) -> Callable[["World"], str]:
    """Names at the limit of length, of other alphabets, and with what no name begins with."""
    names = [
        "a",
        "A",
        "9",
        "-a",
        "a-",
        "_a",
        ".a",
        "/a",
        "a/b",
        "a.b",
        "a_b",
        "a b",
        "a+b",
        "a" * most,
        "a" * (most + 1),
    ]
    names += ["Z" * most, "a" * 15 + "-", "a" * 128, "a" * 129, "\u00e9", "a\u00e9", "base", "-", "a\t", "A9._/-"]
    return lambda w: w.rng.choice(names)


def odd_base64(size: int) -> Callable[["World"], str]:
    """Other sizes, and the second spellings of the right one."""

    def make(w: "World") -> str:
        from base64 import b64encode, urlsafe_b64encode

        raw = w.rng.randbytes(size)
        text = b64encode(raw).decode()
        bare = text.rstrip("=")
        again = bare[:-1] + chr(ord(bare[-1]) + 1) + "=" * (len(text) - len(bare))
        return w.rng.choice(
            [
                text,
                bare,
                text + "=",
                again,
                text[:4] + "\n" + text[4:],
                text[:4] + " " + text[4:],
                "=" + text,
                text[:-4],
                b64encode(w.rng.randbytes(size - 1)).decode(),
                b64encode(raw + b"x").decode(),
                "",
                urlsafe_b64encode(raw).decode(),
                text + "AAAA",
                text[:-4] + "====",
            ]
        )

    return make


def odd_day(w: "World") -> str:
    """The ends of the calendar, days that are none, other spellings, and the limits of an epoch key's day."""
    today = w.newest.date()
    near = [-36_501, -36_500, -36_499, 3_699, 3_700, 3_701]
    days = [str(dt.date.fromordinal(min(max(today.toordinal() + n, 1), 3_652_059))) for n in near]
    days += [
        "0001-01-01",
        "9999-12-31",
        "0000-01-01",
        "2016-02-29",
        "2015-02-29",
        "1900-02-29",
        "2000-02-29",
        "2016-13-01",
    ]
    days += [
        "2016-00-10",
        "2016-01-00",
        "2016-01-32",
        "2016-1-01",
        "20160101",
        "2016-W01-1",
        "2016-01-01 ",
        "16-01-01",
        "-001-01-01",
    ]
    days += ["+2016-01-01", "2016-001", "\u0662016-01-01", "2016/01/01", "1970-01-01", "1969-12-31"]
    return w.rng.choice(days)


def good_time(w: "World") -> str:
    """Mostly a little later than the newest entry; sometimes at the edge of what is too old."""
    chance = w.rng.random()
    early = min(w.newest, CALENDAR_END - dt.timedelta(days=400))  # what is added must stay within the calendar
    if chance < 0.9:
        at = (w.newest if w.newest < CALENDAR_END - dt.timedelta(days=1) else early) + dt.timedelta(
            seconds=w.rng.randrange(600)
        )
    elif chance < 0.97:
        at = w.newest - dt.timedelta(seconds=w.rng.choice([899, 900, 901, 1]))
    else:
        at = early + dt.timedelta(days=w.rng.choice([1, 6, 7, 8, 400]))
    return format_time(min(max(at, dt.datetime(1, 1, 1, tzinfo=dt.UTC)), CALENDAR_END))


def format_time(at: dt.datetime) -> str:
    """As entries write it."""
    return at.replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def odd_time(w: "World") -> str:
    """Leap seconds, midnight as 24, zones, parts of seconds, years at both ends, and a week back."""
    week = w.newest - dt.timedelta(days=7) if w.newest.year > 1 else w.newest
    times = [
        "0001-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "1970-01-01T00:00:00Z",
        "1969-12-31T23:44:59Z",
    ]
    times += [
        "2016-12-31T23:59:60Z",
        "2016-12-31T23:59:61Z",
        "2016-12-31T24:00:00Z",
        "2016-12-31T23:60:00Z",
        "2016-12-31T23:59:59",
    ]
    times += [
        "2016-12-31T23:59:59+00:00",
        "2016-12-31T23:59:59.0Z",
        "2016-12-31t23:59:59z",
        "2016-12-31 23:59:59Z",
        "20161231T235959Z",
    ]
    times += [
        "2016-02-30T00:00:00Z",
        "2016-12-31T5:59:59Z",
        "999-12-31T23:59:59Z",
        "2016-12-31T23:59Z",
        "2016-12-31T23:59:5\u0669Z",
    ]
    times += [format_time(week), format_time(week - dt.timedelta(seconds=1)) if week.year > 1 else "x"]
    if w.rng.random() < 0.02:
        times = ["9999-12-31T23:59:59Z", "9999-12-31T23:44:59Z"]
    return w.rng.choice(times)


def any_of(*texts: str) -> Callable[["World"], str]:
    """One of these."""
    return lambda w: w.rng.choice(texts)


def fresh(size: int) -> Make:
    """Hex that was not there before."""
    return lambda w: w.rng.randbytes(size).hex()


def known(pool: str, size: int, often: float = 0.8) -> Make:
    """Something this log knows, mostly."""
    return lambda w: (
        w.rng.choice(w.pools[pool]) if w.pools[pool] and w.rng.random() < often else w.rng.randbytes(size).hex()
    )


def number(low: int, high: int) -> Make:
    """Within the limits, often at them."""

    def make(w: "World") -> str:
        chance = w.rng.random()
        if chance < 0.3:
            return str(w.rng.choice([low, high, min(low + 1, high), max(high - 1, low)]))
        return str(w.rng.randint(low, min(high, low + 40)))

    return make


def odd_coarse(w: "World") -> str:
    """Multiples of 1,024 and numbers beside them, at both limits."""
    edges = [0, 1, 512, 1_023, 1_024, 1_025, 1_536, 2_048, 10**6, 2**62 - 1_024, 2**62, 2**62 + 1_024, 2**63, -1_024]
    return str(w.rng.choice(edges)) if w.rng.random() < 0.7 else COUNT(w)


def odd_version(w: "World") -> str:
    """Of a numbering: one to five numbers, of up to five digits, and other spellings."""
    spelt = ["9", "9.0", "0.0", "00.00", "9.0.43.1", "9.0.43.1.1", "9999.9999.9999.9999", "10000.0", "9.10000", "09.0"]
    spelt += ["9.", ".9", "9..0", "9.0 ", "v9.0", "9,0", "9.-1", "9.\u0663", "9.0a", "-", "9.0.43-1", "9.0\t"]
    return w.rng.choice(spelt)


def odd_code(w: "World") -> str:
    """Words that no code has, and codes of other lines."""
    return w.rng.choice(
        ["-", "--", "none", "full", "w4", "h8", "d30", "Court", "email,call", "call,call", "", "fax", " -"]
    )


# --- the table ------------------------------------------------------------------------------------------------------------------------------------


def _custodian(w: "World") -> str:
    w.scratch["custodian"] = name = w.rng.choice(w.custodians_known if w.rng.random() < 0.2 else w.custodians)
    return name


def _by(role: str) -> Callable[["World"], str]:
    return lambda w: f"{w.scratch.get('custodian', 'nobody')}/{role}"


def _shown(w: "World", key: str, value: str) -> str:
    """As the roster in force shows it, or rarely as another would."""
    roster = w.state.in_force if w.state is not None and w.rng.random() < 0.97 else None
    return shown(w.rng.choice(LEVELS) if roster is None else roster.statistics, key, value)


def _code(key: str, *values: str) -> Line:
    return Line(key, lambda w: _shown(w, key, w.rng.choice(values or CODES[key])), odd_code)


def _authorization(w: "World") -> str:
    w.scratch["authorization"] = authorization = known("authorization", 32, 0.6)(w)
    return authorization


def _order_code(key: str) -> Line:
    """A code of an intent: mostly that which an earlier one of its authorization showed, and an emergency's beside rules."""

    def make(w: "World") -> str:
        told = w.state and w.state.told.get(Commitment(bytes.fromhex(w.scratch["authorization"])))
        value = told.values()[key] if told else HIDDEN
        if value == HIDDEN or w.rng.random() < 0.05:
            is_urgent = key == "urgency" and w.scratch["rules"] and w.rng.random() < 0.9
            value = "emergency" if is_urgent else w.rng.choice(CODES[key])
        return _shown(w, key, value)

    return Line(key, make, odd_code)


def _rules_of_some(w: "World") -> list[str]:
    """None, or the rules of an emergency."""
    w.scratch["rules"] = rules = [_rules(w)] if w.rng.random() < 0.4 else []
    return rules


def _records(w: "World") -> str:
    w.scratch["records"] = records = str(w.rng.choice([0, 0, 1, 40]))
    return records


def _unconfirmed(w: "World") -> str:
    w.scratch["unconfirmed"] = cells = w.rng.choice(["0", "1", str(1 << 62)])
    return cells


def _outcome(w: "World") -> str:
    fitting = "none" if w.scratch["records"] == "0" else "full" if w.scratch["unconfirmed"] == "0" else "part"
    return _shown(w, "outcome", fitting if w.rng.random() < 0.9 else w.rng.choice(CODES["outcome"]))


def _requester(w: "World") -> str:
    w.scratch["requester"] = name = w.rng.choice(w.requesters)
    return name


def _intent(w: "World") -> str:
    """The index of an intent that is open, of one that was, or of something else."""
    chance = w.rng.random()
    pool = w.open_intents if chance < 0.85 else w.intents if chance < 0.95 else range(w.size + 2)
    index = w.rng.choice(list(pool)) if pool else w.rng.randrange(w.size + 2)
    w.scratch["requester"] = w.intents.get(index, w.requesters[0])
    return str(index)


def _key_day(w: "World") -> str:
    if w.rng.random() < 0.3:
        return w.rng.choice(w.days)
    day = w.rng.choice(w.days)
    w.scratch["day"] = day
    return day


def _accuser(w: "World") -> str:
    """A custodian or a requester; what it says is about a segment or an open intent."""
    is_desk = w.rng.random() < 0.5
    w.scratch["accuser"] = name = w.rng.choice(w.requesters if is_desk else w.custodians_known)
    w.scratch["signer"] = name if is_desk else f"{name}/resp"
    return name


def _accused(w: "World") -> str:
    if w.open_intents and w.rng.random() < 0.4:
        index = w.rng.choice(list(w.open_intents))
        w.scratch |= {"object": f"intent {index}", "evidence": w.rng.randbytes(32).hex()}
        return w.rng.choice(w.custodians_known)
    segment = w.rng.choice(w.pools["segment"]) if w.pools["segment"] else w.rng.randbytes(32).hex()
    w.scratch["object"] = f"segment {segment}"
    if w.rng.random() < 0.3:
        w.scratch["evidence"] = w.receipts_evidence(segment)
        return w.rng.choice(w.custodians_known)
    w.scratch["evidence"] = w.headers.get(segment, w.rng.randbytes(32).hex())
    return w.rng.choice(w.ingesters)


def _canaries(w: "World") -> list[str]:
    masks = sorted(w.rng.sample(range(1, 512), w.rng.randrange(1, 5)))
    return [f"{mask:04x} {w.rng.randbytes(16).hex()}" for mask in masks]


def _odd_canary(w: "World") -> str:
    value = w.rng.randbytes(16).hex()
    return w.rng.choice(
        [
            f"0000 {value}",
            f"ffff {value}",
            f"001 {value}",
            f"00001 {value}",
            f"000A {value}",
            "0001",
            f"0001  {value}",
            f"0001 {value[1:]}",
        ]
    )


def _odd_object(w: "World") -> str:
    raw = w.rng.randbytes(32).hex()
    index = odd_number(0, 2**62)(w)
    return w.rng.choice(
        [
            raw,
            f"segment {raw[1:]}",
            f"segment  {raw}",
            f"Segment {raw}",
            "segment",
            "intent",
            f"intent {index}",
            f"intent {w.size}",
            f"cell {raw}",
        ]
    )


def _hold(w: "World") -> str:
    """The index of one of the last holds, or of something else; what a good entry says of it."""
    holds = list(w.state.holds.values())[-2:] if w.state else []
    if not holds or w.rng.random() < 0.05:
        w.scratch |= {"note": w.rng.randbytes(32).hex(), "requester": w.requesters[0], "custodians": w.custodians}
        return str(w.rng.randrange(w.size + 2))
    hold = w.rng.choice(holds)
    term = w.rng.choice(hold.terms)
    own = [name for name in w.state.rosters[hold.entry.roster].names if name not in term.holders]
    w.scratch |= {"note": term.note.hex(), "requester": hold.entry.requester, "custodians": own or w.custodians_known}
    return str(hold.index)


def _keeper(w: "World") -> str:
    """A custodian that does not keep yet, mostly."""
    w.scratch["custodian"] = name = w.rng.choice(
        w.scratch["custodians"] if w.rng.random() < 0.9 else w.custodians_known
    )
    return name


def _debt(w: "World") -> str:
    """The index of an emergency that is not paid, mostly, or of something else."""
    debts = list(w.state.debts.values()) if w.state else []
    own = [debt for debt in debts if debt.paid is None] if w.rng.random() < 0.8 else debts
    if not own or w.rng.random() < 0.05:
        w.scratch |= {"custodians": w.custodians_known, "ratified": w.rng.randbytes(32).hex()}
        return str(w.rng.randrange(w.size + 2))
    debt = own[0] if w.rng.random() < 0.7 else w.rng.choice(own)
    names = [name for name in w.state.rosters[debt.roster].names if name not in debt.ratified]
    ratified = debt.authorization if w.rng.random() < 0.95 else w.rng.randbytes(32)
    w.scratch |= {"custodians": names or w.custodians_known, "ratified": ratified.hex()}
    return str(debt.index)


def _ratifier(w: "World") -> str:
    """A custodian that has not ratified yet, mostly."""
    return _keeper(w)


def _rules(w: "World") -> str:
    names = sorted(w.state.in_force.rules) if w.state and w.state.in_force else ["base"]
    return "base" if w.rng.random() < 0.7 else ",".join(sorted(w.rng.sample(names, w.rng.randint(1, len(names)))))


def _odd_rules(w: "World") -> str:
    return w.rng.choice(
        ["base,FR", "base,base", "FR,FR", "fr", "base,", ",base", "FR, base", "FRA", "-", "Base", "XX,base"]
    )


def _until(w: "World") -> str:
    """Within 90 days of the newest entry, often at that bound."""
    newest = w.state.newest if w.state else dt.datetime(2016, 9, 5, tzinfo=dt.UTC)
    day = dt.timedelta(days=1)
    until = w.rng.choice([day, 30 * day, 60 * day, 80 * day, 89 * day, 90 * day, 90 * day + day / 86_400, -day])
    return format_time(newest + until) if newest.year < 9999 else format_time(CALENDAR_END)


def _desk_or_custodian(w: "World") -> str:
    name = w.scratch.get("requester", "desk")
    return name if w.rng.random() < 0.5 else f"{w.rng.choice(w.custodians)}/{w.rng.choice(['auth', 'auth', 'resp'])}"


COUNTS = ("files", "read", "kept", "rejected", "duplicate")
HEX32 = odd_hex(32)
COUNT = odd_number(0, 2**62)
CUSTODIAN, PARTY = odd_name(16), odd_name(128)

TYPES: tuple[Type, ...] = (
    Type(
        "epoch-key/v1",
        (
            Line("roster", lambda w: w.roster_hash if w.rng.random() < 0.95 else w.rng.choice(w.roster_hashes), HEX32),
            Line("custodian", _custodian, CUSTODIAN),
            Line("day", _key_day, odd_day),
            Line("key", lambda w: w.rng.choice(w.sealing), odd_base64(1_216)),
        ),
        _by("auth"),
        14,
    ),
    Type(
        "ingest/v2",
        (
            Line("batch", lambda w: w.plan_ingest(), odd_hex(16)),
            Line("entry", lambda w: w.scratch["entry"], lambda w: w.odd_entry()),
            Line("feed", lambda w: w.scratch["feed"], odd_name(16)),
            *(Line(key, lambda w, at=at: w.scratch["counts"][at], odd_coarse) for at, key in enumerate(COUNTS)),
            Line("segment", lambda w: w.segments(), lambda w: w.odd_segment()),
            Line("tally", lambda w: w.scratch["tally"], HEX32),
        ),
        lambda w: w.rng.choice(w.ingesters),
        26,
    ),
    Type(
        "ingest/v3",
        (
            Line("batch", lambda w: w.plan_ingest(is_from_topic=True), odd_hex(16)),
            Line("entry", lambda w: w.scratch["entry"], lambda w: w.odd_entry()),
            Line("feed", lambda w: w.scratch["feed"], odd_name(16)),
            *(Line(key, lambda w, at=at: w.scratch["counts"][at], odd_coarse) for at, key in enumerate(COUNTS)),
            Line("topic", lambda w: w.scratch["topic"], odd_hex(16)),
            Line("offsets", lambda w: w.scratch["offsets"], lambda w: w.odd_offsets()),
            Line("segment", lambda w: w.segments(), lambda w: w.odd_segment()),
            Line("tally", lambda w: w.scratch["tally"], HEX32),
        ),
        lambda w: w.rng.choice(w.ingesters),
        12,
    ),
    Type(
        "withdraw/v1",
        (Line("batch", lambda w: w.plan_withdraw(), odd_hex(16)),),
        lambda w: w.rng.choice(w.ingesters),
        5,
    ),
    Type(
        "receipt/v1",
        (
            Line("custodian", _custodian, CUSTODIAN),
            Line("segment", known("segment", 32, 0.95), HEX32),
            Line("canary", _canaries, _odd_canary),
        ),
        _by("resp"),
        10,
    ),
    Type(
        "intent/v2",
        (
            Line("authorization", _authorization, HEX32),
            Line("requester", _requester, PARTY),
            Line("nonce", known("nonce", 16, 0.1), odd_hex(16)),
            Line("cells-at-most", lambda w: str(1 << w.rng.randrange(21)), odd_number(1, 1 << 20)),
            Line("rules", _rules_of_some, _odd_rules),
            *(_order_code(key) for key in ORDER_KEYS),
        ),
        lambda w: w.scratch["requester"],
        10,
    ),
    Type(
        "draw/v1",
        (
            Line("intent", _intent, COUNT),
            Line("table", fresh(32), HEX32),
            Line("records", number(1, 1 << 28), odd_number(1, 1 << 28)),
        ),
        lambda w: w.scratch.get("requester", "desk"),
        8,
    ),
    Type(
        "close/v2",
        (
            Line("intent", _intent, COUNT),
            Line("result", fresh(32), HEX32),
            Line("records", _records, COUNT),
            Line("answers", number(0, 9), odd_number(0, 9)),
            Line("unconfirmed-cells", _unconfirmed, COUNT),
            Line("outcome", _outcome, odd_code),
            _code("took"),
        ),
        lambda w: w.scratch.get("requester", "desk"),
        6,
    ),
    Type(
        "refuse/v2",
        (
            Line("authorization", known("authorization", 32), HEX32),
            Line("custodian", _custodian, CUSTODIAN),
            Line(
                "reason",
                any_of("scope", "time", "form", "merit", "held", "law", "unclear"),
                any_of("budget", "Scope", "scope ", "constant", "log", "scope,time", "-"),
            ),
            _code("class", "produce", "preserve"),
            _code("urgency"),
        ),
        _by("auth"),
        4,
    ),
    Type(
        "revoke/v1",
        (Line("authorization", known("authorization", 32), HEX32),),
        lambda w: f"{w.rng.choice(w.custodians)}/auth",
        3,
    ),
    Type("destroy/v1", (Line("custodian", _custodian, CUSTODIAN), Line("day", _key_day, odd_day)), _by("resp"), 7),
    Type(
        "fault/v2",
        (
            Line("accuser", _accuser, PARTY),
            Line("accused", _accused, PARTY),
            Line("object", lambda w: w.scratch.get("object", "intent 0"), _odd_object),
            Line("evidence", lambda w: w.scratch.get("evidence", "0" * 64), HEX32),
        ),
        lambda w: w.scratch.get("signer", "desk"),
        8,
    ),
    Type("absence/v1", (Line("custodian", lambda w: w.plan_absence(), CUSTODIAN),), lambda _: "stranger", 5),
    Type("objection/v1", (Line("absence", lambda w: w.plan_objection(), COUNT),), lambda _: "stranger", 3),
    Type(
        "hold/v1",
        (
            Line("note", lambda w: w.rng.randbytes(32).hex(), HEX32),
            Line("roster", lambda w: w.roster_hash if w.rng.random() < 0.95 else w.rng.choice(w.roster_hashes), HEX32),
            Line("rules", _rules, _odd_rules),
            Line("requester", _requester, PARTY),
            Line("until", _until, odd_time),
        ),
        lambda w: w.scratch["requester"],
        3,
    ),
    Type(
        "held/v1",
        (
            Line("hold", _hold, COUNT),
            Line("note", lambda w: w.scratch["note"], HEX32),
            Line("custodian", _keeper, CUSTODIAN),
            Line("cells-at-most", lambda w: str(1 << w.rng.randrange(21)), odd_number(1, 1 << 20)),
        ),
        _by("resp"),
        26,
    ),
    Type(
        "extend/v1",
        (
            Line("hold", _hold, COUNT),
            Line("note", lambda w: w.rng.randbytes(32).hex() if w.rng.random() < 0.9 else w.scratch["note"], HEX32),
            Line("until", _until, odd_time),
        ),
        lambda w: w.scratch.get("requester", "desk"),
        28,
    ),
    Type("release/v1", (Line("hold", _hold, COUNT),), _desk_or_custodian, 3),
    Type(
        "ratify/v1",
        (
            Line("intent", _debt, COUNT),
            Line("authorization", lambda w: w.scratch["ratified"], HEX32),
            Line("custodian", _ratifier, CUSTODIAN),
        ),
        _by("auth"),
        6,
    ),
    Type(
        "reveal/v1",
        (
            Line("authorization", lambda w: w.plan_reveal(), HEX32),
            Line("line|hidden", lambda w: w.scratch["lines"], lambda w: w.odd_revealed()),
        ),
        lambda w: w.rng.choice(list(w.ring)),
        4,
    ),
    Type(
        "roster/v3",
        (
            Line("custodian", lambda w: w.plan_roster(), lambda w: w.odd_custodian()),
            Line("rule", lambda w: w.scratch["rules"], lambda w: w.odd_rule()),
            Line("emergency", lambda w: w.scratch["emergency"], lambda w: w.odd_rule().removeprefix("base ")),
            Line("ratify-hours", lambda w: w.scratch["hours"], odd_number(1, 168)),
            Line("ingester", lambda w: w.scratch["ingesters"], lambda w: w.odd_vkey()),
            Line(
                "requester",
                lambda w: w.scratch["requesters"],
                lambda w: f"{w.rng.choice(['desk', 'x'])} {w.odd_vkey()}",
            ),
            Line("witness", lambda w: w.scratch["witnesses"], lambda w: w.odd_vkey()),
            Line("quorum", lambda w: w.scratch["quorum"], lambda w: w.odd_quorum()),
            Line("retention-days", lambda w: w.scratch["retention"], odd_number(1, 36_500)),
            Line("late-days", number(0, 36_500), odd_number(0, 36_500)),
            Line("waiting-days", lambda w: w.scratch["waiting"], odd_number(1, 3_650)),
            Line("cell-cap", lambda w: w.scratch["cap"], odd_number(1, 65_535)),
            Line(
                "tally",
                any_of("exact", "epsilon 1", "epsilon 0.5", "epsilon 10", "epsilon 10.000000", "epsilon 0.000001"),
                any_of(
                    *(
                        "epsilon 0",
                        "epsilon 0.0",
                        "epsilon 10.000001",
                        "epsilon 11",
                        "epsilon 1.",
                        "epsilon .5",
                        "epsilon 01",
                        "Exact",
                        "exact ",
                    ),
                    *(
                        "epsilon 1.0000001",
                        "epsilon  1",
                        "epsilon 1e1",
                        "epsilon 100",
                        "epsilon 999",
                        "epsilon 1000",
                        "epsilon nan",
                        "epsilon",
                    ),
                ),
            ),
            Line("numbering", lambda w: w.scratch["numbering"], odd_version),
            Line("statistics", lambda w: w.scratch["statistics"], any_of("all", "Full", "-", "coarse ", "none,full")),
        ),
        lambda _: "stranger",
        7,
    ),
)

import hashlib
from datetime import UTC, datetime, timedelta

import reference as ref
from known_answers.authorization.make import authorization_text
from known_answers.entries.make import (
    AUTHORIZATION,
    CODES,
    COUNTS,
    GENESIS,
    NONE,
    URGENT,
    hexes,
    mark,
    roster_text,
    signed,
    text_of,
)
from known_answers.folder import Word
from known_answers.parties import AUTH, DESK, NAMES, ORIGIN, RESP, key, later


def intent(nonce="n1", *, signers=("desk",), authorization=AUTHORIZATION, codes=CODES, **changes):
    lines = [f"authorization: {authorization}", "requester: desk", f"nonce: {hexes(nonce, 16)}", "cells-at-most: 4"]
    return signed("intent", [*lines, *codes], *signers, **changes)


def codes(*keys):
    """The codes of an intent, of which only some are shown."""
    return [line if line.partition(":")[0] in keys else f"{line.partition(':')[0]}: -" for line in CODES]


def coarse_intent(nonce="n1", **changes):
    """Under a roster of the default level."""
    return intent(nonce, codes=codes("class", "kinds"), **changes)


def draw(index, records=5):
    return signed("draw", [f"intent: {index}", f"table: {hexes('table')}", f"records: {records}"], "desk")


def close(index, records=5, outcome=None, took="d3", unconfirmed=0):
    lines = [f"intent: {index}", f"result: {hexes('result')}", f"records: {records}", "answers: 3"]
    lines += [f"unconfirmed-cells: {unconfirmed}", f"outcome: {outcome or ('full' if records else 'none')}"]
    return signed("close", [*lines, f"took: {took}"], "desk")


def ingest(batch="b1", entry="1/1", counts=NONE, segments=(), feed="calls", signers=("ingester",)):
    lines = [f"batch: {hexes(batch, 16)}", f"entry: {entry}", f"feed: {feed}", *counts]
    return signed("ingest", [*lines, *(f"segment: {s}" for s in segments), "tally: -"], *signers)


def marked(offsets):
    """Partition, after, start and end, with what stands for the offsets; 0: before the first batch."""
    partition, after, start, end = offsets.split()
    return " ".join([partition, mark(after) if after != "0" else "-", mark(start), mark(end)])


def from_topic(batch="b1", entry="1/1", offsets=("0 0 0 10",), topic="topic", segments=(), signers=("ingester",)):
    lines = [f"batch: {hexes(batch, 16)}", f"entry: {entry}", "feed: calls", *NONE, f"topic: {hexes(topic, 16)}"]
    lines += [*(f"offsets: {marked(one)}" for one in offsets), *(f"segment: {one}" for one in segments), "tally: -"]
    return signed("ingest", lines, *signers, version=3)


def withdraw(batch="b1", signer="ingester"):
    return signed("withdraw", [f"batch: {hexes(batch, 16)}"], signer)


def segment(name="s1", day="2016-09-01", kind="call", rule="base", rows=1024, old="-"):
    return f"{hexes(name)} {hexes(name + ' header')} {day} {kind} {rule} 0 {rows} {old}"


def epoch_key(name="judge", day="2016-09-01", signer=None, roster=GENESIS):
    lines = [
        f"roster: {ref.roster_hash(roster).hex()}",
        f"custodian: {name}",
        f"day: {day}",
        f"key: {ref.b64(bytes([7]) * 1216)}",
    ]
    return signed("epoch-key", lines, signer or f"{name}/auth")


def destroy(name="judge", day="2016-09-01", signer=None):
    return signed("destroy", [f"custodian: {name}", f"day: {day}"], signer or f"{name}/resp")


def receipt(name="judge", seg="s1", signer=None):
    return signed(
        "receipt",
        [f"custodian: {name}", f"segment: {hexes(seg)}", f"canary: 0003 {hexes('c', 16)}"],
        signer or f"{name}/resp",
    )


def fault(accuser="desk", accused="judge", signer="desk", about="intent 1", evidence=None):
    return signed(
        "fault",
        [f"accuser: {accuser}", f"accused: {accused}", f"object: {about}", f"evidence: {evidence or hexes('e')}"],
        signer,
    )


ABOUT, HEADER = f"segment {hexes('s1')}", hexes("s1 header")


def receipts_evidence(*names):
    """Of the receipts that ``receipt`` makes of segment s1."""
    said = [len(name).to_bytes(4, "big") + name.encode() + b"\0\3" + ref.stream(b"c", 16) for name in sorted(names)]
    return hashlib.sha256(b"coffer/v1/receipts\n" + ref.stream(b"s1", 32) + b"".join(said)).hexdigest()


def revoke(signer="judge/auth"):
    return signed("revoke", [f"authorization: {AUTHORIZATION}"], signer)


def refuse(name="judge", signer=None, codes=("class: produce", "urgency: urgent")):
    return signed(
        "refuse",
        [f"authorization: {AUTHORIZATION}", f"custodian: {name}", "reason: form", *codes],
        signer or f"{name}/auth",
    )


def roster_note(text, *signers):
    return ref.note(text, *(AUTH[name] for name in signers))


def reveal(text, roster, shown, shift=0):
    lines = text.decode().split("\n")[:-1]
    salt = bytes.fromhex(next(line for line in lines if line.startswith("salt: ")).removeprefix("salt: "))
    rows = []
    for i, line in enumerate(lines):
        if i == 4:
            continue
        at = i + shift if i > 4 else i
        rows.append(
            f"line: {at} {ref.line_hmac(salt, i).hex()} {line}"
            if i in shown
            else f"hidden: {at} {ref.line_hash(salt, i, line).hex()}"
        )
    return signed("reveal", [f"authorization: {ref.commitment(text, roster).hex()}", *rows], "anyone")


def absence(name="cnctr", signers=NAMES, **changes):
    return signed("absence", [f"custodian: {name}"], *(f"{who}/auth" for who in signers), **changes)


def objection(index=2, signer="cnctr", **changes):
    return signed("objection", [f"absence: {index}"], f"{signer}/auth", **changes)


def hold(note="h1", until=None, signers=("desk",), rules="base", requester="desk", roster=GENESIS, **changes):
    lines = [f"note: {hexes(note)}", f"roster: {ref.roster_hash(roster).hex()}", f"rules: {rules}"]
    return signed("hold", [*lines, f"requester: {requester}", f"until: {until or days_later(60)}"], *signers, **changes)


def held(name="judge", *, index=1, note="h1", cells=64, signer=None, **changes):
    lines = [f"hold: {index}", f"note: {hexes(note)}", f"custodian: {name}", f"cells-at-most: {cells}"]
    return signed("held", lines, signer or f"{name}/resp", **changes)


def extend(note="h2", *, index=1, until=None, signer="desk", **changes):
    lines = [f"hold: {index}", f"note: {hexes(note)}", f"until: {until or days_later(80)}"]
    return signed("extend", lines, signer, **changes)


def release(index=1, signer="desk", **changes):
    return signed("release", [f"hold: {index}"], signer, **changes)


def days_later(days, seconds=0):
    moment = datetime(2016, 9, 5, 12, tzinfo=UTC) + timedelta(days=days, seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


TOMORROW = days_later(1)

SOVEREIGN = ("base 2 of judge,dpo,regulator", "FR 2 of judge,dpo,regulator and cnctr")


def make_consent(out):
    """Who must sign a roster that touches a rule with an indispensable member, and how one that is gone is replaced."""
    first = roster_note(roster_text(names=(*NAMES, "cnctr"), rules=SOVEREIGN, statistics="coarse"), *NAMES, "cnctr")

    def changed(*signers, rules=SOVEREIGN, time=TOMORROW, names=(*NAMES, "cnctr"), statistics="coarse", **fields):
        text = roster_text(names=names, rules=rules, time=time, statistics=statistics, **fields)
        return roster_note(text, *signers)

    def add(name, verdicts, *entries):
        add_state(out, name, f"ok ok {verdicts}", first, *entries)

    loosened = {
        "dropped": {"rules": SOVEREIGN[:1]},
        "dropped-with-its-member": {"rules": SOVEREIGN[:1], "names": NAMES},
        "weakened": {"rules": (SOVEREIGN[0], "FR 2 of judge,dpo,regulator")},
        "reordered": {"rules": (SOVEREIGN[0], "FR 2 of dpo,judge,regulator and cnctr")},
        "numbering": {"numbering": "9.0.44"},
        "waiting-lowered": {"waiting_days": "89"},
        "cell-cap-raised": {"cell_cap": "201"},
        "retention-raised": {"retention_days": "366"},
        "emergency": {"emergency": "2 of judge,dpo,regulator"},
        "statistics-raised": {"statistics": "full"},
    }
    for name, fields in loosened.items():
        add(f"consent-{name}-by-base-alone", "R1", changed("judge", "dpo", **fields))
        add(f"consent-{name}-with-the-member", "ok", changed("judge", "dpo", "cnctr", **fields))
        add(f"consent-{name}-by-all-but-the-member", "R1", changed(*NAMES, **fields))
    for name, fields in {
        "waiting-raised": {"waiting_days": "91"},
        "cell-cap-lowered": {"cell_cap": "199"},
        "retention-lowered": {"retention_days": "364"},
        "late-days": {"late_days": "31"},
        "tally": {"tally": "epsilon 1"},
        "statistics-lowered": {"statistics": "none"},
        "base-rule": {"rules": ("base 2 of dpo,judge,regulator", SOVEREIGN[1])},
        "another-country": {"rules": (SOVEREIGN[0], "DE 2 of judge,dpo,regulator", SOVEREIGN[1])},
        "witness": {"witnesses": (ref.cosign_vkey(key("w.example/w1")),), "quorum": "1"},
    }.items():
        add(f"consent-{name}-needs-none", "ok", changed("judge", "dpo", **fields))

    day = days_later(90)
    gone = {"rules": SOVEREIGN[:1], "names": NAMES, "time": day}
    clock = coarse_intent(time=day)
    add("absence-waited-for", "ok ok ok", absence(), clock, changed(*NAMES, **gone))
    add("absence-waited-for-in-a-quiet-log", "ok ok", absence(), changed(*NAMES, **gone))
    early = gone | {"time": days_later(90, -1)}
    add("absence-and-a-roster-a-second-too-early", "ok ok R1", absence(), clock, changed(*NAMES, **early))
    add("absence-and-a-roster-that-one-did-not-sign", "ok ok R1", absence(), clock, changed("judge", "dpo", **gone))
    add("absence-objected-to", "ok ok ok R1", absence(), objection(), clock, changed(*NAMES, **gone))
    last = objection(time=day)
    add("absence-objected-to-on-the-last-day", "ok ok ok R1", absence(), clock, last, changed(*NAMES, **gone))
    twice = [absence(), objection(), absence(time=later(1))]
    add("absence-again-waits-anew", "ok ok ok ok R1", *twice, clock, changed(*NAMES, **gone))
    add("absence-said-twice", "ok A1", absence(), absence(time=later(1)))
    add("absence-signed-by-two-of-three-others", "A1", absence(signers=("judge", "dpo")))
    add("absence-signed-by-its-own-custodian-for-another", "A1", absence(signers=("judge", "dpo", "cnctr")))
    add("absence-of-nobody", "A1", absence("stranger", (*NAMES, "cnctr")))
    add("absence-seven-days-old", "ok ok", coarse_intent(time=days_later(7)), absence())
    add("absence-seven-days-and-a-second-old", "ok A1", coarse_intent(time=days_later(7, 1)), absence())
    old = [coarse_intent(time=days_later(7)), absence(), coarse_intent("n2", time=day)]
    add("absence-waits-from-when-it-was-logged", "ok ok ok R1", *old, changed(*NAMES, **gone))
    add("objection-of-another", "ok A2", absence(), objection(signer="judge"))
    add("objection-to-another-entry", "ok A2", absence(), objection(index=1))
    add("objection-twice", "ok ok A2", absence(), objection(), objection(time=later(1)))
    add("objection-to-nothing", "A2", objection())
    back = changed("judge", "dpo", "cnctr", waiting_days="1", time=later(1))
    short = [absence(), back, coarse_intent(time=days_later(30))]
    still = changed(*NAMES, rules=SOVEREIGN[:1], names=NAMES, time=days_later(30))
    add("absence-keeps-the-days-of-its-own-roster", "ok ok ok R1", *short, still)
    member = roster_text(names=NAMES, rules=SOVEREIGN[:1], time=later(1))
    left = [absence(), roster_note(member, "judge", "dpo", "cnctr")]
    add("absence-ends-with-leaving", "ok ok A2", *left, objection())


def add_state(out, name, verdicts, *entries, genesis=None, test="state"):
    verdicts = verdicts.split()
    kept = [Word("@entries/roster.txt"), *entries] if genesis is None else [*genesis, *entries]
    assert len(verdicts) == len(kept), name
    rows = [item if isinstance(item, Word) else Word(ref.b64(item)) for item in kept]
    out.add(
        f"state/{name}",
        "ok" if set(verdicts) == {"ok"} else "state",
        test,
        origin=Word(ORIGIN),
        genesis=ref.roster_hash(GENESIS),
        verdict=[Word(v) for v in verdicts],
        entry=rows,
    )


def make_verdicts(out):
    def add(name, verdicts, *entries, genesis=None):
        add_state(out, name, verdicts, *entries, genesis=genesis)

    ok_roster = roster_note(GENESIS, *NAMES)
    second = roster_text(
        names=(*NAMES, "cnctr"), rules=("base 2 of judge,dpo,regulator", "FR 2 of judge,dpo,regulator and cnctr")
    )
    add("genesis", "ok")
    add("genesis-not-pinned", "R1 R1", intent(), genesis=[roster_note(roster_text(cell_cap="201"), *NAMES)])
    add("genesis-one-signature-short", "R1 R1", intent(), genesis=[roster_note(GENESIS, "judge", "dpo")])
    add("genesis-second", "R1 R1", ok_roster, genesis=[intent()])
    add("genesis-again", "ok R1", ok_roster)
    add(
        "roster-signed-by-base-and-newcomer",
        "ok ok ok",
        roster_note(second, "judge", "dpo", "cnctr"),
        epoch_key(roster=second),
    )
    add("roster-signed-by-one", "ok R1", roster_note(second, "judge", "cnctr"))
    unwitnessed = roster_text(quorum="1", time="2016-09-05T12:00:01Z")
    add("roster-with-a-quorum-and-no-witness", "ok V1", roster_note(unwitnessed, *NAMES))
    add("roster-without-newcomer", "ok R1", roster_note(second, *NAMES))
    add("roster-entry-named-old-roster", "ok ok K1", roster_note(second, *NAMES, "cnctr"), epoch_key())
    add("roster-back-to-the-first", "ok ok R1", roster_note(second, *NAMES, "cnctr"), ok_roster)
    thrice = "base 2 of judge,dpo,cnctr"
    left = roster_text(names=("judge", "dpo", "cnctr"), rules=(thrice,))
    renamed = roster_text(names=(*NAMES, "cnctr"), rules=("base 2 of judge,dpo,regulator",)).replace(
        RESP["cnctr"].vkey.encode(), ref.vkey("cnctr/resp", key("another").public).encode()
    )
    add(
        "roster-of-one-that-left-and-destroys",
        "ok ok ok ok",
        epoch_key("regulator"),
        roster_note(left, "judge", "dpo", "cnctr"),
        destroy("regulator"),
    )
    add(
        "roster-of-one-that-left-and-refuses",
        "ok ok F1",
        roster_note(left, "judge", "dpo", "cnctr"),
        refuse("regulator"),
    )
    add(
        "roster-name-with-another-key",
        "ok ok R2",
        roster_note(second, *NAMES, "cnctr"),
        roster_note(renamed, *NAMES, "cnctr"),
    )
    dated = {days: roster_text(time=f"2016-09-{5 + days:02d}T12:00:00Z", cell_cap="201") for days in (0, 1)}
    older = roster_text(cell_cap="202")
    add("roster-older-than-the-one-in-force", "ok ok R1", roster_note(dated[1], *NAMES), roster_note(older, *NAMES))
    add("roster-seven-days-old", "ok ok ok", intent(time="2016-09-12T12:00:00Z"), roster_note(older, *NAMES))
    add(
        "roster-seven-days-and-a-second-old",
        "ok ok R1",
        intent(time="2016-09-12T12:00:01Z"),
        roster_note(older, *NAMES),
    )
    add(
        "fault-of-the-ingester",
        "ok ok F2 F2 F2 F2 F2 ok ok F2 F1",
        ingest(segments=[segment()]),
        fault("judge", "ingester", "judge/resp", ABOUT),
        fault("judge", "nobody", "judge/resp", ABOUT, HEADER),
        fault("judge", "dpo", "judge/resp", ABOUT, HEADER),
        fault("judge", "ingester", "judge/auth", ABOUT, HEADER),
        fault("judge", "ingester", "judge/resp", f"segment {hexes('s2')}", HEADER),
        fault("judge", "ingester", "judge/resp", ABOUT, HEADER),
        fault("dpo", "ingester", "dpo/resp", ABOUT, HEADER),
        fault("judge", "ingester", "judge/resp", ABOUT, HEADER),
        receipt(),
    )
    add(
        "fault-after-a-receipt",
        "ok ok ok F2",
        ingest(segments=[segment()]),
        receipt(),
        fault("judge", "ingester", "judge/resp", ABOUT, HEADER),
    )
    add(
        "fault-about-receipts",
        "ok ok ok ok F2 ok F2 ok",
        ingest(segments=[segment()]),
        receipt(),
        receipt("dpo"),
        fault("desk", "judge", "desk", ABOUT, receipts_evidence("judge")),
        fault("desk", "judge", "desk", ABOUT, receipts_evidence("judge", "dpo")),
        fault("desk", "regulator", "desk", ABOUT, receipts_evidence("judge", "dpo")),
        fault("desk", "ingester", "desk", ABOUT, HEADER),
    )
    add("epoch-key-ten-years-ahead", "ok ok K1", epoch_key(day="2026-10-23"), epoch_key(day="2026-10-24"))
    add("epoch-key-a-hundred-years-back", "ok ok K1", epoch_key(day="1916-09-30"), epoch_key(day="1916-09-29"))
    add("dated-15-minutes-back", "ok ok ok", intent("a", time=later(20)), intent("b", time=later(5)))
    add("dated-15-minutes-1-second-back", "ok ok V1", intent("a", time=later(20)), intent("b", time=later(4, 59)))
    add(
        "dated-back-against-valid-entries-only",
        "ok N1 ok",
        intent("a", time=later(40), signers=("judge/auth",)),
        intent("b"),
    )
    add("other-origin", "ok V1", intent(origin="vector.example/other"))
    add("junk", "ok V1 V1", b"junk", b"")
    add("epoch-key-twice", "ok ok K1 ok", epoch_key(), epoch_key(), epoch_key(day="2016-09-02"))
    add("epoch-key-signed-by-resp", "ok K1", epoch_key(signer="judge/resp"))
    add("epoch-key-of-a-stranger", "ok K1", epoch_key(name="cnctr"))
    add("opening", "ok ok ok ok", intent(), draw(1), close(1))
    add("opening-without-draw", "ok ok ok", intent(), close(1, 0))
    add("intent-nonce-again", "ok ok N1 ok", intent("a"), intent("a", time=later(1)), intent("b"))
    add("intent-of-a-revoked", "ok ok ok N1", intent("a"), revoke(), intent("b"))
    add("intent-signed-by-ingester", "ok N1", intent(signers=("ingester",)))
    add("draw-twice", "ok ok ok D1", intent(), draw(1), draw(1, 6))
    add("draw-of-no-intent", "ok D1 ok D1", draw(1), intent(), draw(3))
    add("draw-after-close", "ok ok ok D1", intent(), close(1, 0), draw(1))
    add("close-more-than-drawn", "ok ok ok C1 ok", intent(), draw(1), close(1, 6), close(1, 5))
    add("close-of-records-called-none", "ok ok ok C1 ok", intent(), draw(1), close(1, 5, "none"), close(1, 5, "part"))
    add("close-of-nothing-called-part", "ok ok C1 ok", intent(), close(1, 0, "part"), close(1, 0))
    add(
        "close-of-unconfirmed-cells-called-full",
        "ok ok ok C1 ok",
        intent(),
        draw(1),
        close(1, unconfirmed=1),
        close(1, outcome="part", unconfirmed=1),
    )
    hidden = codes("class", "kinds")
    add("codes-hidden-where-all-are-shown", "ok N1 N1 ok", intent(codes=hidden), intent(codes=codes()), intent())
    bare = refuse(codes=("class: produce", "urgency: -"))
    add(
        "close-and-refuse-without-codes-that-are-shown",
        "ok ok C1 C1 F1",
        intent(),
        close(1, 0, "-"),
        close(1, 0, took="-"),
        bare,
    )
    other = [line.replace("home", "union") for line in CODES]
    add("codes-other-than-before", "ok ok N1 ok", intent(), intent("n2", codes=other), intent("n2"))
    another = intent("n2", codes=other, authorization=hexes("another"))
    add("codes-other-than-of-another-authorization", "ok ok ok", intent(), another)
    lowered, raised = (roster_note(roster_text(statistics=s, time=later(1)), *NAMES) for s in ("coarse", "full"))
    twice = [lowered, coarse_intent(), raised, intent("n2"), intent("n3", codes=other)]
    add("codes-other-than-what-only-the-second-showed", "ok ok ok ok ok N1", *twice)
    for level, keys in (("coarse", ("class", "kinds")), ("none", ())):
        outcome, named = ("none", "class: produce") if keys else ("-", "class: -")
        add(
            f"codes-of-a-{level}-roster",
            "ok ok N1 ok C1 C1 ok F1 F1 ok",
            roster_note(roster_text(statistics=level, time=later(1)), *NAMES),
            intent(),
            intent(codes=codes(*keys)),
            close(3, 0, "-" if keys else "none", "-"),
            close(3, 0, outcome, "d1"),
            close(3, 0, outcome, "-"),
            refuse(),
            refuse(codes=("class: -" if keys else "class: produce", "urgency: -")),
            refuse(codes=(named, "urgency: -")),
        )
    add("close-twice", "ok ok ok ok C1", intent(), draw(1), close(1), close(1))
    add(
        "ingest-in-two-parts",
        "ok ok ok",
        ingest(entry="1/2", segments=[segment("s1")]),
        ingest(entry="2/2", segments=[segment("s2")]),
    )
    add("ingest-last-part-first", "ok I1 ok", ingest(entry="2/2"), ingest(entry="1/2"))
    add("ingest-part-of-another-feed", "ok ok I1", ingest(entry="1/2"), ingest(entry="2/2", feed="texts"))
    add(
        "ingest-pending-does-not-exist",
        "ok ok F1 ok ok",
        ingest(entry="1/2", segments=[segment()]),
        receipt(),
        ingest(entry="2/2"),
        receipt(),
    )
    add("ingest-batch-again", "ok ok I1", ingest(), ingest())
    add("ingest-signed-by-desk", "ok I1", ingest(signers=("desk",)))
    add(
        "ingest-part-of-other-counts",
        "ok ok I1 ok",
        ingest(entry="1/2"),
        ingest(entry="2/2", counts=COUNTS),
        ingest(entry="2/2"),
    )
    old = [f"batch: {hexes('b1', 16)}", "entry: 1/1", "feed: calls", f"file: {hexes('f', 16)} 3 3 0 0", "tally: -"]
    add("ingest-of-version-1", "ok V1 ok", signed("ingest", old, "ingester", version=1), ingest())
    add("topic", "ok ok ok", from_topic(), from_topic("b2", offsets=["0 10 10 12", "1 0 0 5"]))
    add("topic-taken-again", "ok ok I5", from_topic(), from_topic("b2"))
    add("topic-overlapping", "ok ok I5", from_topic(), from_topic("b2", offsets=["0 9 9 20"]))
    add("topic-gap-not-told", "ok ok I5", from_topic(), from_topic("b2", offsets=["0 11 11 20"]))
    add(
        "topic-gap-told",
        "ok ok ok ok",
        from_topic(),
        from_topic("b2", offsets=["0 10 500 510"]),
        from_topic("b3", offsets=["0 510 510 511"]),
    )
    add("topic-begun-late", "ok ok", from_topic(offsets=["0 0 500 510"]))
    add("topic-begun-late-and-not-told", "ok I5", from_topic(offsets=["0 500 500 510"]))
    add(
        "topic-one-partition-of-two-again",
        "ok ok I5 ok",
        from_topic(),
        from_topic("b2", offsets=["0 0 0 10", "1 0 0 5"]),
        from_topic("b3", offsets=["1 0 0 5"]),
    )
    add("topic-of-another-name", "ok ok ok", from_topic(), from_topic("b2", topic="other"))
    add(
        "topic-superseded-stays-taken",
        "ok ok ok I5 ok",
        from_topic(),
        withdraw(),
        from_topic("b2"),
        from_topic("b3", offsets=["0 10 10 11"]),
    )
    add(
        "topic-in-two-parts",
        "ok ok ok ok",
        from_topic(entry="1/2"),
        from_topic(entry="2/2"),
        from_topic("b2", offsets=["0 10 10 11"]),
    )
    add(
        "topic-parts-of-other-offsets",
        "ok ok I1 ok",
        from_topic(entry="1/2"),
        from_topic(entry="2/2", offsets=["0 0 0 11"]),
        from_topic(entry="2/2"),
    )
    add("topic-parts-of-another-topic", "ok ok I1", from_topic(entry="1/2"), from_topic(entry="2/2", topic="other"))
    add("topic-part-from-files", "ok ok I1", from_topic(entry="1/2"), ingest(entry="2/2"))
    add(
        "topic-pending-takes-nothing", "ok ok ok I5", from_topic(entry="1/2"), from_topic("b2"), from_topic(entry="2/2")
    )
    add("topic-signed-by-desk", "ok I1", from_topic(signers=("desk",)))
    add(
        "topic-segment-again-before-offsets",
        "ok ok I3",
        from_topic(segments=[segment()]),
        from_topic("b2", segments=[segment()]),
    )
    add("withdraw", "ok ok ok", ingest(segments=[segment()]), withdraw())
    add("withdraw-twice", "ok ok ok W1", ingest(), withdraw(), withdraw())
    add("withdraw-unknown", "ok W1 ok ok", withdraw(), ingest(), withdraw())
    add("withdraw-pending", "ok ok W1 ok ok", ingest(entry="1/2"), withdraw(), ingest(entry="2/2"), withdraw())
    add(
        "withdraw-signed-by-desk",
        "ok ok W1 W1 ok",
        ingest(),
        withdraw(signer="desk"),
        withdraw(signer="judge/auth"),
        withdraw(),
    )
    add("withdrawn-batch-again", "ok ok ok I1 ok", ingest(), withdraw(), ingest(), ingest("b2"))
    add(
        "withdrawn-segment-again",
        "ok ok ok I3",
        ingest(segments=[segment()]),
        withdraw(),
        ingest("b2", segments=[segment()]),
    )
    add(
        "withdrawn-segment-gets-a-receipt-and-is-superseded-by-another",
        "ok ok ok ok ok",
        ingest(segments=[segment()]),
        withdraw(),
        receipt(),
        ingest("b2", segments=[segment("s2", old=hexes("s1"))]),
    )
    add("ingest-segment-again", "ok ok I3", ingest(segments=[segment()]), ingest("b2", segments=[segment()]))
    add("ingest-segment-twice-in-a-batch", "ok I3", ingest(segments=[segment(), segment()]))
    add("ingest-1023-rows", "ok I3", ingest(segments=[segment(rows=1023)]))
    add("ingest-1025-rows", "ok I3", ingest(segments=[segment(rows=1025)]))
    add("ingest-rule-not-in-roster", "ok I3", ingest(segments=[segment(rule="FR")]))
    add(
        "ingest-supersedes",
        "ok ok ok",
        ingest(segments=[segment()]),
        ingest("b2", segments=[segment("s2", old=hexes("s1"))]),
    )
    add("ingest-supersedes-unknown", "ok I3", ingest(segments=[segment("s2", old=hexes("s1"))]))
    add(
        "ingest-supersedes-another-day",
        "ok ok I3",
        ingest(segments=[segment()]),
        ingest("b2", segments=[segment("s2", day="2016-09-02", old=hexes("s1"))]),
    )
    add(
        "ingest-supersedes-another-feed",
        "ok ok I3",
        ingest(segments=[segment()]),
        ingest("b2", feed="texts", segments=[segment("s2", old=hexes("s1"))]),
    )
    add(
        "ingest-two-pending-with-one-segment",
        "ok ok ok I3",
        ingest(entry="1/2", segments=[segment()]),
        ingest("b2", segments=[segment()]),
        ingest(entry="2/2"),
    )
    without = roster_text(names=(*NAMES, "cnctr"), rules=("base 2 of judge,dpo,regulator",))
    add(
        "ingest-over-a-roster-that-drops-its-first-rule",
        "ok ok ok ok ok",
        roster_note(second, *NAMES, "cnctr"),
        ingest(entry="1/2", segments=[segment("s1", rule="FR")]),
        roster_note(without, *NAMES, "cnctr"),
        ingest(entry="2/2", segments=[segment("s2")]),
    )
    add(
        "ingest-over-a-roster-that-drops-its-second-rule",
        "ok ok ok ok I3",
        roster_note(second, *NAMES, "cnctr"),
        ingest(entry="1/2", segments=[segment("s1")]),
        roster_note(without, *NAMES, "cnctr"),
        ingest(entry="2/2", segments=[segment("s2", rule="FR")]),
    )
    add("receipt-twice", "ok ok ok F1 ok", ingest(segments=[segment()]), receipt(), receipt(), receipt("dpo"))
    add("receipt-signed-by-auth", "ok ok F1", ingest(segments=[segment()]), receipt(signer="judge/auth"))
    add("destroy-without-key", "ok F1 ok ok F1", destroy(), epoch_key(), destroy(), destroy())
    add("refuse", "ok ok F1", refuse(), refuse("cnctr"))
    add("revoke-by-desk", "ok F1", revoke("desk"))
    add(
        "fault",
        "ok ok ok F2 F2 F2 F2 F2 F2 F2 ok ok F2",
        intent(),
        fault(),
        fault(),
        fault("judge", "desk", "judge/resp"),
        fault("judge", "dpo", "judge/resp"),
        fault(accused="dpo", signer="judge/resp"),
        fault(accused="nobody"),
        fault(accused="dpo", about="intent 2"),
        fault("ingester", "judge", "ingester"),
        fault(accused="dpo"),
        close(1, 0),
        fault(accused="regulator"),
    )
    paper = authorization_text()
    add("reveal", "ok ok", reveal(paper, ref.roster_hash(GENESIS), {0, 1, 11}))
    shown = reveal(paper, ref.roster_hash(GENESIS), {0, 1, 11})
    false = f"\u2014 judge/auth {ref.b64(AUTH['judge'].key_id + bytes(64))}\n".encode()
    add("reveal-of-which-no-signature-is-looked-at", "ok ok", shown[: shown.index(b"\n\n") + 2] + false)
    add("reveal-of-another-roster", "ok L1", reveal(paper, hexes("roster").encode()[:32], {0, 1, 11}))
    add("reveal-with-shifted-indexes", "ok V1", reveal(paper, ref.roster_hash(GENESIS), {0, 1, 11}, shift=1))
    good = text_of(
        "intent",
        f"authorization: {AUTHORIZATION}",
        "requester: desk",
        f"nonce: {hexes('n1', 16)}",
        "cells-at-most: 4",
        *CODES,
    )
    broken = f"\u2014 judge/auth {ref.b64(AUTH['judge'].key_id + bytes(64))}\n".encode()
    add("broken-signature-of-a-known-key-beside-a-good-one", "ok V1", ref.note(good, DESK) + broken)
    add(
        "odd-signature-of-an-unknown-key-beside-a-good-one",
        "ok V1",
        ref.note(good, DESK) + f"\u2014 other {ref.b64(bytes(9))}\n".encode(),
    )
    add("unknown-key-beside-a-good-one", "ok ok", ref.note(good, DESK, key("stranger")))


def make_holds(out):
    """Who begins, joins, prolongs and ends a hold, and until when."""

    def add(name, verdicts, *entries):
        add_state(out, f"hold-{name}", f"ok {verdicts}", *entries, test="holds")

    kept = [hold(), held(), held("dpo")]
    add("kept", "ok ok ok", *kept)
    add("signed-by-another", "H1", hold(signers=("judge/auth",)))
    add("of-no-requester", "H1", hold(requester="judge"))
    add("of-another-roster", "H1", hold(roster=roster_text(time=later(1))))
    add("of-a-rule-that-is-not-there", "H1", hold(rules="FR,base"))
    add("until-90-days-later", "ok", hold(until=days_later(90)))
    add("until-90-days-and-a-second-later", "H1", hold(until=days_later(90, 1)))
    add("until-its-own-time", "H1", hold(until=days_later(0)))
    add("of-a-note-again", "ok H1", hold(), hold(until=days_later(61)))
    add("of-an-extension", "ok ok ok ok H1", *kept, extend(), hold("h2"))
    many = [hold(f"h{number}") for number in range(33)]
    add("33-in-24-hours", f"{'ok ' * 32}H1", *many)
    add("33-in-a-day-and-a-second", "ok " * 33, *many[:32], hold("last", time=days_later(1)))
    add("33-in-24-hours-less-a-second", f"{'ok ' * 32}H1", *many[:32], hold("last", time=days_later(1, -1)))
    add("held-by-a-stranger", "ok H2", hold(), held("cnctr"))
    sovereign = roster_text(names=CALM, rules=SOVEREIGN)
    for name, rules, verdict in (("without-a-clause", "base", "H2"), ("by-a-sovereign-member", "FR", "ok")):
        entries = roster_note(sovereign, *CALM), hold(rules=rules, roster=sovereign), held("cnctr", index=2)
        add(f"held-{name}", f"ok ok {verdict}", *entries)
    whole = [hold(rules="FR", roster=sovereign), *(held(name, index=2) for name in ("judge", "dpo", "cnctr"))]
    for name, verdict, some in (("with", "ok", whole), ("without", "H3", whole[:3])):
        entries = roster_note(sovereign, *CALM), *some, extend(index=2)
        add(f"extended-{name}-its-sovereign-member", f"{'ok ' * (len(some) + 1)}{verdict}", *entries)
    add("held-signed-by-auth", "ok H2", hold(), held(signer="judge/auth"))
    add("held-for-nothing", "H2", held())
    add("held-for-another-note", "ok H2", hold(), held(note="h2"))
    add("held-again-with-more-cells", "ok ok ok H2", hold(), held(), held(cells=128), held(cells=128))
    add("held-after-72-hours", "ok H2", hold(), held(time=days_later(3)))
    add("held-within-72-hours", "ok ok", hold(), held(time=days_later(3, -1)))
    soon = days_later(1)
    add(
        "held-at-an-end-within-72-hours",
        "ok H2 ok",
        hold(until=soon),
        held(time=soon),
        held(time=days_later(1, -1)),
    )
    add(
        "topped-up-after-72-hours",
        "ok ok ok H2",
        hold(),
        held(),
        held(cells=128, time=days_later(4)),
        held("dpo", time=days_later(4)),
    )
    ends = days_later(60)
    add("topped-up-at-its-end", "ok ok H2", hold(), held(), held(cells=128, time=ends))
    add("extended", "ok ok ok ok ok ok", *kept, extend(), held(note="h2"), held("dpo", note="h2"))
    add("extended-before-enough-keep", "ok ok H3", hold(), held(), extend())
    add("extended-at-its-end", "ok ok ok H3", *kept, extend(time=ends))
    add("extended-a-second-before-its-end", "ok ok ok ok", *kept, extend(time=days_later(60, -1)))
    add("extended-by-another", "ok ok ok H3", *kept, extend(signer="judge/auth"))
    add("extended-without-a-new-note", "ok ok ok H3", *kept, extend("h1"))
    add("extended-to-an-earlier-day", "ok ok ok H3", *kept, extend(until=ends))
    add("extended-by-more-than-90-days", "ok ok ok H3", *kept, extend(until=days_later(90, 1)))
    add("extended-nothing", "H3", extend())
    joined = [held(note="h2"), held("dpo", note="h2")]
    last = extend("h3", until=days_later(110), time=days_later(70))
    add("extended-once-more", "ok ok ok ok ok ok ok", *kept, extend(), *joined, last)
    add("extended-once-more-by-one-alone", "ok ok ok ok ok H3", *kept, extend(), joined[0], last)
    add("extended-nine-times", f"ok ok ok {'ok ' * 8}H3", *kept, *(extend(f"e{number}") for number in range(9)))
    prolonged = [extend(time=days_later(60, -2)), held(note="h2", time=days_later(60, -2))]
    add(
        "joined-at-its-end-and-a-second-before",
        "ok ok ok ok ok H2 ok",
        *kept,
        *prolonged,
        held("dpo", note="h2", time=ends),
        held("dpo", note="h2", time=days_later(60, -1)),
    )
    far, end = "9999-12-29T12:00:00Z", "9999-12-31T12:00:00Z"
    add(
        "dated-at-the-end-of-the-calendar",
        "ok ok ok H3 ok",
        hold(time=far, until=end),
        held(time=far),
        held("dpo", time=far),
        extend(until=end, time=far),
        extend(until="9999-12-31T23:59:59Z", time=far),
    )
    add("released", "ok ok H4 H2", hold(), release(), release(), held())
    add("released-by-a-custodian", "ok ok", hold(), release(signer="dpo/auth"))
    add("released-by-a-stranger", "ok H4 H4", hold(), release(signer="dpo/resp"), release(signer="stranger"))
    add("released-nothing", "H4", release())
    add("released-and-extended", "ok ok ok ok H3", *kept, release(), extend())


def urgent(nonce="n1", rules="base", codes=URGENT, **changes):
    lines = [f"authorization: {AUTHORIZATION}", "requester: desk", f"nonce: {hexes(nonce, 16)}", "cells-at-most: 4"]
    return signed("intent", [*lines, f"rules: {rules}", *codes], "desk", **changes)


def ratify(name="judge", index=2, signer=None, authorization=AUTHORIZATION, **changes):
    lines = [f"intent: {index}", f"authorization: {authorization}", f"custodian: {name}"]
    return signed("ratify", lines, signer or f"{name}/auth", **changes)


def hours_later(hours, seconds=0):
    return days_later(0, hours * 3_600 + seconds)


CALM = (*NAMES, "cnctr")


def make_emergencies(out):
    """Which emergencies count, who ratifies them, and what an overdue one shuts out."""
    fields = {"names": CALM, "rules": SOVEREIGN, "emergency": "2 of dpo,regulator,cnctr"}
    first = roster_note(roster_text(**fields), *CALM)

    def add(name, verdicts, *entries):
        add_state(out, f"emergency-{name}", f"ok ok {verdicts}", first, *entries, test="emergencies")

    add("ratified", "ok ok ok", urgent(), ratify(), ratify("dpo"))
    add("of-a-rule-that-is-not-there", "N1", urgent(rules="DE"))
    add("of-every-rule", "ok", urgent(rules="FR,base"))
    far = urgent(time=days_later(700))  # it must shut out nobody: the browser judges this too
    add_state(out, "emergency-without-an-emergency-rule", "ok N1 ok", far, intent("n2"))
    add("ratified-by-a-stranger", "ok E1", urgent(), ratify(signer="desk"))
    add("ratified-by-another", "ok E1", urgent(), ratify(signer="dpo/auth"))
    add("ratified-with-resp", "ok E1", urgent(), ratify(signer="judge/resp"))
    add("ratified-twice", "ok ok E1", urgent(), ratify(), ratify())
    add("ratified-after-a-refusal", "ok ok ok ok", urgent(), refuse(), ratify(), ratify("dpo"))
    add("ratified-of-another-authorization", "ok E1", urgent(), ratify(authorization=hexes("another")))
    add("ratified-and-then-refused", "ok ok ok", urgent(), ratify(), refuse())
    add("ratified-that-is-an-ordinary-opening", "ok E1", intent(), ratify())
    add_state(out, "emergency-that-shows-another-urgency", "ok ok N1", first, urgent(codes=CODES))
    late = hours_later(48, 1)

    def ordinary(time):
        return intent("calm", codes=URGENT, time=time)

    add("next-at-its-last-second", "ok ok", urgent(), urgent("n2", time=hours_later(48)))
    add("next-while-one-is-overdue", "ok N1", urgent(), urgent("n2", time=late))
    add("ordinary-while-one-is-overdue", "ok ok", urgent(), ordinary(late))
    paid = (ratify(time=late), ratify("regulator", time=late))
    add("next-after-it-was-ratified-late", "ok ok ok ok", urgent(), *paid, urgent("n2", time=late))
    add("next-after-one-ratified-of-two", "ok ok N1", urgent(), paid[0], urgent("n2", time=late))
    add("next-dated-back", "ok ok N1", urgent(), ordinary(late), urgent("n3", time=hours_later(47, 3_000)))
    add("of-a-sovereign-ratified-without-it", "ok ok ok N1", urgent(rules="FR"), *paid, urgent("n2", time=late))
    member = ratify("cnctr", time=late)
    add("of-a-sovereign-ratified", "ok ok ok ok ok", urgent(rules="FR"), *paid, member, urgent("n2", time=late))
    many = [urgent(f"n{number}") for number in range(9)]
    add("nine-that-are-not-ratified", f"{'ok ' * 8}N1", *many)
    each = [
        entry
        for number in range(16)
        for at in [2 + 3 * number]
        for entry in (urgent(f"n{number}"), ratify(index=at), ratify("dpo", index=at))
    ]
    add("seventeenth-in-a-day", f"{'ok ' * 48}N1", *each, urgent("last", time=hours_later(24, -1)))
    add("seventeenth-a-day-later", "ok " * 49, *each, urgent("last", time=hours_later(24)))
    ahead = ordinary(hours_later(0, 900))  # what is dated before it came in its quarter of an hour
    each = [
        entry
        for number in range(16)
        for at in [3 + 3 * number]
        for entry in (urgent(f"n{number}"), ratify(index=at), ratify("dpo", index=at))
    ]
    add("seventeenth-of-some-dated-back", f"{'ok ' * 49}N1", ahead, *each, urgent("last", time=hours_later(24, 899)))
    add("seventeenth-a-day-after-they-came", "ok " * 50, ahead, *each, urgent("last", time=hours_later(24, 900)))
    left = roster_note(
        roster_text(names=("judge", "regulator", "cnctr"), rules=("base 2 of judge,regulator,cnctr",), time=late),
        "judge", "dpo", "cnctr",
    )  # fmt: skip
    gone = (ratify("dpo", time=late), ratify("regulator", time=late))
    add("ratified-by-one-that-left", "ok ok ok ok N1", urgent(), left, *gone, urgent("n2", time=late))
    new = (ratify("judge", time=late), ratify("cnctr", time=late))
    add("ratified-under-the-newer-roster", "ok ok ok ok", urgent(), left, *new)
    add("ratified-under-a-newer-roster-without-its-country", "ok ok ok ok", urgent(rules="FR"), left, *new)


def make(out):
    make_verdicts(out)
    make_emergencies(out)
    make_holds(out)
    make_consent(out)

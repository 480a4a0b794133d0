"""Check words, and what a desk and a custodian tell each other of one request (docs/formats/exchange.md)."""

from pathlib import Path

import reference as ref
from known_answers.authorization.make import authorization_text
from known_answers.entries.make import GENESIS
from known_answers.folder import Word
from known_answers.parties import AUTH, DESK, INGESTER, RESP, seeded

WORDS = (Path(__file__).parents[3] / "src/coffer/custody/data/check-words-1.txt").read_text("ascii").split()
ROSTER = ref.roster_hash(GENESIS)
TIME = 1_473_076_800
QUESTION = "Why three days, and not one? Größe?"
EXPLAINED = "The trip took three."


def question_text(commitment, *, text=QUESTION, custodian="judge"):
    lines = f"coffer.question/v1\nauthorization: {commitment.hex()}\ncustodian: {custodian}\n"
    return f"{lines}asked: 2016-09-05T12:30:00Z\nquestion: {text}\n".encode()


def explanation_text(commitment, *, signature=None, **changes):
    asked = question_text(commitment, **changes)
    signature = signature or ref.b64(AUTH["judge"].sign(asked))
    lines = asked.replace(b"coffer.question/v1", b"coffer.explanation/v1") + f"signature: {signature}\n".encode()
    return lines + f"explained: 2016-09-05T12:45:00Z\nexplanation: {EXPLAINED}\n".encode()


def make_explanations(out, commitment):
    def explanation(name, expect, said, *keys):
        raw = ref.note(said, *(keys or (DESK,)))
        more = {"commitment": commitment, "question": QUESTION.encode()} if expect == "ok" else {}
        out.add(f"standing/explanation-{name}", expect, "explanation", key=DESK.vkey, **more, raw=raw, body=GENESIS)

    good = explanation_text(commitment)
    explanation("ordinary", "ok", good)
    explanation("by-the-custodian", "verify", good, AUTH["judge"])
    explanation("of-another-custodian", "verify", good.replace(b"custodian: judge", b"custodian: dpo"))
    explanation("of-a-stranger", "verify", good.replace(b"custodian: judge", b"custodian: nobody"))
    explanation("question-changed", "verify", good.replace(b"three days", b"these days"))
    explanation("of-another-request", "verify", good.replace(commitment.hex().encode(), bytes(32).hex().encode()))
    explanation("signed-by-two", "parse", good, DESK, AUTH["judge"])
    explanation("line-added", "parse", good + b"more: none\n")
    explanation("version-2", "parse", good.replace(b"explanation/v1", b"explanation/v2"))
    explanation("too-long", "parse", good.replace(EXPLAINED.encode(), b"x" * 501))


def make(out):
    text = authorization_text()
    note, commitment = ref.note(text, DESK), ref.commitment(text, ROSTER)
    nonce = seeded("check nonce")[:16]
    other = authorization_text(purpose="theft of a tricycle")
    for name, said, custodian, own in (
        ("ordinary", text, "judge", nonce),
        ("of-another-custodian", text, "dpo", nonce),
        ("of-another-nonce", text, "judge", bytes(16)),
        ("of-another-text", other, "judge", nonce),
    ):
        words = ref.check_words(WORDS, ref.commitment(said, ROSTER), said, custodian, own)
        fields = {"custodian": Word(custodian), "nonce": own, "word": [Word(word) for word in words]}
        out.add(f"standing/words-{name}", "ok", "check-words", **fields, body=ref.note(said, DESK))

    make_explanations(out, commitment)
    reply_key = ref.stream(b"reply key", 1216)

    def query(name, expect, *, key=DESK, custodian=1, roster=ROSTER, mangle=lambda raw: raw, **changes):
        fields = {"requester": "desk", "commitment": commitment, "time": TIME, "reply": reply_key} | changes
        raw = mangle(ref.standing_query(key, roster=roster, custodian=custodian, **fields))
        more = {"hash": ref.h(raw), "commitment": fields["commitment"]} if expect == "ok" else {}
        out.add(f"standing/query-{name}", expect, "query", key=DESK.vkey, roster=ROSTER, index=1, **more, raw=raw)
        return raw

    good = query("ordinary", "ok")
    query("at-the-epoch", "ok", time=0)
    query("by-another-requester", "verify", key=INGESTER)
    query("to-another-custodian", "verify", custodian=2)
    query("under-another-roster", "verify", roster=bytes(32))
    query("time-changed", "verify", mangle=lambda raw: raw.replace(ref.u64(TIME), ref.u64(TIME + 1)))
    query("signature-changed", "verify", mangle=lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]))
    query("reply-key-1215-bytes", "parse", reply=reply_key[:-1])
    query("reply-key-1217-bytes", "parse", reply=reply_key + b"\0")
    query("trailing-byte", "parse", mangle=lambda raw: raw + b"\0")
    query("cut", "parse", mangle=lambda raw: raw[:-1])
    query("other-magic", "parse", mangle=lambda raw: b"COFSTQ02" + raw[8:])
    query("name-empty", "parse", requester="")
    query("name-with-space", "parse", requester="the desk")
    query("name-not-ascii", "parse", mangle=lambda raw: raw.replace(b"desk", b"d\xe9sk", 1))
    query("time-after-the-calendar", "parse", time=2**64 - 1)

    signature = ref.b64(AUTH["judge"].sign(text))
    refused = "decision: refused scope 2016-09-05T13:00:00Z\n"

    def report(*, away="no", held=("2016-09-05T12:01:00Z",), middle="", decision="decision: open\n", agreed="0 of 1"):
        lines = f"coffer.standing/v2\ncustodian: judge\nauthorization: {commitment.hex()}\nheld: {held[0]}\n"
        if held[0] != "no":
            lines += f"nonce: {nonce.hex()}\n{middle}agreed: {agreed}\n{decision}"
        return (lines + f"away: {away}\n").encode()

    read = "seen: 2016-09-05T12:02:00Z\nreading: 2016-09-05T12:03:00Z\n"
    signed = f"decision: signed 2016-09-05T13:00:00Z {signature}\n"
    withdrawn = "decision: withdrawn merit 2016-09-05T13:00:00Z\n"
    unsaid = "decision: refused unsaid unsaid\n"
    told = "2016-09-09T06:00:00Z told"
    asked_text = question_text(commitment)
    asked = "question: 2016-09-05T12:30:00Z open " + ref.b64(AUTH["judge"].sign(asked_text)) + f" {QUESTION}\n"
    longest = "question: 2016-09-05T12:30:00Z explained {} " + "ö" * 500 + "\n"
    longest = longest.format(ref.b64(AUTH["judge"].sign(question_text(commitment, text="ö" * 500))))

    def reply(name, expect, said, *, key=RESP["judge"], over=good, mangle=lambda raw: raw):
        raw = mangle(ref.standing_reply(key, said, ref.h(over)))
        more = {"report": said} if expect == "ok" else {}
        fields = {"query": good, "auth": AUTH["judge"].vkey, "resp": RESP["judge"].vkey}
        out.add(f"standing/reply-{name}", expect, "standing", **fields, **more, raw=raw, body=note)

    reply("held", "ok", report())
    reply("not-held", "ok", report(held=("no",)))
    reply("not-held-and-away", "ok", report(held=("no",), away=told))
    reply("seen", "ok", report(middle="seen: 2016-09-05T12:02:00Z\n"))
    reply("read-one-of-two-agreed", "ok", report(middle=read, agreed="1 of 2"))
    reply("signed", "ok", report(middle=read, agreed="1 of 1", decision=signed))
    reply("refused", "ok", report(middle=read, decision=refused))
    reply("refused-unsaid", "ok", report(decision=unsaid))
    reply("withdrawn", "ok", report(middle=read, decision=withdrawn))
    reply("refused-not-again", "ok", report(decision=refused + "again: no\n"))
    reply("refused-again-later", "ok", report(decision=refused + "again: later 2016-10-01\n"))
    reply("withdrawn-again-narrower", "ok", report(middle=read, decision=withdrawn + "again: narrower\n"))
    reply("asks", "ok", report(middle=read, decision="decision: open\n" + asked))
    reply("asked-and-signed", "ok", report(middle=read, decision=signed + asked.replace(" open ", " explained ")))
    reply("asks-the-longest", "ok", report(middle=read, decision=refused + "again: reasons\n" + longest))
    reply("away-deputy-not-told", "ok", report(away="2016-09-09T06:00:00Z untold"))
    reply("people-99-of-99", "ok", report(agreed="99 of 99"))
    reply("signed-by-auth", "verify", report(), key=AUTH["judge"])
    reply("of-another-custodians-key", "verify", report(), key=RESP["dpo"])
    reply("to-another-query", "verify", report(), over=good + b"\0")
    reply(
        "countersigned-by-another",
        "verify",
        report(decision=signed.replace(signature, ref.b64(AUTH["dpo"].sign(text)))),
    )
    reply(
        "countersignature-of-another-text",
        "verify",
        report(decision=signed.replace(signature, ref.b64(AUTH["judge"].sign(other)))),
    )
    reply("of-another-custodian", "verify", report().replace(b"judge", b"dpo"))
    reply("of-another-request", "verify", report().replace(commitment.hex().encode(), bytes(32).hex().encode()))
    reply("people-2-of-1", "verify", report(agreed="2 of 1"))
    reply("people-0-of-0", "verify", report(agreed="0 of 0"))
    reply("people-of-100", "verify", report(agreed="0 of 100"))
    reply("reason-unknown", "verify", report(decision=refused.replace("scope", "mood")))
    reply("nonce-15-bytes", "verify", report().replace(nonce.hex().encode(), nonce.hex()[:-2].encode()))
    reply("lines-exchanged", "verify", report(middle="reading: 2016-09-05T12:03:00Z\nseen: 2016-09-05T12:02:00Z\n"))
    reply("line-added", "verify", report() + b"question: none\n")
    reply("version-1", "verify", report().replace(b"standing/v2", b"standing/v1"))
    reply("again-of-an-open-one", "verify", report(decision="decision: open\nagain: no\n"))
    reply("again-unknown", "verify", report(decision=refused + "again: perhaps\n"))
    reply("again-no-day", "verify", report(decision=refused + "again: later\n"))
    reply("question-before-again", "verify", report(decision=refused + asked + "again: no\n"))
    reply("question-changed", "verify", report(decision="decision: open\n" + asked.replace("three", "these")))
    reply("question-of-another-time", "verify", report(decision="decision: open\n" + asked.replace("12:30", "12:31")))
    reply("question-too-long", "verify", report(decision="decision: open\n" + asked.replace("?", "?" * 500)))
    reply("padding-not-zero", "verify", report(), mangle=lambda raw: raw[:1983] + b"\1" + raw[1984:])
    reply("2047-bytes", "verify", report(), mangle=lambda raw: raw[1:])
    reply("2049-bytes", "verify", report(), mangle=lambda raw: raw + b"\0")
    reply("nothing", "verify", report(), mangle=lambda _raw: b"")

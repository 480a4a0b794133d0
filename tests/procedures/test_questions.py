"""A custodian asks the desk one question about a request, and the desk explains once, to every custodian of it."""

import datetime as dt
import json
import os
from contextlib import ExitStack

import pytest

from coffer.authority.authorization import parse_authorization
from coffer.cli.main import run
from coffer.custody.exchange import format_order
from coffer.custody.questions import MAX_TEXT_BYTES, ask_question, composed_told, explain, explanation_info
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.ledger.entries import NAME_DIGITS
from coffer.notes.keys import seal
from coffer.procedures.opening.kept import (
    explain_once,
    fetch_reports,
    kept_requests,
    note_sent,
    read_kept,
    send_explanations,
    take_reports,
)
from coffer.procedures.opening.send import send_request
from coffer.procedures.opening.standings import ask_standings
from coffer.vault.desk import KEPT_AFTER
from coffer.vault.operator import DESK
from elsewhere import Elsewhere, served_here

TEXT = "Why three weeks, and not one?"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("questions")).with_records()


class Postbox:
    """Hands everything to the errands of one machine, as its server does."""

    def __init__(self, world, name):
        self.name, self.errands = name, world.errands(name)
        self.errands._service.sync()
        self.send_note, self.send_order = self.errands.take_note, self.errands.take_order
        self.send_explanation, self.standing = self.errands.take_explanation, self.errands.standing


@pytest.fixture
def boxes(world):
    return [Postbox(world, name) for name in world.names]


def request(world, boxes, **changes):
    authorization = parse_authorization(world.request(days=[(world.today, world.today)], **changes), "request")
    send_request(authorization, world.state(), boxes)
    return authorization


def ask(world, authorization, name="judge", text=TEXT):
    keys = world.keys(name)
    question = ask_question(authorization.commitment, text, custodian=name, key=keys.auth, now=world.now)
    world.machine(name).requests.ask(question, keys)
    return question


def hear(world, boxes, authorization):
    roster = world.state().rosters[authorization.terms.roster]
    take_reports(world.vault, authorization, roster, ask_standings(world.vault, authorization, boxes))
    return read_kept(world.vault, authorization.commitment, world.state())


def explained_at(world, name, authorization):
    roster = world.state().rosters[authorization.terms.roster]
    questions = world.machine(name).requests.questions
    return questions.explanations(authorization.commitment, authorization.terms.requester, roster, world.keys(name))


def test_question_reaches_the_desk_and_what_it_explains_every_custodian(world, boxes):
    authorization = request(world, boxes)
    question = ask(world, authorization)
    kept = hear(world, boxes, authorization)
    assert kept.open_questions == (question,)
    explanation = explain_once(world.vault, kept, question, "The trip  took\nthree.")
    assert explanation.text == "The trip took three."
    roster = world.state().rosters[authorization.terms.roster]
    for _ in range(2):  # sending it again is harmless
        sent = send_explanations(authorization, [explanation], roster, boxes)
        assert (sent.reached, sent.failed) == (world.names, {})
    for name in world.names:
        assert explained_at(world, name, authorization) == (explanation,)
    after = hear(world, boxes, authorization)
    assert (after.open_questions, after.explanations) == ((), (explanation,))
    assert after.reports["judge"].held.asked.is_explained
    assert after.reports["dpo"].held.asked is None


def test_custodian_asks_once_and_the_desk_explains_once(world, boxes):
    authorization = request(world, boxes)
    question = ask(world, authorization)
    with pytest.raises(Refused, match="one was asked about this request before"):
        ask(world, authorization, text="And why at all?")
    kept = hear(world, boxes, authorization)
    first = explain_once(world.vault, kept, question, "So it is.")
    assert explain_once(world.vault, kept, question, "So it is.") == first, "the same again is what was said"
    with pytest.raises(Refused, match="something else was explained before"):
        explain_once(world.vault, kept, question, "It is not.")


def test_two_custodians_ask_and_both_are_explained_to_all(world, boxes):
    authorization = request(world, boxes)
    questions = [ask(world, authorization, name) for name in ("dpo", "judge")]
    kept = hear(world, boxes, authorization)
    assert kept.open_questions == tuple(questions)
    explanations = [explain_once(world.vault, kept, one, f"To {one.custodian}.") for one in questions]
    send_explanations(authorization, explanations, world.state().roster, boxes)
    assert explained_at(world, "regulator", authorization) == tuple(explanations)


def test_what_nobody_asked_is_not_taken(world, boxes):
    """A desk puts no words into a custodian's mouth; the twin is the question that was asked."""
    authorization = request(world, boxes)
    desk, judge = world.vault.operator_key(DESK), world.keys("judge")
    commitment, now = authorization.commitment, world.now
    never = ask_question(commitment, "May I sign blindly?", custodian="judge", key=judge.auth, now=now)
    forged = ask_question(commitment, TEXT, custodian="judge", key=world.keys("dpo").auth, now=now)
    asked = ask(world, authorization)
    other = request(world, boxes)
    for box in boxes:
        member = world.state().roster.custodian(box.name)
        info = explanation_info(authorization.terms.roster, member.index)

        def hand(question, key=desk, about=commitment, member=member, info=info, box=box):
            raw = explain(question, "Yes.", key=key, now=now).raw
            box.send_explanation(seal(format_order(about, raw), member.req, info=info))

        with pytest.raises(NotProven, match="its signature does not verify"):
            hand(forged)
        with pytest.raises(NotProven, match="note: not signed by desk"):
            hand(asked, key=judge.auth)
        with pytest.raises(NotProven, match="explanation: of another request"):
            hand(asked, about=other.commitment)
        with pytest.raises(NotProven, match="of no request that is held here"):
            hand(asked, about=bytes(32))
        if box.name == "judge":
            with pytest.raises(NotProven, match="to a question that was not asked here"):
                hand(never)
        hand(asked)
    assert [len(explained_at(world, name, authorization)) for name in world.names] == [1, 1, 1]


def test_texts_are_bounded_and_show_as_themselves(world, boxes):
    for text in ("", " ", "x" * 501, "漢字", "a\u202eb", "ö" * 501):
        with pytest.raises(MalformedInput, match=r"^question: "):
            composed_told(text, "question")
    assert len(composed_told("ö" * 500, "question").encode()) == MAX_TEXT_BYTES
    with pytest.raises(MalformedInput, match="1,001 bytes, expected at most 1,000"):
        composed_told("€" * 333 + "xx", "question")
    authorization = request(world, boxes)
    with pytest.raises(NotProven, match="about no request that is held here"):
        ask(world, parse_authorization(world.request(days=[(world.today, world.today)]), "request"))
    ask(world, authorization, text="ö" * 500)
    assert hear(world, boxes, authorization).open_questions[0].text == "ö" * 500


def test_question_is_sealed_and_goes_with_its_note(world, boxes):
    authorization = request(world, boxes)
    question = ask(world, authorization)
    explanation = explain_once(world.vault, hear(world, boxes, authorization), question, "The whole trip.")
    send_explanations(authorization, [explanation], world.state().roster, boxes)
    machine, desk = world.machines["judge"], world.vault.path / "desk"
    files = [*(machine / "questions").iterdir(), *(machine / "explained").iterdir(), *desk.iterdir()]
    assert len(files) >= 5
    contents = b"".join(path.read_bytes() for path in files)
    assert b"three weeks" not in contents
    assert b"whole trip" not in contents
    requests, keys = world.machine("judge").requests, world.keys("judge")
    revoked = world.state()
    revoked.revoked.add(authorization.commitment)
    requests.remove_ended(revoked, world.now, keys)
    name = authorization.commitment.hex()
    assert not (machine / "questions" / name).exists()
    assert not (machine / "explained" / name).exists()


def test_sync_fetches_signatures_refusals_and_questions_into_the_desks_copy(world, boxes):
    authorization, other = request(world, boxes), request(world, boxes)
    signed = world.custodian("dpo").countersign(authorization.note.raw, "request")
    world.machine("dpo").requests.keep_signed(signed, world.keys("dpo"), world.now, os.urandom)
    world.custodian("judge").refusal_entry(other.note.raw, "scope", "request")
    world.machine("judge").requests.keep_refused(other, "scope", world.keys("judge"), world.now, os.urandom)
    ask(world, other, "regulator")
    heard, damaged = fetch_reports(world.vault, boxes, deadline_s=20.0)
    told = {one.commitment: (one.signed, one.refused, one.asked, one.trouble) for one in heard}
    assert told[authorization.commitment] == (("dpo",), (), (), None)
    assert told[other.commitment] == ((), ("judge",), ("regulator",), None)
    assert damaged == 0
    again, _ = fetch_reports(world.vault, boxes, deadline_s=20.0)
    assert {(one.signed, one.refused) for one in again} == {((), ())}, "what was heard is not told again"
    kept = read_kept(world.vault, authorization.commitment, world.state())
    assert kept.authorization.note.is_signed_by(world.state().roster.custodian("dpo").auth)
    note_sent(world.vault, authorization.commitment, ["dpo"], world.now)
    assert read_kept(world.vault, authorization.commitment, world.state()).sent == {"dpo": world.now}


def test_desks_copy_that_somebody_changed_is_counted_and_not_read(world, boxes):
    authorization = request(world, boxes)
    kept, damaged = kept_requests(world.vault, world.state())
    path = world.vault.path / "desk" / f"{authorization.commitment.hex()}.request"
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    after, worse = kept_requests(world.vault, world.state())
    path.write_bytes(raw)
    assert (len(after), worse - damaged) == (len(kept) - 1, 1)


def test_desks_copy_goes_92_days_after_the_request_expired_with_all_beside_it(world, boxes):
    authorization = request(world, boxes)
    note_sent(world.vault, authorization.commitment, ["judge"], world.now)
    hear(world, boxes, authorization)
    desk, own, expires = world.vault.path / "desk", authorization.commitment.hex(), authorization.terms.expires
    lone = desk / f"{bytes(32).hex()}.reports"
    lone.write_bytes(b"x")
    world.vault.desk.remove_ended_requests(expires + KEPT_AFTER - dt.timedelta(seconds=1))
    suffixes = {path.suffix for path in desk.iterdir() if path.stem == own}
    assert {".request", ".sent", ".reports"} <= suffixes
    assert not lone.exists(), "what lies beside no request goes at once"
    world.vault.desk.remove_ended_requests(expires + KEPT_AFTER)
    assert {path.suffix for path in desk.iterdir() if path.stem == own} <= {".seal", ".nonces"}


def test_commands_ask_and_explain_over_http(world, boxes, capfd, monkeypatch):
    monkeypatch.setenv("COFFER_PASSPHRASE_FILE", str(world.path / "passphrase"))
    authorization = request(world, boxes)
    digits, judge = authorization.commitment.hex()[:NAME_DIGITS], str(world.machines["judge"])
    secret = ["--passphrase-file", str(world.path / "passphrase")]
    assert run(["custodian", "ask", judge, digits, TEXT, *secret]) == 0
    assert run(["custodian", "ask", judge, digits, TEXT, *secret]) != 0
    assert "one was asked about this request before" in capfd.readouterr().err
    with ExitStack() as held:
        urls = {name: held.enter_context(served_here(world.app(name))) for name in world.names}
        table = "".join(f'[{name}]\nurl = "{url}"\n' for name, url in urls.items())
        (world.vault.path / "custodians.toml").write_text(table)
        vault = str(world.vault.path)
        assert run(["status", vault, digits, "--json"]) == 0
        document = json.loads(capfd.readouterr().out)
        assert [one["text"] for one in document["questions"]] == [TEXT]
        assert run(["send", vault, digits, "--explain", "It took three."]) == 0
        assert "handed to judge, dpo, regulator" in capfd.readouterr().out
        assert run(["send", vault, digits, "--explain", "It took four.", "--to", "judge"]) != 0
        assert "something else was explained before" in capfd.readouterr().err
        assert run(["status", vault]) == 0
        assert digits in capfd.readouterr().out
        assert run(["sync", vault]) == 0
    (world.vault.path / "custodians.toml").unlink()
    for name in world.names:
        assert run(["custodian", "review", str(world.machines[name]), digits, *secret]) == 0
        shown = capfd.readouterr()
        assert TEXT in shown.out
        assert "It took three." in shown.out
        assert "change nothing that is enforced" in shown.err

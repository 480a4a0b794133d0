"""Attacks on what a desk and a custodian tell each other of one request, and on the four words that people compare. Each has a succeeding twin."""

import datetime as dt
import os
import threading
import time
from dataclasses import replace

import httpx
import pytest

from coffer.authority.authorization import parse_authorization
from coffer.custodian.approvals import Approved
from coffer.custodian.marks import Marks
from coffer.custody.check_words import check_words
from coffer.custody.exchange import CONSTANT_REFUSAL, FRAME_BYTES, format_frame, note_info, parse_frame
from coffer.custody.standing import (
    PLAIN_BYTES,
    Query,
    Signed,
    Standing,
    query_info,
    sign_query,
    sign_standing,
    standing_info,
    verify_standing,
)
from coffer.errors import CofferError, NotProven, Unavailable
from coffer.notes.keys import SealKey, SigningKey, seal
from coffer.notes.note import sign_note
from coffer.procedures.opening.standings import ask_standings, shown_words
from elsewhere import Elsewhere, served_here


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return Elsewhere.make_elsewhere(tmp_path_factory.mktemp("words")).with_records()


def request(world, **changes):
    return parse_authorization(world.request(days=[(world.today, world.today)], **changes), "request")


def send(world, authorization, name="judge"):
    """The desk's server hands a note over; the custodian's service that took it."""
    roster = world.state().rosters[authorization.terms.roster]
    member, service = roster.custodian(name), world.custodian(name)
    service.sync()
    sealed = seal(authorization.note.raw, member.req, info=note_info(roster.hash, member.index))
    world.errands(name, service).take_note(sealed)
    return service


def nonce_at(world, authorization, name="judge"):
    return world.machine(name).requests.marks(authorization.commitment, world.keys(name)).nonce


class Asked:
    """One query of somebody who may sign and seal as it likes."""

    def __init__(self, world, authorization, *, key=None, requester="desk", time=None, index=1, commitment=None):
        self.world, self.authorization = world, authorization
        self.roster = world.state().rosters[authorization.terms.roster]
        self.member, self.reply_key = self.roster.custodians[0], SealKey.generate()
        unsigned = Query(
            requester=requester,
            commitment=commitment or authorization.commitment,
            time=time or world.now,
            reply_public=self.reply_key.public,
        )
        self.query = sign_query(unsigned, key or world.vault.operator_key("desk"), self.roster.hash, index)
        self.sealed = seal(self.query.raw, self.member.req, info=query_info(self.roster.hash, self.member.index))

    def opened(self, reply):
        raw = self.reply_key.unseal(reply, info=standing_info(self.query.hash, self.member.index), place="reply")
        return verify_standing(raw, query=self.query, authorization=self.authorization, member=self.member)


# What the words stop.


def test_desk_that_shows_one_text_and_sends_another_is_heard_on_the_phone(world):
    """The clerk's copy was there before anything was sent, and another program than the desk's page computes its words."""
    read, sent = request(world), request(world, person="C. Other")
    send(world, sent)
    nonce = nonce_at(world, sent)
    heard = check_words(sent, "judge", nonce)
    assert check_words(read, "judge", nonce) != heard
    assert check_words(parse_authorization(sent.note.raw, "the clerk's copy"), "judge", nonce) == heard, "the twin"


def test_note_changed_on_its_way_is_heard_though_the_desks_key_signed_it(world):
    """Whoever holds the desk's key changes the limit alone; the commitment differs, and the words."""
    read = request(world)
    text = read.note.text.replace(b"max-records: 100", b"max-records: 900")
    changed = parse_authorization(sign_note(text, world.vault.operator_key("desk")).raw, "changed")
    send(world, changed)
    heard = check_words(changed, "judge", nonce_at(world, changed))
    assert check_words(read, "judge", nonce_at(world, changed)) != heard
    service = send(world, read)
    asked = Asked(world, read)
    nonce = asked.opened(service.standing(asked.sealed)).held.nonce
    (there,) = [one for one in world.machine("judge").notes(world.keys("judge")) if one.commitment == read.commitment]
    assert check_words(read, "judge", nonce) == check_words(there, "judge", nonce), (
        "the twin: both ends compute the same"
    )


def twin(text, wanted, custodian, nonce, key, *, words):
    """A text that differs in its id alone and shows the same first words: what a search of 256^words tries finds."""
    for number in range(100_000):
        lines = text.split(b"\n")
        lines[3] = b"id: " + number.to_bytes(16, "big").hex().encode()
        found = parse_authorization(sign_note(b"\n".join(lines), key).raw, "twin")
        if check_words(found, custodian, nonce)[:words] == wanted[:words]:
            return found
    raise AssertionError("not found")


def test_twin_searched_after_the_nonce_is_known_gets_a_nonce_of_its_own(world):
    """Seeing the nonce, the desk's server finds another text with the same first word, and sends that too."""
    sent, key = request(world), world.vault.operator_key("desk")
    send(world, sent)
    nonce = nonce_at(world, sent)
    shown = check_words(sent, "judge", nonce)
    evil = twin(request(world, person="C. Other").note.text, shown, "judge", nonce, key, words=1)
    assert check_words(evil, "judge", nonce)[0] == shown[0], "the search went well"
    assert evil.commitment != sent.commitment
    send(world, evil)
    assert nonce_at(world, evil) != nonce
    assert check_words(evil, "judge", nonce_at(world, evil)) != shown
    send(world, sent)
    assert nonce_at(world, sent) == nonce, "the twin: sent again, a note keeps its nonce and words"


def test_nonce_that_the_desks_server_makes_up_is_not_the_custodians(world):
    """With a nonce of its choice the server would make the clerk's copy show what the custodian's page shows."""
    read, sent = request(world), request(world, person="C. Other")
    service = send(world, sent)
    heard = check_words(sent, "judge", nonce_at(world, sent))
    nonces = (number.to_bytes(16, "big") for number in range(100_000))
    lie = next(nonce for nonce in nonces if check_words(read, "judge", nonce)[0] == heard[0])
    asked = Asked(world, read)
    honest = asked.opened(service.standing(asked.sealed))
    assert honest.held is None, "it does not hold what the clerk read"
    other = Asked(world, sent)
    held = other.opened(service.standing(other.sealed)).held
    forged = Standing(custodian="judge", authorization=read.commitment, held=replace(held, nonce=lie), away=None)
    for key in (world.vault.operator_key("desk"), world.keys("judge").auth, SigningKey.generate("judge/resp")):
        with pytest.raises(NotProven, match="its signature does not verify"):
            verify_standing(
                sign_standing(forged, asked.query, key), query=asked.query, authorization=read, member=asked.member
            )
    own = sign_standing(forged, asked.query, world.keys("judge").resp)
    found = verify_standing(own, query=asked.query, authorization=read, member=asked.member)
    assert found.held.nonce == lie, "the twin: by the custodian's own key it is proven"


def test_report_of_the_other_request_is_not_taken_for_the_one_that_was_read(world):
    read, sent = request(world), request(world, person="C. Other")
    service = send(world, sent)
    asked = Asked(world, sent)
    raw = asked.reply_key.unseal(service.standing(asked.sealed), info=standing_info(asked.query.hash, 1), place="reply")
    with pytest.raises(NotProven, match="of another custodian or request"):
        verify_standing(raw, query=asked.query, authorization=read, member=asked.member)
    assert verify_standing(raw, query=asked.query, authorization=sent, member=asked.member).held is not None


def test_page_of_the_attacker_shows_the_attackers_words_which_is_why_a_second_program_computes_them(world):
    """GAP: who controls the one program that shows the clerk both text and words is not heard."""
    sent = request(world, person="C. Other")
    send(world, sent)
    page = {"text": request(world).note.text, "words": check_words(sent, "judge", nonce_at(world, sent))}
    assert page["words"] == check_words(sent, "judge", nonce_at(world, sent))
    assert b"A. Example" in page["text"]


class Changing:
    """A custodian that signs what it likes: another nonce each time."""

    def __init__(self, world, name):
        self.name, self._world = name, world

    def standing(self, sealed):
        machine, keys = self._world.machine(self.name), self._world.keys(self.name)
        for path in (machine.path / "marks").iterdir():
            path.unlink()
        for note in machine.notes(keys):
            machine.requests.take(note.note, keys, self._world.now, os.urandom)
        service = self._world.custodian(self.name)
        service.sync()
        return service.standing(sealed)


def test_custodian_that_names_another_nonce_each_time_is_told_apart(world):
    authorization = request(world)
    honest = send(world, authorization)
    asked = [ask_standings(world.vault, authorization, [honest]) for _ in range(2)]
    first, second = (shown_words(world.vault, authorization, found)["judge"] for found in asked)
    assert (first, first.before) == (second, None)
    found = ask_standings(world.vault, authorization, [Changing(world, "judge")])
    changed = shown_words(world.vault, authorization, found)["judge"]
    assert (changed.before, changed.now == first.now) == (first.now, False)


# Who is told what.


def test_stranger_another_role_and_an_old_or_future_query_get_eight_bytes(world):
    authorization = request(world)
    service = send(world, authorization)
    quarter, second = dt.timedelta(minutes=15), dt.timedelta(seconds=1)
    asked = {
        "a stranger": Asked(world, authorization, key=SigningKey.generate("desk")),
        "the ingester": Asked(world, authorization, key=world.vault.operator_key("ingester"), requester="ingester"),
        "a name nobody has": Asked(world, authorization, requester="other"),
        "made for another custodian": Asked(world, authorization, index=2),
        "too old": Asked(world, authorization, time=world.now - quarter - second),
        "too new": Asked(world, authorization, time=world.now + quarter + second),
    }
    assert {name: service.standing(one.sealed) for name, one in asked.items()} == dict.fromkeys(asked, CONSTANT_REFUSAL)
    for junk in (b"", b"x", bytes(2_000), asked["too old"].sealed[:-1]):
        assert service.standing(junk) == CONSTANT_REFUSAL
    for near in (world.now - quarter, world.now + quarter):
        twin_ = Asked(world, authorization, time=near)
        assert twin_.opened(service.standing(twin_.sealed)).held is not None


def test_another_desk_cannot_tell_a_note_of_the_first_from_none(world):
    """Another requester of the roster is a desk too: it gets the very report of a note that is not held."""
    other = SigningKey.generate("court")
    authorization, absent = request(world), request(world, person="D. Absent")
    service = send(world, authorization)
    requests, keys = world.machine("judge").requests, world.keys("judge")
    marks = requests.marks(authorization.commitment, keys)
    theirs = Marks(
        requester=other.verify_key, roster=marks.roster, expires=marks.expires, nonce=marks.nonce, held=marks.held
    )
    requests._write_marks(authorization.commitment, theirs, keys)
    asked, nothing = Asked(world, authorization), Asked(world, absent)
    replies = [service.standing(one.sealed) for one in (asked, nothing)]
    assert asked.opened(replies[0]).held is nothing.opened(replies[1]).held is None
    assert len({len(reply) for reply in replies}) == 1
    requests._write_marks(authorization.commitment, marks, keys)
    twin_ = Asked(world, authorization)
    assert twin_.opened(service.standing(twin_.sealed)).held is not None


def test_every_report_and_refusal_has_one_length_and_status_whatever_happened(world):
    authorization, absent = request(world), request(world, person="D. Absent")
    service = send(world, authorization)
    requests, keys, at = world.machine("judge").requests, world.keys("judge"), authorization.commitment
    seen = {}
    with served_here(world.app("judge", service)) as url, httpx.Client(base_url=url, timeout=20) as client:

        def ask(name, one):
            reply = client.post("/v1/standing", content=format_frame(one.sealed))
            seen[name] = (reply.status_code, len(reply.content), sorted(reply.headers))
            return parse_frame(reply.content, "reply")

        ask("not held", Asked(world, absent))
        ask("held", Asked(world, authorization))
        for person in range(1, 40):
            requests.mark_read(at, person, world.now, keys)
        ask("read", Asked(world, authorization))
        signed = service.countersign(authorization.note.raw, "request")
        requests.keep_signed(signed, keys, world.now, os.urandom)
        lengths = {len(ask("signed", Asked(world, authorization))), len(ask("again", Asked(world, absent)))}
        assert ask("a stranger", Asked(world, authorization, key=SigningKey.generate("desk"))) == CONSTANT_REFUSAL
        assert lengths == {PLAIN_BYTES + 1_136}
        assert 'outcome="answered"} 6' in client.get("/metrics").text
        for raw, status in ((bytes(FRAME_BYTES + 1), 413), (b"xy", 400)):
            assert client.post("/v1/standing", content=raw).status_code == status
    assert len(set(map(str, seen.values()))) == 1
    assert seen["held"][:2] == (200, FRAME_BYTES)


def test_query_replayed_by_who_recorded_it_opens_for_nobody_else_and_not_at_all_later(world):
    authorization = request(world)
    service = send(world, authorization)
    asked = Asked(world, authorization)
    first, again = service.standing(asked.sealed), service.standing(asked.sealed)
    with pytest.raises(NotProven, match="does not unseal"):
        SealKey.generate().unseal(again, info=standing_info(asked.query.hash, 1), place="reply")
    assert asked.opened(first) == asked.opened(again), "the twin: whoever made it reads both"
    world.now += dt.timedelta(minutes=16)
    try:
        assert service.standing(asked.sealed) == CONSTANT_REFUSAL
    finally:
        world.now -= dt.timedelta(minutes=16)


def test_query_resealed_by_one_custodian_to_another_is_refused(world):
    """The judge's machine holds what the desk sealed to it, and asks the dpo with it."""
    authorization = request(world)
    service = send(world, authorization, "dpo")
    asked = Asked(world, authorization)
    dpo = asked.roster.custodian("dpo")
    resealed = seal(asked.query.raw, dpo.req, info=query_info(asked.roster.hash, dpo.index))
    assert service.standing(resealed) == CONSTANT_REFUSAL
    twin_ = ask_standings(world.vault, authorization, [service])
    assert twin_["dpo"].held is not None


# Replies of a hostile custodian.


class Liar:
    def __init__(self, name, reply):
        self.name, self._reply = name, reply

    def standing(self, sealed):
        del sealed
        return self._reply


@pytest.mark.parametrize("reply", [b"", b"junk", bytes(3_184), bytes(8_000)])
def test_reply_that_is_none_is_not_proven_and_the_others_are_shown(world, reply):
    authorization = request(world)
    honest = send(world, authorization, "dpo")
    found = ask_standings(world.vault, authorization, [Liar("judge", reply), honest])
    assert isinstance(found["judge"], NotProven)
    assert found["dpo"].held is not None


def test_signature_of_another_custodian_is_not_put_into_the_note(world):
    authorization = request(world)
    send(world, authorization)
    signed = world.custodian("dpo").countersign(authorization.note.raw, "request")
    machine, keys = world.machine("judge"), world.keys("judge")
    machine.requests.keep_signed(signed, keys, world.now, os.urandom)
    world.machine("judge").folder.append_decision(Approved(commitment=authorization.commitment), world.now, keys)
    service = world.custodian("judge")
    service.sync()
    asked = Asked(world, authorization)
    assert asked.opened(service.standing(asked.sealed)).held.decision is None, "an honest machine has no such line"
    held = asked.opened(service.standing(asked.sealed)).held
    stolen = signed.signatures[-1].signature
    lie = replace(held, decision=Signed(time=world.now, signature=stolen))
    forged = Standing(custodian="judge", authorization=authorization.commitment, held=lie, away=None)
    plain = sign_standing(forged, asked.query, keys.resp)
    with pytest.raises(NotProven, match="its countersignature does not verify"):
        verify_standing(plain, query=asked.query, authorization=authorization, member=asked.member)
    own = replace(lie, decision=Signed(time=world.now, signature=keys.auth.sign(authorization.note.text)))
    twin_ = sign_standing(replace(forged, held=own), asked.query, keys.resp)
    assert verify_standing(twin_, query=asked.query, authorization=authorization, member=asked.member).held == own


def test_custodian_that_never_answers_holds_up_nobody(world):
    released = threading.Event()

    class Silent:
        name = "judge"

        def standing(self, sealed):
            del sealed
            released.wait(20)
            return b""

    authorization = request(world)
    honest, started = send(world, authorization, "dpo"), time.monotonic()
    found = ask_standings(world.vault, authorization, [Silent(), honest], deadline_s=1.0)
    released.set()
    assert time.monotonic() - started < 10
    assert isinstance(found["judge"], Unavailable)
    assert found["dpo"].held is not None
    assert isinstance(found["regulator"], CofferError), "not at hand"

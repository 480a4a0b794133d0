"""Registration, authentication, challenges and invitations. Each refusal has a twin that differs in one thing."""

import datetime as dt
import json
import os
from contextlib import suppress

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings
from hypothesis import strategies as st

import authenticator
from authenticator import BACKED_UP, ELIGIBLE, PRESENT, VERIFIED, Authenticator, b64url, cose, make_key
from coffer.errors import MalformedInput, Refused, Unavailable
from coffer.passkeys import challenges
from coffer.passkeys.ceremonies import (
    MAX_ASSERTION_BYTES,
    authentication_options,
    parse_assertion,
    registration_options,
    verify_assertion,
    verify_registration,
)
from coffer.passkeys.challenges import Challenges, Purpose
from coffer.passkeys.invitations import hash_code, make_invitation, verify_invitation
from coffer.passkeys.passkey import RelyingParty, parse_site

NOW = dt.datetime(2026, 1, 9, 10, 42, tzinfo=dt.UTC)
SITE = RelyingParty(id="judge.example", origin="https://judge.example:8444", name="judge")
CHALLENGE, OTHER = bytes(range(32)), bytes(32)


def enrolled(key, **faults):
    options = registration_options(SITE, handle=bytes(16), user="A. Judge", challenge=CHALLENGE)
    return verify_registration(key.register(options, **faults), SITE, challenge=CHALLENGE, label="key", now=NOW)


def signed(key, passkey, *, site=SITE, expected=CHALLENGE, **faults):
    options = authentication_options(SITE, challenge=CHALLENGE, allowed=[passkey.id])
    return verify_assertion(parse_assertion(key.sign(options, **faults)), passkey, site, challenge=expected)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_passkey_of_each_algorithm_registers_and_signs(algorithm):
    key = Authenticator(SITE.origin, algorithm=algorithm)
    passkey = enrolled(key)
    assert (passkey.id, passkey.key, passkey.count, passkey.is_backed_up) == (key.id, cose(key.key), 0, False)
    assert signed(key, passkey) == passkey


def test_options_demand_verification_and_no_attestation_and_a_passkey_that_is_found_without_a_name():
    made = json.loads(registration_options(SITE, handle=bytes(16), user="A", challenge=CHALLENGE, existing=[bytes(20)]))
    assert made["attestation"] == "none"
    assert made["authenticatorSelection"]["userVerification"] == "required"
    assert made["authenticatorSelection"]["residentKey"] == "required"
    assert [one["alg"] for one in made["pubKeyCredParams"]] == [-7, -8, -257]
    assert [one["id"] for one in made["excludeCredentials"]] == [b64url(bytes(20))]
    asked = json.loads(authentication_options(SITE, challenge=CHALLENGE))
    assert (asked["userVerification"], asked.get("allowCredentials", [])) == ("required", [])
    assert asked["challenge"] == b64url(CHALLENGE)


def test_backup_state_is_noted_and_follows():
    key = Authenticator(SITE.origin, flags=PRESENT | VERIFIED | ELIGIBLE)
    passkey = enrolled(key)
    assert not passkey.is_backed_up
    assert signed(key, passkey, flags=PRESENT | VERIFIED | ELIGIBLE | BACKED_UP).is_backed_up


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"origin": "https://judge.example.evil:8444"}, "another site"),
        ({"flags": PRESENT}, "did not verify who holds it"),
        ({"kind": "get"}, "another act"),
        ({"attestation": {"fmt": "packed", "attStmt": {"alg": -7, "sig": b"x"}}}, "does not hold"),
    ],
)
def test_registration_with_a_fault_is_refused(faults, said):
    key = Authenticator(SITE.origin)
    with pytest.raises(Refused, match=said):
        enrolled(key, **faults)
    assert enrolled(key).id == key.id


def test_weak_or_unknown_key_is_not_registered(monkeypatch):
    weak = Authenticator(SITE.origin, key=rsa.generate_private_key(65537, 1024))
    with pytest.raises(Refused, match="a key of 1024 bits"):
        enrolled(weak)
    strange = Authenticator(SITE.origin)
    with monkeypatch.context() as patched:
        point = {1: 2, 3: -35, -1: 2, -2: bytes(48), -3: bytes(48)}
        patched.setattr(authenticator, "cose", lambda _key: cbor2.dumps(point))
        with pytest.raises(Refused, match="does not hold"):
            enrolled(strange)
    assert enrolled(strange).id == strange.id


@pytest.mark.parametrize(
    ("faults", "said"),
    [
        ({"origin": "https://judge.example"}, "another site"),
        ({"rp_id": "example"}, "another site"),
        ({"flags": PRESENT}, "did not verify"),
        ({"flags": VERIFIED}, "did not verify"),
        ({"kind": "create"}, "another act"),
        ({"extra": {"crossOrigin": True}}, "within another site"),
        ({"extra": {"topOrigin": "https://evil.example"}}, "within another site"),
        ({"count": 5}, "counter went back"),
        ({"count": 4}, "counter went back"),
        ({"count": 0}, "counter went back"),
    ],
)
def test_assertion_with_a_fault_is_refused(faults, said):
    key = Authenticator(SITE.origin, count=4)
    passkey = enrolled(key)
    assert passkey.count == 5
    with pytest.raises(Refused, match=said):
        signed(key, passkey, **faults)
    assert signed(key, passkey, count=6).count == 6


def test_assertion_over_another_challenge_by_another_key_or_with_a_changed_byte_is_refused():
    key, thief = Authenticator(SITE.origin), Authenticator(SITE.origin)
    passkey = enrolled(key)
    with pytest.raises(Refused, match="another challenge"):
        signed(key, passkey, expected=OTHER)
    with pytest.raises(Refused, match="another passkey"):
        signed(thief, passkey)
    thief.id = key.id
    with pytest.raises(Refused, match="does not hold"):
        signed(thief, passkey)
    assert signed(key, passkey) == passkey


def test_client_data_with_a_key_twice_is_refused_and_once_is_taken():
    key = Authenticator(SITE.origin)
    passkey, plain = enrolled(key), key.client_data
    key.client_data = lambda *words, **more: b'{"origin":"https://evil.example",' + plain(*words, **more)[1:]
    with pytest.raises(MalformedInput, match="a key twice"):
        signed(key, passkey)
    key.client_data = plain
    assert signed(key, passkey) == passkey


def test_long_answers_are_refused_unread():
    with pytest.raises(MalformedInput, match="expected at most 8192"):
        parse_assertion(b"[" * (MAX_ASSERTION_BYTES + 1))
    with pytest.raises(MalformedInput, match="not JSON"):
        parse_assertion(b"[" * MAX_ASSERTION_BYTES)


@settings(deadline=None)  # the first call loads a library
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_malformed_and_nothing_worse(raw):
    with pytest.raises(MalformedInput, match="passkey: "):
        parse_assertion(raw)


_KEY = Authenticator(SITE.origin, seed=bytes(32))
_PASSKEY = enrolled(_KEY)
_REGISTERED = _KEY.register(registration_options(SITE, handle=bytes(16), user="A", challenge=CHALLENGE))
_SIGNED = _KEY.sign(authentication_options(SITE, challenge=CHALLENGE))


@settings(deadline=None)  # the first call loads a library
@given(st.integers(0, len(_REGISTERED) - 1), st.integers(1, 255))
def test_registration_with_any_byte_changed_raises_only_our_errors(at, by):
    raw = bytearray(_REGISTERED)
    raw[at] ^= by
    with suppress(MalformedInput, Refused):
        verify_registration(bytes(raw), SITE, challenge=CHALLENGE, label="", now=NOW)


@settings(deadline=None)  # the first call loads a library
@given(st.integers(0, len(_SIGNED) - 1), st.integers(1, 255))
def test_assertion_with_any_byte_changed_proves_nothing_else(at, by):
    raw = bytearray(_SIGNED)
    raw[at] ^= by
    with suppress(MalformedInput, Refused):  # unless the byte is one that nobody reads
        assert verify_assertion(parse_assertion(bytes(raw)), _PASSKEY, SITE, challenge=CHALLENGE) == _PASSKEY


def test_challenge_serves_once_in_time_and_for_what_it_was_made():
    waiting = Challenges(os.urandom)

    def fresh():
        return waiting.issue(Purpose.SIGN_IN, b"visit", NOW).value

    late = NOW + challenges.LIFE
    for value, purpose, subject, now in (
        (fresh(), Purpose.APPROVE, b"visit", NOW),
        (fresh(), Purpose.SIGN_IN, b"another", NOW),
        (fresh(), Purpose.SIGN_IN, b"visit", late),
        (bytes(32), Purpose.SIGN_IN, b"visit", NOW),
    ):
        with pytest.raises(Refused, match="none for this"):
            waiting.take(value, purpose, subject, now)
        with pytest.raises(Refused, match="none for this"):  # used up, whatever came of it
            waiting.take(value, Purpose.SIGN_IN, b"visit", NOW)
    value = fresh()
    assert len(value) == 32
    assert waiting.take(value, Purpose.SIGN_IN, b"visit", late - dt.timedelta(seconds=1)).value == value
    with pytest.raises(Refused, match="used before"):
        waiting.take(value, Purpose.SIGN_IN, b"visit", NOW)


def test_flood_of_challenges_throws_nobodys_out_and_ends_with_time(monkeypatch):
    monkeypatch.setattr(challenges, "MAX_WAITING", 3)
    waiting = Challenges(os.urandom)
    first = waiting.issue(Purpose.SIGN_IN, b"", NOW)
    waiting.issue(Purpose.SIGN_IN, b"", NOW)
    waiting.issue(Purpose.SIGN_IN, b"", NOW)
    with pytest.raises(Unavailable, match="3 wait"):
        waiting.issue(Purpose.SIGN_IN, b"", NOW)
    assert waiting.take(first.value, Purpose.SIGN_IN, b"", NOW) == first
    assert waiting.issue(Purpose.SIGN_IN, b"", NOW + challenges.LIFE)
    assert sum(map(len, waiting._waiting.values())) == 1


def test_invitation_serves_72_hours_and_no_other_code():
    code, kept = make_invitation(NOW, os.urandom)
    other, _ = make_invitation(NOW, os.urandom)
    assert len(code) == 39
    typed = hash_code(code.lower().replace("-", " "))
    verify_invitation(typed, kept, NOW + dt.timedelta(hours=72, seconds=-1))
    for hashed, invitation, now in (
        (typed, kept, NOW + dt.timedelta(hours=72)),
        (hash_code(other), kept, NOW),
        (typed, None, NOW),
    ):
        with pytest.raises(Refused, match="unknown, used, replaced or older"):
            verify_invitation(hashed, invitation, now)
    with pytest.raises(MalformedInput, match="not a code"):
        hash_code("1234")


@pytest.mark.parametrize(
    "origin",
    [
        "https://Judge.example",
        "https://judge.example/",
        "https://judge.example:443",
        "https://judge.example:99999",
        "http://judge.example",
        "https://10.0.0.1",
        "judge.example",
        "https://user@judge.example",
    ],
)
def test_origin_in_another_form_is_no_site(origin):
    with pytest.raises(MalformedInput, match="site: "):
        parse_site(origin, "site", name="judge")


def test_origins_that_browsers_send_are_sites():
    assert parse_site("https://judge.example:8444", "site", name="judge") == SITE
    assert parse_site("http://localhost:8444", "site", name="judge").id == "localhost"
    assert make_key("ES256", bytes(32)).private_numbers().private_value == 1

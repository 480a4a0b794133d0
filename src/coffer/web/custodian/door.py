"""The door of a custodian's page: its people by their passkeys. Fits ``ground.door.Door``."""

import datetime as dt
import hashlib
from typing import Final

from coffer.custodian.machine.clerks import Clerks
from coffer.custodian.people import Person
from coffer.entropy import Entropy
from coffer.errors import Refused
from coffer.passkeys.ceremonies import parse_assertion
from coffer.web.ground.door import Ceremony, Visitor

_HANDLE_BYTES: Final = 32
_HANDLE_CHARACTERS: Final = 2 * _HANDLE_BYTES


class ClerkDoor:
    """A session names a person and the passkey that began it, so that it ends when either counts no more."""

    def __init__(self, clerks: Clerks, entropy: Entropy) -> None:
        self._clerks = clerks
        self._entropy = entropy

    def begin_sign_in(self, now: dt.datetime, /) -> Ceremony:
        """As the port."""
        handle = self._entropy(_HANDLE_BYTES).hex()
        return Ceremony(handle=handle, options=self._clerks.begin_sign_in(_visit(handle), now))

    def sign_in(self, handle: str, answer: str, now: dt.datetime, /) -> str:
        """As the port."""
        raw = answer.encode("utf-8")
        person = self._clerks.finish_sign_in(_visit(handle), raw, now)
        return _session_name(person, parse_assertion(raw).credential)

    def begin_enrolling(self, code: str, now: dt.datetime, /) -> Ceremony:
        """As the port."""
        return Ceremony(handle="enrolling", options=self._clerks.begin_enrolment(code, now))

    def enroll(self, code: str, handle: str, answer: str, label: str, now: dt.datetime, /) -> str:  # noqa: ARG002
        """As the port; the code binds both halves."""
        person = self._clerks.finish_enrolment(code, answer.encode("utf-8"), label, now)
        return _session_name(person, person.passkeys[-1].id)

    def begin_adding(self, person: str, now: dt.datetime, /) -> Ceremony:
        """As the port."""
        return Ceremony(handle="adding", options=self._clerks.begin_adding(ordinal_of(person), now))

    def add(self, person: str, handle: str, answer: str, label: str, now: dt.datetime, /) -> None:  # noqa: ARG002
        """As the port; the person binds both halves."""
        self._clerks.finish_adding(ordinal_of(person), answer.encode("utf-8"), label, now)

    def visitor(self, person: str, now: dt.datetime, /) -> Visitor | None:  # noqa: ARG002
        """As the port: None also if the passkey that began the session was revoked, in whatever process."""
        member = self._clerks.people().persons.get(ordinal_of(person))
        if member is None or not any(_session_name(member, passkey.id) == person for passkey in member.passkeys):
            return None
        return Visitor(id=person, name=member.name)


def ordinal_of(person: str) -> int:
    """The person of a session's name."""
    return int(person.partition("-")[0])


def _session_name(person: Person, credential: bytes) -> str:
    return f"{person.ordinal}-{hashlib.sha256(credential).hexdigest()[:32]}"


def _visit(handle: str) -> bytes:
    if len(handle) != _HANDLE_CHARACTERS or not (handle.isascii() and handle.isalnum()):
        raise Refused("sign-in: none began so", code="form", hint="begin again on the page")
    return handle.encode("ascii")

"""Who works at a desk: persons, their roles, and the invitations by which they come. Pure."""

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NewType

from coffer.errors import MalformedInput
from coffer.notify.address import Hook, Mailbox
from coffer.notify.message import Language
from coffer.passkeys.passkey import Passkey
from coffer.visible import is_visible

PersonId = NewType("PersonId", str)
"""32 random hex digits. It names a person in rows and history, and says nothing about them."""

MAX_NAME: Final = 80
MAX_PEOPLE: Final = 500
"""A desk has a dozen people. All of them are read and proven together, so that their number is bounded."""
MAX_PASSKEYS: Final = 10


class Role(StrEnum):
    """What somebody is at the desk; ``rights`` says what that allows."""

    CLERK = "clerk"
    HEAD = "head"
    OPERATOR = "operator"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody at the desk.

    ``zone``: the IANA name of the time zone in which they read times. ``mailbox``, ``hook_url``, ``hook_secret``: where
    notifications go; None where they want none. ``revoked``: since when they may do nothing; None while they may.
    ``signed_out``: sessions that began before are over, since a passkey or the role changed then; None if none did.
    ``invited_by``: who invited them, or invited them anew last; None for the operator at the machine itself.
    """

    id: PersonId
    name: str = field(repr=False)
    role: Role
    added: dt.datetime
    language: Language = Language.ENGLISH
    zone: str = "UTC"
    mailbox: str | None = field(default=None, repr=False)
    hook_url: str | None = field(default=None, repr=False)
    hook_secret: bytes | None = field(default=None, repr=False)
    passkeys: tuple[Passkey, ...] = field(default=(), repr=False)
    revoked: dt.datetime | None = None
    signed_out: dt.datetime | None = None
    invited_by: PersonId | None = None

    def __post_init__(self) -> None:
        parse_name(self.name)
        if self.mailbox is not None:
            Mailbox(address=self.mailbox)
        if (self.hook_url is None) != (self.hook_secret is None):
            raise MalformedInput("person: a webhook needs a URL and a secret")
        if self.hook_url is not None and self.hook_secret is not None:
            Hook(url=self.hook_url, secret=self.hook_secret)
        if len(self.passkeys) > MAX_PASSKEYS:
            raise MalformedInput(f"person: {len(self.passkeys)} passkeys, expected at most {MAX_PASSKEYS}")

    @property
    def is_active(self) -> bool:
        """Whether they may sign in."""
        return self.revoked is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """An invitation that was not used yet, without its code (``passkeys.invitations``).

    ``person``: who they will be, or already are where ``is_recovery`` (they lost their passkeys). ``by``: who invited;
    None for the operator at the machine itself.
    """

    person: PersonId
    name: str = field(repr=False)
    role: Role
    by: PersonId | None
    ends: dt.datetime
    is_recovery: bool = False


def parse_name(text: str) -> str:
    """A person's name: 1 to 80 characters that are shown as they are, no outer spaces."""
    if not 1 <= len(text) <= MAX_NAME or text != text.strip() or not is_visible(text):
        raise MalformedInput(f"name: expected 1 to {MAX_NAME} characters that can be seen")
    return text

"""Invitations: who holds the code may register a passkey, once.

Only a hash of the code is kept. Pure.
"""

import base64
import datetime as dt
import hmac
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from coffer import wire
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, Refused

LIFE: Final = dt.timedelta(hours=72)
"""Over a weekend: a code that lies in a drawer for longer is worth nothing."""
_CODE_BYTES: Final = 20
"""160 bits, so that a fast hash of it can be kept: nobody guesses it."""
_CODE: Final = re.compile(r"[A-Z2-7]{32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """What is kept of an invitation.

    ``hash``: of its code, 32 bytes. ``until``: the first instant at which it is over.
    """

    hash: bytes = field(repr=False)
    until: dt.datetime


def make_invitation(now: dt.datetime, entropy: Entropy) -> tuple[str, Invitation]:
    """The code, to be shown once, and what is kept of it.

    The code is 8 groups of 4 letters and digits that cannot be confused.
    """
    code = base64.b32encode(entropy(_CODE_BYTES)).decode("ascii")
    groups = "-".join(code[at : at + 4] for at in range(0, len(code), 4))
    return groups, Invitation(hash=hash_code(groups), until=now + LIFE)


def verify_tells_apart(name: str, others: Iterable[str]) -> None:
    """Prove that no page shows a name as it shows one of the others.

    In a history a name is all that is seen of a person. Case, kinds and numbers of spaces, and other spellings of one
    character (NFKC) make no difference. GAP: look-alike letters of another alphabet pass; tolerable because whoever
    invites knows whom, and pages show who invited.

    Raises:
        Refused: one of them looks the same.
    """
    if _shown(name) in map(_shown, others):
        raise Refused("invitation: somebody has this name already", code="form", hint="give names that tell apart")


def _shown(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())


def hash_code(typed: str) -> bytes:
    """``H(T("invitation") || code 20 B)`` of a code as a person types it.

    Case, spaces and hyphens do not matter.

    Raises:
        MalformedInput: it is no code.
    """
    code = re.sub(r"[\s-]", "", typed[:128]).upper()
    if not _CODE.fullmatch(code):
        raise MalformedInput("invitation: not a code of 32 letters and digits", hint="type it as it was printed")
    return wire.digest(wire.tag("invitation"), base64.b32decode(code))


def verify_invitation(hashed: bytes, invitation: Invitation | None, now: dt.datetime) -> None:
    """Prove that the code of this hash is the one that was given out, and not too old.

    Raises:
        Refused: it is not, or was used or replaced; the words are the same for each.
    """
    if invitation is None or not hmac.compare_digest(hashed, invitation.hash) or now >= invitation.until:
        raise Refused(
            "invitation: unknown, used, replaced or older than 72 hours",
            code="time",
            hint="ask whoever invited you for a new one",
        )

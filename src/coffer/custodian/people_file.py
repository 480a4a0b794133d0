"""The file in which a custodian keeps what happened to its people: one line an event.

The file is append-only. Each line is sealed under a key that only the custodian has, and bound to the line before it. So
whoever merely writes to the disk can neither add a passkey, change one, nor take a line from the middle, and whoever
merely reads it learns no name. Pure but for the nonces it is given. Implements ``docs/formats/custodian.md``, "People".
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from coffer import wire
from coffer.custodian.people import (
    MAX_REQUIRED,
    Away,
    Enrolled,
    Event,
    Invited,
    People,
    Removed,
    Required,
    Revoked,
    Sited,
    Used,
    WentAway,
    decide_event,
)
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.notes.keys import Secret
from coffer.passkeys.invitations import Invitation
from coffer.passkeys.passkey import Passkey

HEADER: Final = b"coffer.people/v1\n"
_NONCE_BYTES: Final = 12
_ORDINAL: Final = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A proven file.

    ``states``: the people before the first line and after each. ``times``: when each line was written. ``size``: bytes of
    its whole lines. ``chain``: the hash of the last one, which the next line continues.
    """

    states: tuple[People, ...] = (People(),)
    times: tuple[dt.datetime, ...] = ()
    size: int = 0
    chain: bytes = wire.digest(HEADER)

    @property
    def now(self) -> People:
        """The people after the last line."""
        return self.states[-1]

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return len(self.times)

    def ended(self, passkey: Passkey) -> dt.datetime | None:
        """When a passkey ceased to count; None if it counts still."""
        is_there = [any(one.passkey(passkey.id) for one in people.persons.values()) for people in self.states]
        last = max((place for place, was in enumerate(is_there) if was), default=0)
        return self.times[last] if last < self.lines else None


_NOBODY: Final = History()


def parse_people(raw: bytes, key: Secret, *, context: bytes, place: str, begun: History = _NOBODY) -> History:
    """Read and prove a file; an empty one has nobody.

    A last line without its end is left out: a crash cut it before anybody acted on it. ``begun``: what was proven of the
    beginning of these very bytes, so that a file that grows line by line is not read whole each time.

    Raises:
        NotProven: a line was changed, added or taken from the middle.
    """
    if b"\n" not in raw:
        return _NOBODY
    if not raw.startswith(HEADER):
        raise NotProven(f"{place}: people: not in the form {HEADER.decode().strip()}")
    lines = raw[begun.size or len(HEADER) :].split(b"\n")[:-1]
    aes, chain, states, times = AESGCM(key.unsafe_bytes()), begun.chain, [*begun.states], [*begun.times]
    for number, line in enumerate(lines, begun.lines + 1):
        try:
            sealed = wire.parse_base64(line.decode("ascii", "replace"), "line")
            text = aes.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _aad(context, chain)).decode("utf-8")
            event, time = _parse_event(text)
            states.append(decide_event(states[-1], event, time))
            times.append(time)
        except (InvalidTag, ValueError, MalformedInput, Refused):
            raise NotProven(
                f"{place}: people line {number} is not its own",
                hint="somebody changed the file of its people: nothing is answered",
            ) from None
        chain = wire.digest(line)
    size = (begun.size or len(HEADER)) + sum(len(line) + 1 for line in lines)
    return History(states=tuple(states), times=tuple(times), size=size, chain=chain)


def format_event(
    history: History, event: Event, now: dt.datetime, key: Secret, *, context: bytes, entropy: Entropy
) -> tuple[bytes, History]:
    """The bytes that follow a file's whole lines, and its history then.

    Raises:
        Refused, MalformedInput: it may not happen.
    """
    # what is read back must be what was written, so the event is read back before it is sealed
    text = _format_text(event, now)
    event, time = _parse_event(text)
    people = decide_event(history.now, event, time)
    nonce = entropy(_NONCE_BYTES)
    sealed = nonce + AESGCM(key.unsafe_bytes()).encrypt(nonce, text.encode("utf-8"), _aad(context, history.chain))
    line = wire.format_base64(sealed).encode("ascii")
    raw = (b"" if history.size else HEADER) + line + b"\n"
    return raw, History(
        states=(*history.states, people),
        times=(*history.times, time),
        size=history.size + len(raw),
        chain=wire.digest(line),
    )


def _aad(context: bytes, chain: bytes) -> bytes:
    return wire.tag("people") + wire.lp(context) + chain


def _format_text(event: Event, now: dt.datetime) -> str:
    match event:
        case Required():
            words = ["required", str(event.number)]
        case Sited():
            words = ["site", event.origin]
        case Invited():
            invitation = event.invitation
            words = [
                "invited",
                str(event.ordinal),
                invitation.hash.hex(),
                wire.format_time(invitation.until),
                event.name,
            ]
        case Enrolled():
            passkey = event.passkey
            words = ["added" if event.is_recovery else "enrolled", str(event.ordinal)]
            words += [wire.format_base64(passkey.id), wire.format_base64(passkey.key), str(passkey.count)]
            words += ["yes" if passkey.is_backed_up else "no", passkey.label]
        case Revoked():
            words = ["revoked", str(event.ordinal), wire.format_base64(event.credential)]
        case Removed():
            words = ["removed", str(event.ordinal)]
        case WentAway(away=None):
            words = ["back", str(event.ordinal)]
        case WentAway(away=Away() as away):
            span = [wire.format_time(away.since), wire.format_time(away.until)]
            words = ["away", str(event.ordinal), *span, str(away.stand_in)]
        case Used():
            words = ["used", wire.format_base64(event.credential), str(event.count)]
            words += ["yes" if event.is_backed_up else "no"]
    return " ".join([wire.format_time(now), *words])


def _parse_event(text: str) -> tuple[Event, dt.datetime]:
    """The inverse of ``_format_text``; raises ``MalformedInput``."""
    time, kind, rest = _split(text, 3)
    now = wire.parse_time(time, "time")
    reader = _READERS.get(kind)
    if reader is None:
        raise MalformedInput("people: an unknown event")
    return reader(rest, now), now


def _split(text: str, count: int) -> list[str]:
    words = text.split(" ", count - 1)
    if len(words) != count:
        raise MalformedInput(f"people: {len(words)} words, expected {count}")
    return words


def _number(text: str, high: int = 2**32 - 1) -> int:
    return wire.parse_decimal(text, "people: number", high=high)


def _ordinal(text: str) -> int:
    if not _ORDINAL.fullmatch(text):
        raise MalformedInput("people: no ordinal")
    return int(text)


def _flag(text: str) -> bool:
    if text not in {"yes", "no"}:
        raise MalformedInput("people: expected yes or no")
    return text == "yes"


def _bytes(text: str) -> bytes:
    return wire.parse_base64(text, "people")


def _read_invited(rest: str, _now: dt.datetime) -> Event:
    ordinal, hashed, until, name = _split(rest, 4)
    invitation = Invitation(hash=wire.parse_hex(hashed, "hash", size=32), until=wire.parse_time(until, "until"))
    return Invited(ordinal=_ordinal(ordinal), name=name, invitation=invitation)


def _enrolled_reader(*, is_recovery: bool) -> Callable[[str, dt.datetime], Event]:
    def read(rest: str, now: dt.datetime) -> Event:
        ordinal, credential, key, count, backed_up, label = _split(rest, 6)
        passkey = Passkey(
            id=_bytes(credential),
            key=_bytes(key),
            count=_number(count),
            label=label,
            added=now,
            is_backed_up=_flag(backed_up),
        )
        return Enrolled(ordinal=_ordinal(ordinal), passkey=passkey, is_recovery=is_recovery)

    return read


def _read_revoked(rest: str, _now: dt.datetime) -> Event:
    ordinal, credential = _split(rest, 2)
    return Revoked(ordinal=_ordinal(ordinal), credential=_bytes(credential))


def _read_away(rest: str, _now: dt.datetime) -> Event:
    ordinal, since, until, stand_in = _split(rest, 4)
    span = Away(
        since=wire.parse_time(since, "since"),
        until=wire.parse_time(until, "until"),
        stand_in=_number(stand_in, 999_999_999),
    )
    return WentAway(ordinal=_ordinal(ordinal), away=span)


def _read_used(rest: str, _now: dt.datetime) -> Event:
    credential, count, backed_up = _split(rest, 3)
    return Used(credential=_bytes(credential), count=_number(count), is_backed_up=_flag(backed_up))


_READERS: Final[Mapping[str, Callable[[str, dt.datetime], Event]]] = {
    "required": lambda rest, _now: Required(number=_number(rest, MAX_REQUIRED)),
    "site": lambda rest, _now: Sited(origin=rest),
    "invited": _read_invited,
    "enrolled": _enrolled_reader(is_recovery=False),
    "added": _enrolled_reader(is_recovery=True),
    "revoked": _read_revoked,
    "removed": lambda rest, _now: Removed(ordinal=_ordinal(rest)),
    "away": _read_away,
    "back": lambda rest, _now: WentAway(ordinal=_ordinal(rest), away=None),
    "used": _read_used,
}

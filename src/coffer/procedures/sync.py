"""Sync: fetching the entries that custodians on other machines signed, and logging those that count.

The outbox that they hand out is described in ``docs/formats/custodian.md``.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from coffer.custody.waiting import MAX_AHEAD_DAYS, has_arrived, own_entries, waiting_body
from coffer.errors import CofferError, MalformedInput, NotProven
from coffer.ledger.entries import Body, EpochKeyEntry, FaultEntry, RatifyEntry, RefuseEntry, RevokeEntry
from coffer.ledger.facts import Valid
from coffer.ledger.roster import MAX_CUSTODIANS
from coffer.ledger.state import State
from coffer.notes.cosign import verify_quorum
from coffer.notes.keys import VerifyKey
from coffer.translog.checkpoint import verify_checkpoint
from coffer.vault.folder import Vault

LOOK_WITHIN: Final = dt.timedelta(minutes=3)
"""Custodians look at the log once a minute. One that lacks only an entry younger than this is not reported."""


class Outbox(Protocol):
    """A custodian that hands out the entries it signed."""

    @property
    def name(self) -> str:
        """Its name in the roster."""
        ...

    def entries(self) -> bytes:
        """The signed entries that wait there, as a bundle, unproven."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a sync did.

    ``logged``: how many entries. ``silent``: which custodians did not answer, and why. ``refused``: in words, what was
    handed out and not logged.
    """

    logged: int
    silent: dict[str, CofferError]
    refused: tuple[str, ...]


def run_sync(vault: Vault, outboxes: Sequence[Outbox]) -> SyncReport:
    """Ask all custodians at once, then log the entries that are theirs to sign, are new, and count.

    Raises:
        Unavailable: the disk fails, or another command is writing.
    """
    with ThreadPoolExecutor(max_workers=MAX_CUSTODIANS) as pool:
        fetched = dict(zip([outbox.name for outbox in outboxes], pool.map(_fetch, outboxes), strict=True))
    silent = {name: answer for name, answer in fetched.items() if isinstance(answer, CofferError)}
    entries = [(name, raw) for name, answer in fetched.items() if not isinstance(answer, CofferError) for raw in answer]
    if not entries:
        return SyncReport(logged=0, silent=silent, refused=())
    refused: list[str] = []
    with vault.writing() as state:
        new = []
        for name, raw in entries:
            body = waiting_body(raw, name)
            if has_arrived(body, name, state):
                continue
            if is_of_here(body, state, vault, now=vault.outside.clock()):
                new.append((name, raw))
            else:
                refused.append(f"custodian {name}: hands out entries about what was never here: not logged")
        verdicts = vault.append_counting([raw for _, raw in new], state)
        for (name, _), verdict in zip(new, verdicts, strict=True):
            if not isinstance(verdict, Valid):
                refused.append(f"custodian {name}: an entry has no effect ({verdict.rule}): {verdict.reason}")
    logged = sum(isinstance(verdict, Valid) for verdict in verdicts)
    return SyncReport(logged=logged, silent=silent, refused=tuple(dict.fromkeys(refused)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A custodian whose copy of the log has ``size`` entries, fewer than the log had before this command."""

    name: str
    size: int


def custodians_behind(held: Mapping[str, bytes], log_key: VerifyKey, size: int) -> tuple[Behind, ...]:
    """The custodians that hold fewer than ``size`` entries.

    ``held``: the newest checkpoint of each, by name; empty if it has none. A checkpoint of another log is ignored.
    """
    behind = []
    for name, raw in held.items():
        with suppress(MalformedInput, NotProven):
            has = verify_checkpoint(raw, log_key, name).head.size if raw else 0
            if has < size:
                behind.append(Behind(name=name, size=has))
    return tuple(behind)


def what_they_wait_for(vault: Vault, state: State, *, place: str) -> str:
    """Why custodians do not follow the log further, as far as the vault can know.

    Empty if they had no time to look. ``place``: the vault as the command named it.
    """
    now = vault.outside.clock()
    note = verify_checkpoint(vault.log.checkpoint(), vault.pins.log_key, "checkpoint").note
    try:
        verify_quorum(note, state.roster.witnesses, state.roster.quorum, newest=state.newest, now=now)
    except NotProven as error:
        return f"they wait for witnesses ({error.message}): coffer witness gather {place}"
    if now - state.newest < LOOK_WITHIN:
        return ""
    return "they look at the log's address once a minute; if it stays so, see that coffer serve runs, and what coffer custodian status says there"


def is_of_here(body: Body, state: State, vault: Vault, *, now: dt.datetime) -> bool:
    """Whether an entry is about something that this vault's desk or log knows.

    Without this check one custodian could make the vault log thousands of entries about nothing.
    """
    match body:
        case RefuseEntry() | RevokeEntry():
            return vault.knows(body.authorization, state)
        case RatifyEntry():
            return body.intent in state.debts
        case FaultEntry():
            return not isinstance(body.object, int) and body.object in state.segments
        case EpochKeyEntry():
            return body.day <= now.date() + dt.timedelta(days=MAX_AHEAD_DAYS)
        case _:
            return True


def _fetch(outbox: Outbox) -> list[bytes] | CofferError:
    """The entries that a custodian hands out, if all are its own to sign; else the error."""
    try:
        return own_entries(outbox.entries(), outbox.name)
    except CofferError as error:
        return error

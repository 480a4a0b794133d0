"""Fetching what custodians on other machines signed, and logging what counts. The outbox they hand out is that of ``docs/formats/custodian.md``."""

import datetime as dt
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

from coffer.custody.waiting import MAX_AHEAD_DAYS, has_arrived, own_entries, waiting_body
from coffer.errors import CofferError, MalformedInput, NotProven
from coffer.ledger.entries import Body, EpochKeyEntry, FaultEntry, RefuseEntry, RevokeEntry
from coffer.ledger.facts import Valid
from coffer.ledger.roster import MAX_CUSTODIANS
from coffer.ledger.state import State
from coffer.notes.cosign import verify_quorum
from coffer.notes.keys import VerifyKey
from coffer.translog.checkpoint import verify_checkpoint
from coffer.vault.folder import Vault

LOOK_WITHIN: Final = dt.timedelta(minutes=3)
"""Custodians look at the log once a minute; one that lags behind an entry that is younger is not told of."""


class Outbox(Protocol):
    """A custodian that hands out what it signed."""

    @property
    def name(self) -> str:
        """Its name in the roster."""
        ...

    def entries(self) -> bytes:
        """The signed entries that wait there, as a bundle; unproven."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """``logged``: how many entries. ``silent``: who did not answer, and why. ``refused``: what was handed out and not logged, in words."""

    logged: int
    silent: dict[str, CofferError]
    refused: tuple[str, ...]


def run_sync(vault: Vault, outboxes: Sequence[Outbox]) -> SyncReport:
    """Ask all at once, then log what is theirs to say, says something new, and counts.

    Raises:
        Unavailable: the disk fails, or another command is writing.
    """
    with ThreadPoolExecutor(max_workers=MAX_CUSTODIANS) as pool:
        fetched = dict(zip([outbox.name for outbox in outboxes], pool.map(_fetch, outboxes), strict=True))
    silent = {name: found for name, found in fetched.items() if isinstance(found, CofferError)}
    entries = [(name, raw) for name, found in fetched.items() if not isinstance(found, CofferError) for raw in found]
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
    """Custodians that hold fewer than ``size`` entries. ``held``: the newest checkpoint of each, by name, empty where it has none.

    A checkpoint that is not this log's says nothing.
    """
    found = []
    for name, raw in held.items():
        with suppress(MalformedInput, NotProven):
            has = verify_checkpoint(raw, log_key, name).head.size if raw else 0
            if has < size:
                found.append(Behind(name=name, size=has))
    return tuple(found)


def what_they_wait_for(vault: Vault, state: State, *, place: str) -> str:
    """Why custodians do not follow the log any further, as far as the vault can know; empty if they had no time to look.

    ``place``: how the vault was named.
    """
    now = vault.outside.clock()
    note = verify_checkpoint(vault.log.checkpoint(), vault.pins.log_key, "checkpoint").note
    try:
        verify_quorum(note, state.roster.witnesses, state.roster.quorum, newest=state.newest, now=now)
    except NotProven as error:
        return f"they wait for witnesses ({error.message}): coffer witness gather {place}"
    if now - state.newest < LOOK_WITHIN:
        return ""
    return "they look at the log's address once a minute; if it stays so, see that coffer serve-log runs, and what coffer custodian status says there"


def is_of_here(body: Body, state: State, vault: Vault, *, now: dt.datetime) -> bool:
    """Whether an entry is about something that this vault's desk or log knows: one custodian could log thousands of others."""
    match body:
        case RefuseEntry() | RevokeEntry():
            return vault.knows(body.authorization, state)
        case FaultEntry():
            return not isinstance(body.object, int) and body.object in state.segments
        case EpochKeyEntry():
            return body.day <= now.date() + dt.timedelta(days=MAX_AHEAD_DAYS)
        case _:
            return True


def _fetch(outbox: Outbox) -> list[bytes] | CofferError:
    """What a custodian hands out; only entries that are its own to sign."""
    try:
        return own_entries(outbox.entries(), outbox.name)
    except CofferError as error:
        return error

"""``coffer countersign`` at work: a request is shown, noted as approved, and signed."""

import os
from contextlib import suppress
from pathlib import Path

from coffer.authority.authorization import Authorization
from coffer.authority.hold import Hold, parse_requested_note
from coffer.cli.authorities import marks_of
from coffer.cli.console import clock, confirm, say
from coffer.cli.custodians import at_work
from coffer.cli.notes import read_note
from coffer.cli.passphrases import Passphrases
from coffer.cli.presence import say_news
from coffer.cli.protected import say_protected
from coffer.cli.terms import roster_of, say_signers, show_terms, status_of
from coffer.cli.vaults import vault_at
from coffer.custody.presence import news_of
from coffer.disk import Disk
from coffer.errors import NotProven, Refused, Unavailable
from coffer.ledger.state import State
from coffer.notes.note import Note
from coffer.procedures.holding import keep_hold
from coffer.procedures.opening.kept import keep_signatures
from coffer.vault.folder import Vault


def countersign_request(vault: str, note: str, name: str, passphrases: Passphrases, *, is_asking: bool) -> None:
    """Approve a request as a custodian of this vault's folder, and add its signature to the note."""
    opened = vault_at(vault)
    raw, place = read_note(note), Path(note).name
    authorization = parse_requested_note(raw, place)
    folder = opened.custodian(name)
    opener = passphrases.opener(folder)
    keys = passphrases.unlocked(folder, opener)
    state = opened.replay()
    news = news_of(state, name, folder.acknowledged(keys))
    say_news(news, name, f"coffer roster acknowledge {vault} --as {name}")
    if is_asking:
        marks = list(marks_of(authorization.terms, folder.authorities(keys), name))
        show_terms(authorization, roster_of(authorization, state), status_of(authorization, state, clock()), marks)
    say_protected(folder, keys, authorization)
    if is_asking:
        confirm(f"approve this as {name}?")
    with opened.alone():
        service = at_work(opened, folder, keys, opener)
        service.verify_ready()
        signed = service.countersign(raw, place)
        if not isinstance(authorization, Hold):
            folder.requests.keep_signed(signed, service.keys, clock(), os.urandom)
            _tell_desk(opened, authorization, signed, state)
    if signed.raw == raw:
        say(f"{name} had countersigned it before")
    else:
        Disk().write(Path(note), signed.raw, private=True)
        say(f"countersigned by {name}")
    say_signers(opened, parse_requested_note(signed.raw, place))
    if isinstance(authorization, Hold):
        trouble = keep_hold(opened, signed.raw, [service])[name]
        say(f"{name} keeps for it" if not trouble else f"{name} keeps nothing: {trouble}")


def _tell_desk(vault: Vault, authorization: Authorization, signed: Note, state: State) -> None:
    """Add the signature to the desk's own copy.

    Without the operator's keys, the desk learns of it when it asks.
    """
    try:
        with suppress(Refused, Unavailable):
            keep_signatures(vault, authorization, signed, state.rosters[authorization.terms.roster])
    except NotProven as error:  # the signature counts all the same: it is in the note
        say(error.message)

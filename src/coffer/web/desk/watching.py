"""What custodians say of the requests that wait.

They are asked in the background, at most so often, whoever visits.

A page shows what was heard last. Signatures that arrive are merged into the case.
"""

import datetime as dt
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Final

from coffer.authority.authorization import Authorization
from coffer.custody.port import Custodian
from coffer.custody.standing import Held, SaidNo, Signed, Standing
from coffer.desk.case import CaseId
from coffer.errors import CofferError
from coffer.ledger.entries import Commitment
from coffer.ledger.state import State
from coffer.procedures.opening.standings import Words
from coffer.web.ground.again import again_words
from coffer.web.ground.signers import Member
from coffer.web.ground.wording import N_, Wording

EVERY: Final = dt.timedelta(seconds=4)
"""Between two questions about one request that somebody looks at."""
QUIET_EVERY: Final = dt.timedelta(seconds=60)
"""The same while nobody looks."""
LOOKED_AT_FOR: Final = dt.timedelta(seconds=20)
MAX_SEEN: Final = 512

Custodians = Callable[[], AbstractContextManager[Sequence[Custodian]]]
"""The custodians of the vault, each spoken to when it is asked; what they hold open is closed at the end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What custodians said of one request at ``time``."""

    time: dt.datetime
    standings: Mapping[str, Standing | CofferError]
    words: Mapping[str, Words] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownWords:
    """The check words of one custodian."""

    name: str
    words: tuple[str, ...]
    before: tuple[str, ...]


class Watch:
    """What was heard last, by request; and when each may be asked again. Any thread may call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: OrderedDict[Commitment, Seen] = OrderedDict()
        self._looked: dict[CaseId, dt.datetime] = {}

    def look(self, case: CaseId, now: dt.datetime) -> None:
        """Somebody looks at a case: its request is asked about more often for a while."""
        with self._lock:
            self._looked = {one: time for one, time in self._looked.items() if now - time < LOOKED_AT_FOR}
            self._looked[case] = now

    def is_due(self, case: CaseId, commitment: Commitment, now: dt.datetime) -> bool:
        """Whether custodians may be asked about a request now."""
        with self._lock:
            seen, looked = self._seen.get(commitment), self._looked.get(case)
        every = EVERY if looked is not None and now - looked < LOOKED_AT_FOR else QUIET_EVERY
        return seen is None or now - seen.time >= every

    def keep(self, commitment: Commitment, seen: Seen) -> None:
        """What was heard; the oldest is forgotten first."""
        with self._lock:
            self._seen[commitment] = seen
            self._seen.move_to_end(commitment)
            while len(self._seen) > MAX_SEEN:
                self._seen.popitem(last=False)

    def seen(self, commitment: Commitment) -> Seen | None:
        """What was heard last; None if nothing was yet."""
        with self._lock:
            return self._seen.get(commitment)


_REASONS: Final = {
    "scope": N_("refused: too wide"),
    "time": N_("refused: out of time"),
    "form": N_("refused: wrong form"),
    "merit": N_("refused: no good reason"),
    "held": N_("refused: not kept"),
    "law": N_("refused: against the law"),
    "unclear": N_("refused: unclear"),
}


def members_of(
    authorization: Authorization,
    seen: Seen | None,
    signers: Collection[str],
    state: State,
    words: Wording,
    *,
    here: Collection[str] = (),
) -> dict[str, Member]:
    """How each custodian stands to a request, by its signature, its report and the log.

    ``here``: those whose keys are in the vault's folder. They have no machine that tells anybody what waits.
    """
    known: dict[str, Member] = {}
    refused = {
        entry.custodian: entry.reason for _, entry in state.refusals if entry.authorization == authorization.commitment
    }
    names = {*refused, *signers, *here, *(seen.standings if seen is not None else ())}
    for name in names:
        told = None if seen is None else seen.standings.get(name)
        known[name] = _member(name, told, is_signed=name in signers, refused=refused.get(name), words=words)
        if name in here and told is None and name not in signers and name not in refused:
            note = words.gettext("Nobody is told there: its keys are in the vault's folder. Ask its people to sign.")
            known[name] = replace(known[name], note=note)
    return known


def _member(
    name: str, told: Standing | CofferError | None, *, is_signed: bool, refused: str | None, words: Wording
) -> Member:
    _ = words.gettext
    held = told.held if isinstance(told, Standing) else None
    decision = held.decision if held is not None else None
    again = again_words(decision.again, words) if isinstance(decision, SaidNo) and decision.again is not None else ""
    if refused is not None:
        note = " ".join(filter(None, (_("It stands in the log."), again)))
        return Member(name=name, text=_(_REASONS.get(refused, N_("refused"))), kind="bad", note=note)
    if is_signed and isinstance(decision, SaidNo):
        return Member(
            name=name,
            text=_("took back"),
            kind="bad",
            note=_("Its machine answers nothing, whatever it signed before."),
        )
    if is_signed:
        at = words.time(decision.time) if isinstance(decision, Signed) else ""
        return Member(name=name, text=_("signed"), kind="ok", note=at)
    if isinstance(told, CofferError):
        return Member(
            name=name, text=_("does not answer"), kind="wait", note=_("Its machine could not be asked just now.")
        )
    if told is None:
        return Member(name=name, text=_("missing"), kind="wait")
    text, kind, note = _held(held, words)
    if told.away is not None:
        until = {"time": words.time(told.away.until)}
        away = _("Away until %(time)s; its deputy was told.") if told.away.is_told else _("Away until %(time)s.")
        note = f"{note} {away % until}".strip()
    return Member(name=name, text=text, kind=kind, note=note)


def _held(held: Held | None, words: Wording) -> tuple[str, str, str]:
    _ = words.gettext
    if held is None:
        return _("not there yet"), "", _("Its machine does not hold the request.")
    if isinstance(held.decision, SaidNo):
        text = _REASONS.get(held.decision.reason or "", N_("refused"))
        again = again_words(held.decision.again, words) if held.decision.again is not None else ""
        return (_("took back") if held.decision.is_withdrawal else _(text)), "bad", again
    agreed = ""
    if held.agreed:
        agreed = _("%(agreed)s of %(needed)s of its people agreed.") % {"agreed": held.agreed, "needed": held.needed}
    if held.reading is not None:
        return (
            _("reading"),
            "wait",
            " ".join(
                filter(None, (_("By one of its people, since %(time)s.") % {"time": words.time(held.reading)}, agreed))
            ),
        )
    if held.seen is not None:
        return _("seen"), "wait", " ".join(filter(None, (words.time(held.seen), agreed)))
    return _("not seen"), "", _("There since %(time)s.") % {"time": words.time(held.since)}


def refusers(commitment: Commitment, seen: Seen | None, state: State) -> frozenset[str]:
    """The custodians that said no to a request: in the log, or when they were asked last."""
    logged = {entry.custodian for _, entry in state.refusals if entry.authorization == commitment}
    if seen is None:
        return frozenset(logged)
    told = {
        name
        for name, one in seen.standings.items()
        if isinstance(one, Standing) and one.held is not None and isinstance(one.held.decision, SaidNo)
    }
    return frozenset(logged | told)


def words_shown(seen: Seen | None) -> list[ShownWords]:
    """The check words of each custodian that holds the request."""
    if seen is None:
        return []
    return [ShownWords(name=name, words=one.now, before=one.before or ()) for name, one in seen.words.items()]

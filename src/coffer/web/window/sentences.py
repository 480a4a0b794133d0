"""Plain sentences about entries of the log, in the reader's language.

Made from the entry alone, and never a name.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from babel.support import Translations

from coffer.kinds import KINDS
from coffer.ledger.codes import HIDDEN
from coffer.ledger.debts import DebtStatus
from coffer.ledger.entries import (
    COARSE,
    AbsenceEntry,
    CloseEntry,
    DestroyEntry,
    DrawEntry,
    EpochKeyEntry,
    ExtendEntry,
    FaultEntry,
    HeldEntry,
    HoldEntry,
    IngestEntry,
    IntentEntry,
    ObjectionEntry,
    RatifyEntry,
    ReceiptEntry,
    RefuseEntry,
    ReleaseEntry,
    RevealEntry,
    RevokeEntry,
    WithdrawEntry,
)
from coffer.web.ground.app import N_
from coffer.web.ground.times import show_day, show_number
from coffer.web.window.explorer import LogLine
from coffer.web.window.openings import EmergencyLine, OpeningLine, name_of
from coffer.web.window.saying import Saying

_TYPES: Final = {
    "roster": N_("roster"),
    "epoch-key": N_("key of a day"),
    "ingest": N_("records sealed"),
    "withdraw": N_("batch superseded"),
    "receipt": N_("receipt"),
    "intent": N_("opening announced"),
    "draw": N_("records chosen"),
    "close": N_("opening closed"),
    "refuse": N_("refusal"),
    "revoke": N_("revocation"),
    "destroy": N_("key destroyed"),
    "fault": N_("accusation"),
    "absence": N_("absence"),
    "objection": N_("objection"),
    "hold": N_("preservation"),
    "held": N_("kept unread"),
    "extend": N_("preservation prolonged"),
    "release": N_("preservation ended"),
    "ratify": N_("emergency agreed to"),
    "reveal": N_("reveal"),
    "no-effect": N_("no effect"),
}
_EXPLAINED: Final = {
    "roster": N_(
        "A roster says who the custodians are and by which rules they open. It counts only with the signatures that "
        "the roster before it asks for."
    ),
    "epoch-key": N_(
        "Records of that day are sealed to this key. Once the custodian destroys its secret half, it can open nothing "
        "of that day any more."
    ),
    "ingest": N_(
        "The numbers are rounded down to whole 1,024s on purpose, so that nobody can test a guess about one record."
    ),
    "withdraw": N_("It counts in no total any more. Its entry stays, so that everybody sees what was replaced."),
    "receipt": N_("Without a receipt nobody could know that a custodian is able to open its part when it must."),
    "intent": N_(
        "The desk must log this before any custodian answers, so no opening can be kept from this list. Whom it "
        "concerns is hidden behind a commitment."
    ),
    "draw": N_("It cannot ask for other records any more. Custodians give nothing beyond what stands here."),
    "close": N_("The entry holds a hash of the answer, so that whoever got it can prove that it is this one."),
    "refuse": N_("The reason is public; the person and the case are not."),
    "revoke": N_("From here on no custodian answers to it."),
    "destroy": N_("It says that the key is gone. Nobody can prove that no copy was kept."),
    "fault": N_("This is an accusation, not a verdict. The entry holds a hash of what shows it."),
    "absence": N_("It may object. If it does not within the waiting days, the others may go on without it."),
    "objection": N_("The absence counts no more."),
    "hold": N_(
        "Records that would be forgotten are kept, and nobody reads them. It counts once enough custodians keep; whom and "
        "what it concerns is hidden."
    ),
    "held": N_("The number says how much was asked for. It does not depend on whether there are records."),
    "extend": N_("It counts once enough custodians agree again."),
    "release": N_("What was kept is destroyed."),
    "ratify": N_(
        "An emergency was opened by those on call. Custodians of the ordinary rule must agree to it in time, each by an "
        "entry like this."
    ),
    "reveal": N_("Each line that is shown is proven by the commitment that the opening was logged under."),
    "no-effect": N_("Anybody who replays the log comes to the same. Some such entries are honest accidents."),
}
_REASONS: Final = {
    "scope": N_("it asked for too much (scope)"),
    "time": N_("it asked for the wrong time (time)"),
    "form": N_("it was badly written (form)"),
    "held": N_("what it asked for is not kept (held)"),
    "law": N_("the law does not allow it (law)"),
    "unclear": N_("it did not say enough to find the data (unclear)"),
    "merit": N_("its reasons did not convince (merit)"),
}
_BECAUSE: Final = {
    "scope": N_("because it asked for too much (scope)"),
    "time": N_("because it asked for the wrong time (time)"),
    "form": N_("because it was badly written (form)"),
    "held": N_("because what it asked for is not kept (held)"),
    "law": N_("because the law does not allow it (law)"),
    "unclear": N_("because it did not say enough to find the data (unclear)"),
    "merit": N_("because its reasons did not convince (merit)"),
}
_RATIFICATIONS: Final = {
    DebtStatus.OWED: N_("must still be agreed to"),
    DebtStatus.OVERDUE: N_("not agreed to in time"),
    DebtStatus.RATIFIED: N_("agreed to"),
    DebtStatus.RATIFIED_LATE: N_("agreed to, too late"),
}
_KINDS: Final = {"call": N_("calls"), "text": N_("texts"), "email": N_("e-mail")}


class Sentences:
    """The sentences of one language."""

    def __init__(self, language: str, words: Translations) -> None:
        self._language = language
        self._words = words
        self._say = Saying(language)

    def type(self, name: str) -> str:
        """What a type of entry is called."""
        return self._(_TYPES[name])

    def explained(self, name: str) -> str:
        """What this type of entry is for."""
        return self._(_EXPLAINED[name])

    def reason(self, name: str) -> str:
        """Why a custodian refused, after a comma or colon."""
        return self._(_REASONS[name])

    def because(self, name: str) -> str:
        """The same after a number of refusals."""
        return self._(_BECAUSE[name])

    def kind(self, name: str) -> str:
        """A kind of records, in the plural."""
        return self._(_KINDS.get(name, name))

    def kinds(self, names: Sequence[str]) -> str:
        """Several kinds, as in a sentence."""
        return self._say.listed([self.kind(name) for name in KINDS if name in names])

    def feed_title(self, operator: str) -> str:
        """Of the Atom feed."""
        return self._("Openings at %(operator)s", operator=operator)

    def calendar_title(self, operator: str) -> str:
        """Of the calendar."""
        return self._("What dies when at %(operator)s", operator=operator)

    def dies(self, day: dt.date) -> str:
        """Of an event of the calendar."""
        return self._("The keys of %(day)s are destroyed", day=self._day(day))

    def opening_title(self, line: OpeningLine) -> str:
        """Of an opening in the feed."""
        return self._("Opening of %(day)s, entry %(index)s", day=self._day(line.time.date()), index=line.index)

    def opening(self, line: OpeningLine) -> str:
        """One opening, from the entries of the log alone."""
        cells = self.ngettext("at most %(n)s part", "at most %(n)s parts", line.cells_at_most)
        match line.state:
            case "open":
                return self._(
                    "%(desk)s announced an opening of %(cells)s. Nothing was asked yet.",
                    desk=line.requester,
                    cells=cells,
                )
            case "drawn":
                drawn = self._records(line.drawn or 0)
                return self._(
                    "%(desk)s announced an opening and chose %(drawn)s. It is not closed yet.",
                    desk=line.requester,
                    drawn=drawn,
                )
            case "nothing":
                return self._("%(desk)s announced an opening and closed it. Nothing was opened.", desk=line.requester)
            case _:
                answers = self.ngettext("%(n)s custodian answered", "%(n)s custodians answered", line.answers)
                return self._(
                    "%(desk)s opened %(records)s: %(answers)s, %(time)s after the announcement.",
                    desk=line.requester,
                    records=self._records(line.records or 0),
                    answers=answers,
                    time=self.lasted(line.seconds or 0),
                )

    def ratification(self, line: EmergencyLine) -> str:
        """How an emergency stands."""
        return self._(_RATIFICATIONS[line.status])

    def lasted(self, seconds: int) -> str:
        """A length of time in one unit."""
        if seconds < 120:
            return self.ngettext("%(n)s second", "%(n)s seconds", seconds)
        if seconds < 7_200:
            return self.ngettext("%(n)s minute", "%(n)s minutes", seconds // 60)
        if seconds < 172_800:
            return self.ngettext("%(n)s hour", "%(n)s hours", seconds // 3_600)
        return self.ngettext("%(n)s day", "%(n)s days", seconds // 86_400)

    def codes(self, line: LogLine) -> str:
        """The public codes of the order that an entry is about, in the log's words; empty for other entries."""
        match line.body:
            case IntentEntry(codes=codes):
                values = codes.values()
            case CloseEntry(outcome=outcome, took=took):
                values = {"outcome": outcome, "took": took}
            case RefuseEntry(order_class=order_class, urgency=urgency):
                values = {"class": order_class, "urgency": urgency}
            case _:
                return ""
        shown = ", ".join(f"{key} {value}" for key, value in values.items() if value != HIDDEN)
        if not shown:
            return self._("The roster keeps every code of this order from the log.")
        return self._("The log tells of this order: %(codes)s.", codes=shown)

    def meaning(self, line: LogLine) -> str:  # noqa: C901, PLR0912 - one branch a type of entry
        """What an entry means."""
        _, body = self._, line.body
        if line.roster is not None:
            roster = line.roster
            return _(
                "From here on these custodians hold the keys: %(names)s. A day is kept for %(days)s.",
                names=self._say.listed(roster.names),
                days=self.ngettext("%(n)s day", "%(n)s days", roster.retention_days),
            )
        match body:
            case None:
                return _("This entry breaks rule %(rule)s. It stays in the log and changes nothing.", rule=line.rule)
            case EpochKeyEntry():
                return _(
                    "%(who)s published its key of %(day)s.",
                    who=body.custodian,
                    day=self._day(body.day),
                )
            case IngestEntry():
                return self._ingest(body)
            case WithdrawEntry():
                return _("A batch of records was superseded.")
            case ReceiptEntry():
                return _("%(who)s showed that it can open its part of one segment.", who=body.custodian)
            case IntentEntry() if body.rules:
                return _(
                    "%(desk)s announced an opening in an emergency, which the custodians must agree to afterwards.",
                    desk=body.requester,
                )
            case IntentEntry():
                cells = self.ngettext("at most %(n)s part", "at most %(n)s parts", body.cells_at_most)
                return _(
                    "%(desk)s announced an opening under one authorization: %(cells)s.",
                    desk=body.requester,
                    cells=cells,
                )
            case DrawEntry():
                return _(
                    "The opening of entry %(intent)s asks for %(records)s.",
                    intent=body.intent,
                    records=self._records(body.records),
                )
            case CloseEntry() if body.answers == 0:
                return _("The opening of entry %(intent)s is closed. Nothing was opened.", intent=body.intent)
            case CloseEntry():
                answers = self.ngettext("%(n)s custodian answered", "%(n)s custodians answered", body.answers)
                return _(
                    "The opening of entry %(intent)s is closed: %(records)s opened, %(answers)s.",
                    intent=body.intent,
                    records=self._records(body.records),
                    answers=answers,
                )
            case RefuseEntry():
                return _(
                    "%(who)s refused an authorization: %(reason)s.", who=body.custodian, reason=self.reason(body.reason)
                )
            case RatifyEntry():
                return _(
                    "%(who)s agreed afterwards to the emergency of entry %(intent)s.",
                    who=body.custodian,
                    intent=body.intent,
                )
            case RevokeEntry():
                return _("%(who)s ended an authorization.", who=self._say.listed(line.by))
            case DestroyEntry():
                return _("%(who)s destroyed its key of %(day)s.", who=body.custodian, day=self._day(body.day))
            case FaultEntry(object=int()):
                return _(
                    "%(who)s says that %(other)s answered falsely in the opening of entry %(intent)s.",
                    who=body.accuser,
                    other=body.accused,
                    intent=body.object,
                )
            case FaultEntry():
                return _(
                    "%(who)s says that what %(other)s gave for one segment is false.",
                    who=body.accuser,
                    other=body.accused,
                )
            case AbsenceEntry():
                return _("All other custodians say that %(who)s is gone for good.", who=body.custodian)
            case ObjectionEntry():
                return _("The custodian that entry %(absence)s calls gone is there, and objects.", absence=body.absence)
            case HoldEntry() | HeldEntry() | ExtendEntry() | ReleaseEntry():
                return self._hold(body)
            case RevealEntry():
                shown = sum(revealed.line is not None for revealed in body.lines)
                lines = self.ngettext("%(n)s line", "%(n)s lines", shown)
                return _(
                    "Secrecy is over: %(lines)s of authorization %(name)s can be read by anybody.",
                    lines=lines,
                    name=name_of(body.authorization)[:8],
                )

    def _hold(self, body: HoldEntry | HeldEntry | ExtendEntry | ReleaseEntry) -> str:
        match body:
            case HoldEntry():
                return self._(
                    "%(desk)s asks that records be kept until %(day)s, unread.",
                    desk=body.requester,
                    day=self._day(body.until.date()),
                )
            case HeldEntry():
                return self._(
                    "%(who)s keeps, unread, its values for the hold of entry %(hold)s: %(cells)s.",
                    who=body.custodian,
                    hold=body.hold,
                    cells=self.ngettext("at most %(n)s part", "at most %(n)s parts", body.cells_at_most),
                )
            case ExtendEntry():
                return self._(
                    "The hold of entry %(hold)s is to last until %(day)s.",
                    hold=body.hold,
                    day=self._day(body.until.date()),
                )
            case ReleaseEntry():
                return self._("The hold of entry %(hold)s was ended.", hold=body.hold)

    def _ingest(self, body: IngestEntry) -> str:
        kept, segments = body.counts.kept, self.ngettext("%(n)s segment", "%(n)s segments", len(body.segments))
        feed = body.feed
        if body.total > 1:
            return self._(
                "Part %(number)s of %(total)s of a batch of feed %(feed)s: %(segments)s.",
                number=body.number,
                total=body.total,
                feed=feed,
                segments=segments,
            )
        if kept == 0:
            return self._(
                "Fewer than %(least)s records of feed %(feed)s were sealed in %(segments)s.",
                least=show_number(COARSE, self._language),
                feed=feed,
                segments=segments,
            )
        return self._(
            "At least %(kept)s records of feed %(feed)s were sealed in %(segments)s.",
            kept=show_number(kept, self._language),
            feed=feed,
            segments=segments,
        )

    def _records(self, count: int) -> str:
        return self.ngettext("%(n)s record", "%(n)s records", count)

    def ngettext(self, one: str, many: str, count: int) -> str:
        """A counted thing, with ``%(n)s`` for the number."""
        return str(self._words.ngettext(one, many, count)) % {"n": show_number(count, self._language)}

    def _day(self, day: dt.date) -> str:
        return show_day(day, self._language)

    def _(self, message: str, **values: object) -> str:
        text = str(self._words.gettext(message))
        return text % values if values else text

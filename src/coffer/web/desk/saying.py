"""States, steps and events of a case in words. Pure."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Final

from coffer.authority.lacking import Part, Share
from coffer.desk.case import CaseClass, Did, DocumentKind, Event
from coffer.desk.people import Role
from coffer.desk.standing import CaseState
from coffer.desk.steps import NextStep, Step
from coffer.disclosure import pdf_texts
from coffer.identity.not_held import NotHeld
from coffer.web.ground.languages import LANGUAGES
from coffer.web.ground.wording import N_, Wording

STATES: Final[Mapping[CaseState, tuple[str, str]]] = {
    CaseState.DRAFT: (N_("draft"), ""),
    CaseState.SENT: (N_("waiting for signatures"), "wait"),
    CaseState.SIGNED: (N_("signed"), "ok"),
    CaseState.SHORT: (N_("over its limit"), "bad"),
    CaseState.OPENING: (N_("opening"), "info"),
    CaseState.ANSWERED: (N_("answered"), "ok"),
    CaseState.LETTER_DUE: (N_("letter due"), "wait"),
    CaseState.REFUSED: (N_("refused"), "bad"),
    CaseState.WITHDRAWN: (N_("withdrawn"), ""),
    CaseState.EXPIRED: (N_("ended unopened"), ""),
    CaseState.CLOSED: (N_("closed"), ""),
    CaseState.SHREDDED: (N_("destroyed"), ""),
    CaseState.HOLD_BEGUN: (N_("hold begun"), "wait"),
    CaseState.HELD: (N_("kept, unread"), "info"),
    CaseState.HOLD_ENDED: (N_("kept no more"), "bad"),
}
"""The word of each state, and its kind of chip."""
_STEPS: Final[Mapping[Step, str]] = {
    Step.FINISH_DRAFT: N_("Finish the request"),
    Step.SEND: N_("Send the request"),
    Step.WAIT_FOR_SIGNATURES: N_("None: custodians decide"),
    Step.ASK_OTHERS: N_("Somebody refused: ask the others, or make another request"),
    Step.MAKE_ANOTHER_REQUEST: N_("Make another request, or let the head of the desk close the case"),
    Step.WAIT_UNTIL: N_("None before the request is in force"),
    Step.OPEN: N_("Open the records"),
    Step.RAISE_LIMIT: N_("Raise its limit, once an order allows more"),
    Step.RESUME: N_("The opening goes on"),
    Step.HAND_OVER: N_("Hand the answer over"),
    Step.WRITE_LETTER: N_("Write the letter"),
    Step.SEND_LETTER: N_("Send the letter"),
    Step.WAIT_FOR_KEEPERS: N_("None: custodians decide"),
    Step.NEXT_HOLD: N_("Make the next hold: the order names more"),
    Step.HOLD_AGAIN: N_("Make another hold, or let the head of the desk close the case"),
    Step.CLOSE: N_("Close the case"),
    Step.NOTHING: N_("None"),
}
_HEADINGS: Final[Mapping[CaseState, str]] = {
    CaseState.DRAFT: N_("Case %(case)s: request %(request)s is a draft"),
    CaseState.SENT: N_("Case %(case)s: request %(request)s waits for signatures"),
    CaseState.SIGNED: N_("Case %(case)s: everybody needed has signed request %(request)s"),
    CaseState.SHORT: N_("Case %(case)s: more records were found than request %(request)s allows"),
    CaseState.OPENING: N_("Case %(case)s: request %(request)s is being opened"),
    CaseState.ANSWERED: N_("Case %(case)s: request %(request)s is answered"),
    CaseState.LETTER_DUE: N_("Case %(case)s: the person must be told by letter"),
    CaseState.REFUSED: N_("Case %(case)s: request %(request)s was refused"),
    CaseState.WITHDRAWN: N_("Case %(case)s: request %(request)s was withdrawn"),
    CaseState.EXPIRED: N_("Case %(case)s: request %(request)s ended unopened"),
    CaseState.CLOSED: N_("Case %(case)s is closed"),
    CaseState.SHREDDED: N_("This case was destroyed"),
    CaseState.HOLD_BEGUN: N_("Case %(case)s: a hold is begun, and not in force yet"),
    CaseState.HELD: N_("Case %(case)s: records are kept, and nobody reads them"),
    CaseState.HOLD_ENDED: N_("Case %(case)s: nothing is kept any more"),
}
CLASSES: Final[Mapping[CaseClass, str]] = {
    CaseClass.ORDINARY: N_("Ordinary"),
    CaseClass.URGENT: N_("Urgent"),
    CaseClass.EMERGENCY: N_("Emergency"),
    CaseClass.SUBJECT_ACCESS: N_("Somebody asks for their own data"),
}
ROLES: Final[Mapping[Role, str]] = {
    Role.CLERK: N_("clerk"),
    Role.HEAD: N_("head of desk"),
    Role.OPERATOR: N_("operator"),
    Role.AUDITOR: N_("auditor"),
}
DOCUMENTS: Final[Mapping[DocumentKind, tuple[str, str]]] = {
    DocumentKind.ORDER: (N_("Order"), "order"),
    DocumentKind.NOTE: (N_("Request"), "request"),
    DocumentKind.COPY: (N_("Signed copy of a request"), "copy"),
    DocumentKind.ANSWER: (N_("Answer"), "answer"),
    DocumentKind.PACKAGE: (N_("Package of the answer"), "package"),
    DocumentKind.LETTER: (N_("Letter"), "letter"),
    DocumentKind.HOLD: (N_("Hold"), "hold"),
    DocumentKind.PROOF: (N_("Proof for the letter"), "proof"),
    DocumentKind.OTHER: (N_("Document"), "document"),
}
"""What a document is called, and the neutral beginning of its file's name."""
PAPER_LANGUAGES: Final[Mapping[str, str]] = {code: LANGUAGES[code] for code in pdf_texts.LANGUAGES}
"""The languages in which answers and letters are written, by their own names: fewer than those of the pages."""
NOT_HELD: Final[Mapping[NotHeld, str]] = {
    NotHeld.SUBSCRIBER: N_("Subscriber data, such as a name or address: ask the customer systems"),
    NotHeld.CONTENT: N_("Content: it is never recorded"),
    NotHeld.IP_ADDRESS: N_("Who had an IP or MAC address: no record holds one"),
    NotHeld.PLACE: N_("Everybody near an antenna: records open only for a named number or address"),
    NotHeld.PAYMENT: N_("Bills and means of payment: ask the customer systems"),
}
"""What orders ask for and no record holds, and why."""
_EVENTS: Final[Mapping[Did, str]] = {
    Did.MADE_CASE: N_("%(who)s made the case"),
    Did.SAVED_DRAFT: N_("%(who)s saved the draft"),
    Did.SET_DUE: N_("%(who)s changed when the answer is due"),
    Did.ASSIGNED: N_("%(who)s assigned the case"),
    Did.ADDED_DOCUMENT: N_("%(who)s added a document"),
    Did.READ_DOCUMENT: N_("%(who)s read a document"),
    Did.MADE_REQUEST: N_("%(who)s signed request %(request)s"),
    Did.AMENDED: N_("%(who)s signed an amendment that raises the limit of request %(request)s"),
    Did.SENT_REQUEST: N_("%(who)s sent request %(request)s"),
    Did.AGREED: N_("%(who)s agreed by passkey, for request %(request)s"),
    Did.EXPLAINED: N_("%(who)s explained what a custodian asked about request %(request)s"),
    Did.TOOK_IN: N_("%(who)s took in signatures on request %(request)s"),
    Did.WITHDREW: N_("%(who)s withdrew request %(request)s"),
    Did.BEGAN_OPENING: N_("%(who)s began to open request %(request)s"),
    Did.OPENED: N_("Request %(request)s was opened"),
    Did.STOPPED: N_("The opening of request %(request)s stopped"),
    Did.WROTE_LETTER: N_("%(who)s wrote the letter"),
    Did.SENT_LETTER: N_("%(who)s said that the letter was sent"),
    Did.CLOSED: N_("%(who)s closed the case"),
    Did.REOPENED: N_("%(who)s opened the case again"),
    Did.MADE_HOLD: N_("%(who)s made a hold"),
    Did.EXTENDED_HOLD: N_("%(who)s asked that a hold last longer"),
    Did.SENT_HOLD: N_("%(who)s sent a hold"),
    Did.RELEASED_HOLD: N_("%(who)s released a hold"),
    Did.NOTED: N_("%(who)s wrote a note"),
}


_OF_AMENDMENTS: Final[Mapping[Did, str]] = {
    Did.SENT_REQUEST: N_("%(who)s sent the amendment of request %(request)s"),
    Did.TOOK_IN: N_("%(who)s took in signatures on the amendment of request %(request)s"),
    Did.EXPLAINED: N_("%(who)s explained what a custodian asked about the amendment of request %(request)s"),
}
"""The same events, where they are about an amendment."""


def heading(number: str, step: NextStep, words: Wording) -> str:
    """The sentence of a case: what is the case now. ``number``: as the order writes it."""
    return words.gettext(_HEADINGS[step.state]) % {"case": number, "request": step.request or 1}


def step_words(step: NextStep, words: Wording) -> str:
    """What to do next."""
    return words.gettext(_STEPS[step.step])


def lacking(step: NextStep, words: Wording) -> tuple[str, ...]:
    """Who is missing, a sentence for each part of the rule that is not met.

    Who refused is waited for no more.
    """
    is_hold = step.state is CaseState.HOLD_BEGUN
    return tuple(_lacking(part, words, step.refused, is_hold=is_hold) for part in step.lacks if not part.is_met)


def time_to_keep(until: dt.datetime, now: dt.datetime, words: Wording) -> str:
    """How long custodians still have before a hold, or what extends it, lapses."""
    hours = max(0, int((until - now).total_seconds() // 3600))
    pattern = words.ngettext(
        "%(num)s hour is left for enough custodians to keep, until %(time)s.",
        "%(num)s hours are left for enough custodians to keep, until %(time)s.",
        hours,
    )
    return pattern % {"num": words.number(hours), "time": words.time(until)}


def _lacking(part: Part, words: Wording, said_no: frozenset[str], *, is_hold: bool) -> str:
    _ = words.gettext
    left = part.needed - len([name for name in part.signed if name not in said_no])
    open_to = [name for name in part.lacks if name not in said_no]
    names = words.names(open_to)
    if len(open_to) < left:
        gone = words.names([name for name in part.members if name in said_no])
        return _("Refused by %(names)s: too few are left for the rule.") % {"names": gone}
    if is_hold:
        return _("%(num)s more of %(names)s must keep.") % {"num": words.number(left), "names": names}
    if left == len(open_to):
        return words.ngettext("%(names)s must sign.", "%(names)s must sign, all of them.", left) % {"names": names}
    if part.share is Share.SET and left == 1:
        return _("One of %(names)s must sign.") % {"names": names}
    return _("%(num)s of %(names)s must sign.") % {"num": words.number(left), "names": names}


def event_words(event: Event, who: Callable[[Event], str], words: Wording) -> str:
    """One line of the history."""
    values = {"who": who(event), "request": event.values.get("request", 1)}
    text = _OF_AMENDMENTS.get(event.did) if "amendment" in event.values else None
    return words.gettext(text or _EVENTS[event.did]) % values

"""What was found about a draft, in words, beside the field that it is about. Pure."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from coffer.desk.found import Code, Finding, Review, Weight
from coffer.errors import MalformedInput
from coffer.identity.identifier import parse_subject
from coffer.web.ground.asked import show_subject
from coffer.web.ground.wording import N_, Wording

_KINDS: Final = {Weight.STOPS: "bad", Weight.WARNS: "wait", Weight.TELLS: ""}
FIELDS: Final = {
    "authority": N_("Authority"),
    "basis": N_("Legal basis"),
    "purpose": N_("Purpose"),
    "order": N_("Order"),
    "issued_by": N_("Issued by"),
    "issued_in": N_("Issued in"),
    "person": N_("Person"),
    "home": N_("Country of numbers without +"),
    "subjects": N_("Numbers and addresses"),
    "spans": N_("Days"),
    "zone": N_("Days begin in"),
    "kinds": N_("Kinds of record"),
    "max_records": N_("At most how many records"),
    "is_extension": N_("Extension"),
    "is_hub": N_("Many callers"),
    "not_before": N_("In force from"),
    "expires": N_("In force until"),
    "until": N_("Kept until"),
    "secret_until": N_("Secret until"),
    "roster": N_("Roster"),
}
"""The fields of the form, in its order, by the names that a finding has."""
_RECORD_KINDS: Final = {
    "call": N_("No calls are kept here at the moment."),
    "text": N_("No texts are kept here at the moment."),
    "email": N_("No e-mails are kept here at the moment."),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One sentence beside a field.

    ``kind``: as of ``says`` in the macros: ``bad``, ``wait`` or nothing for good.
    """

    text: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A review in words.

    ``by_field``: for every field of the form, what is said there. ``stops``: the labels of the fields that keep it from
    being sent. ``first``: the name of the first of them. ``reach``: what cannot be reached.
    """

    by_field: dict[str, tuple[Said, ...]]
    stops: tuple[str, ...]
    first: str
    reach: tuple[str, ...]

    @property
    def may_be_sent(self) -> bool:
        """Whether nothing stops it."""
        return not self.stops


def tell(review: Review, words: Wording, *, is_new: bool = False) -> Told:
    """Every finding beside its field. ``is_new``: nobody typed yet, so that nothing is called missing."""
    by_field: dict[str, list[Said]] = {name: [] for name in FIELDS}
    stops: list[str] = []
    reach: list[str] = []
    for finding in review.findings:
        text = _sentence(finding, words)
        if finding.weight is Weight.STOPS and finding.field not in stops:
            stops.append(finding.field)
        if is_new and finding.code is Code.MISSING:
            continue
        if text:
            by_field[finding.field].append(Said(text=text, kind=_KINDS[finding.weight]))
        if finding.code in _UNREACHED:
            reach.append(text)
    ordered = [name for name in FIELDS if name in stops]
    return Told(
        by_field={name: tuple(said) for name, said in by_field.items()},
        stops=tuple(words.gettext(FIELDS[name]) for name in ordered),
        first=ordered[0] if ordered else "",
        reach=tuple(reach),
    )


_UNREACHED: Final = frozenset(
    {Code.DAYS_DEAD, Code.DAYS_EMPTY, Code.DAYS_AHEAD, Code.NOTHING_REACHED, Code.KIND_NOT_KEPT}
)


def _sentence(finding: Finding, words: Wording) -> str:
    """One finding as a sentence; empty where the side of the page says it."""
    if finding.code is Code.RULE:
        return ""
    if finding.code is Code.MISSING:
        return _missing(finding, words)
    return _SENTENCES[finding.code](finding, words)


def _missing(finding: Finding, words: Wording) -> str:
    _ = words.gettext
    match finding.field:
        case "subjects":
            return _("Write the number or address that the order names, one a line.")
        case "spans":
            return _("Write the first and the last day.")
        case "kinds":
            return _("Tick at least one kind.")
        case "max_records":
            return _("Write a limit. The opening stops at it.")
        case "issued_by":
            return _("Say who issued the order.")
        case "issued_in":
            return _("Say where it was issued.")
        case _:
            return _("This is empty. The order says it.")


def _days(finding: Finding, words: Wording) -> dict[str, str]:
    first, last = (dt.date.fromisoformat(str(finding.values[name])) for name in ("first", "last"))
    return {"days": words.days(first, last)}


def _spelled(finding: Finding, words: Wording) -> str:
    text = str(finding.values["text"])
    try:
        shown = show_subject(parse_subject(text, "subject"))
    except MalformedInput:
        shown = text
    values = {"shown": shown, "exact": text}
    return words.gettext("Will be signed as %(exact)s, that is %(shown)s.") % values


def _plain(sentence: str) -> Callable[[Finding, Wording], str]:
    """A sentence whose values are numbers and names."""

    def say(finding: Finding, words: Wording) -> str:
        values = {
            name: words.number(value) if isinstance(value, int) else value for name, value in finding.values.items()
        }
        return words.gettext(sentence) % values

    return say


def _of_days(sentence: str) -> Callable[[Finding, Wording], str]:
    """A sentence about days: ``days`` says them from the first to the last."""

    def say(finding: Finding, words: Wording) -> str:
        return words.gettext(sentence) % _days(finding, words)

    return say


def _die(finding: Finding, words: Wording) -> str:
    first = dt.date.fromisoformat(str(finding.values["first"]))
    return words.gettext(
        "The keys of %(day)s are destroyed before this request ends: it must be opened before that."
    ) % {"day": words.day(first)}


def _until_left(finding: Finding, words: Wording) -> str:
    count = int(finding.values["count"])
    pattern = words.ngettext("That is %(num)s day from now.", "That is %(num)s days from now.", count)
    return pattern % {"num": words.number(count)}


def _kind_not_kept(finding: Finding, words: Wording) -> str:
    return words.gettext(_RECORD_KINDS.get(str(finding.values["kind"]), N_("This kind is not kept here.")))


def _numbered(one: str, many: str) -> Callable[[Finding, Wording], str]:
    """About the only line, or about one of several."""

    def say(finding: Finding, words: Wording) -> str:
        number = finding.values.get("number", 0) or finding.values.get("span", 0)
        return words.gettext(many) % {"number": number} if int(number) > 1 else words.gettext(one)

    return say


_SENTENCES: Final[dict[Code, Callable[[Finding, Wording], str]]] = {
    Code.SUBJECT_FORM: _numbered(
        N_("This is no number and no e-mail address. Write a number as +33 6 12 34 56 78."),
        N_("Line %(number)s is no number and no e-mail address. Write a number as +33 6 12 34 56 78."),
    ),
    Code.SUBJECT_SPELLED: _spelled,
    Code.SUBJECT_TWICE: _plain(N_("Lines %(number)s and %(other)s are the same.")),
    Code.TOO_MANY_SUBJECTS: _plain(N_("These are %(count)s; a request holds %(most)s.")),
    Code.COUNTRY_UNKNOWN: _plain(N_("A number without + belongs to a country: say which.")),
    Code.ZONE_UNKNOWN: _plain(N_("There is no such time zone. Write one like Europe/Paris, or UTC.")),
    Code.SPAN_FORM: _numbered(
        N_("This is no day and no time. Write 2012-12-22, or 2012-12-22T08:00."),
        N_("Line %(number)s is no day and no time. Write 2012-12-22, or 2012-12-22T08:00."),
    ),
    Code.SPAN_ORDER: _numbered(
        N_("The last is before the first."), N_("In line %(number)s the last is before the first.")
    ),
    Code.SPANS_OVERLAP: _plain(N_("Two of these times overlap. Write them as one.")),
    Code.TOO_MANY_SPANS: _plain(N_("A request holds at most %(most)s times.")),
    Code.TOO_MANY_DAYS: _plain(
        N_("These are more days (UTC) than a request holds, which is %(most)s. Longer needs a second request.")
    ),
    Code.WHOLE_DAYS_OPENED: _of_days(
        N_("Of %(days)s a part is asked. Records that start outside these times are dropped.")
    ),
    Code.DAYS_DEAD: _of_days(N_("%(days)s: cannot be opened any more, their keys were destroyed.")),
    Code.DAYS_HELD: _of_days(N_("%(days)s: kept for a hold of this case, though their keys may be destroyed.")),
    Code.DAYS_EMPTY: _of_days(N_("%(days)s: nothing of this kind is kept, or not yet.")),
    Code.DAYS_AHEAD: _of_days(N_("%(days)s: these days have not come yet.")),
    Code.DAYS_DIE: _die,
    Code.NOTHING_REACHED: _plain(N_("As it stands, this request reaches nothing.")),
    Code.KIND_UNKNOWN: _plain(N_("There is no such kind of record.")),
    Code.KIND_NOT_KEPT: _kind_not_kept,
    Code.LIMIT_FORM: _plain(N_("Write a whole number from 1 to %(most)s.")),
    Code.LIMIT_NOT_MORE: _plain(N_("It allows %(least)s already: write more.")),
    Code.TEXT_FORM: _plain(
        N_(
            "This is too long, at most %(most)s, or holds a sign that does not show as itself. "
            "Letters are Latin, Greek, Cyrillic, Armenian or Georgian."
        )
    ),
    Code.TEXT_MIXED: _plain(N_("The word %(word)s mixes alphabets (%(alphabets)s) whose letters can look alike.")),
    Code.PERSONS_COUNT: _plain(
        N_("These are %(count)s persons for %(subjects)s numbers. Write one for all, or one for each, a line each.")
    ),
    Code.ORDER_FORM: _plain(
        N_("The case's deadline is before the order was received, or more than a year later, or it has over 8 files.")
    ),
    Code.MOMENT_FORM: _plain(N_("This is no day or time of this form.")),
    Code.EXPIRES_EARLY: _plain(N_("It ends before it begins.")),
    Code.EXPIRES_LATE: _plain(N_("A request is in force for at most %(most)s days.")),
    Code.EXPIRES_PAST: _plain(N_("This is over already.")),
    Code.UNTIL_LATE: _plain(
        N_("A hold lasts at most %(most)s days from now. It can be extended while it is in force.")
    ),
    Code.UNTIL_LEFT: _until_left,
    Code.SECRECY_LONG: _plain(
        N_("Secrecy ends at most %(most)s days after the request does: the person must be told one day.")
    ),
    Code.SECRECY_OVER: _plain(N_("This day is over: the person is told at once.")),
    Code.OLDER_ROSTER: _plain(
        N_("Some of these records were sealed under an earlier roster, whose rule %(rule)s asks for %(expression)s.")
    ),
    Code.ROSTER_UNKNOWN: _plain(N_("This vault has no such roster.")),
}

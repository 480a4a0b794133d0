"""What a request asks, in plain words beside the lines that are signed. Pure.

Made from the parsed note alone, so that a custodian's page says what the custodian's own machine read, and a desk's page
says what the desk is about to sign. Free text (authority, basis, purpose, person) stands as it is signed. All else is
put into words from the fields: kinds, days, counts, times.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from coffer import wire
from coffer.authority.authorization import Named, Terms
from coffer.authority.period import Period
from coffer.identity.identifier import Identifier, IdentityType
from coffer.identity.shown import grouped_number, is_mobile
from coffer.ledger.entries import NAME_DIGITS
from coffer.ledger.rules import BASE
from coffer.web.ground.ordered import Fact, free_fact, ordered_facts, show_offset
from coffer.web.ground.standing import Marked
from coffer.web.ground.wording import N_, Wording

MAX_SHORT_NAME: Final = 60
"""Characters of an authority's name in a heading. A longer one would push the request out of sight: it stands below."""
_SECOND: Final = dt.timedelta(seconds=1)
_DAY: Final = dt.timedelta(days=1)

_SENTENCES: Final[dict[tuple[str, ...], str]] = {
    ("call",): N_("%(authority)s asks to open the calls of %(subjects)s, for %(time)s, at most %(records)s"),
    ("text",): N_("%(authority)s asks to open the texts of %(subjects)s, for %(time)s, at most %(records)s"),
    ("email",): N_("%(authority)s asks to open the e-mails of %(subjects)s, for %(time)s, at most %(records)s"),
    ("call", "text"): N_(
        "%(authority)s asks to open the calls and texts of %(subjects)s, for %(time)s, at most %(records)s"
    ),
    ("call", "email"): N_(
        "%(authority)s asks to open the calls and e-mails of %(subjects)s, for %(time)s, at most %(records)s"
    ),
    ("text", "email"): N_(
        "%(authority)s asks to open the texts and e-mails of %(subjects)s, for %(time)s, at most %(records)s"
    ),
    ("call", "text", "email"): N_(
        "%(authority)s asks to open the calls, texts and e-mails of %(subjects)s, for %(time)s, at most %(records)s"
    ),
}
_SHORT: Final[dict[tuple[str, ...], str]] = {
    ("call",): N_("Calls of %(subjects)s, %(time)s, at most %(records)s"),
    ("text",): N_("Texts of %(subjects)s, %(time)s, at most %(records)s"),
    ("email",): N_("E-mails of %(subjects)s, %(time)s, at most %(records)s"),
    ("call", "text"): N_("Calls and texts of %(subjects)s, %(time)s, at most %(records)s"),
    ("call", "email"): N_("Calls and e-mails of %(subjects)s, %(time)s, at most %(records)s"),
    ("text", "email"): N_("Texts and e-mails of %(subjects)s, %(time)s, at most %(records)s"),
    ("call", "text", "email"): N_("Calls, texts and e-mails of %(subjects)s, %(time)s, at most %(records)s"),
}
_KINDS: Final[dict[tuple[str, ...], str]] = {
    ("call",): N_("Calls"),
    ("text",): N_("Texts"),
    ("email",): N_("E-mails"),
    ("call", "text"): N_("Calls and texts"),
    ("call", "email"): N_("Calls and e-mails"),
    ("text", "email"): N_("Texts and e-mails"),
    ("call", "text", "email"): N_("Calls, texts and e-mails"),
}
_TYPES: Final = {
    IdentityType.E164: N_("Number"),
    IdentityType.EMAIL: N_("E-mail address"),
    IdentityType.SHORT: N_("Short number"),
    IdentityType.SENDER: N_("Sender name"),
    IdentityType.OPAQUE: N_("Identity of a feed"),
    IdentityType.DIALLED: N_("Digits as dialled"),
    IdentityType.IMSI: N_("SIM"),
    IdentityType.IMEI: N_("Handset"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request in words.

    ``sentence``: the heading. ``lede``: what stands below it. ``short``: its line in a list. ``is_doubtful``: nobody of
    the reader's office called the authority back.
    """

    sentence: str
    lede: tuple[str, ...]
    short: str
    facts: tuple[Fact, ...]
    is_doubtful: bool = False


def read_terms(terms: Terms, words: Wording, *, short_authority: str = "", marked: Marked | None = None) -> Asked:
    """A request in words.

    ``short_authority``: what the reader's own office calls the authority, if it knows it. ``marked``: what its list
    says of it.
    """
    _ = words.gettext
    values = {
        "subjects": subjects_counted(terms.subjects, words),
        "time": time_counted(terms, words),
        "records": records_counted(terms.max_records, words),
    }
    name = short_authority or terms.authority
    authority = name if len(name) <= MAX_SHORT_NAME else _("An authority")
    return Asked(
        sentence=_(_SENTENCES[terms.kinds]) % (values | {"authority": authority}),
        lede=tuple(lede_of(terms, words)),
        short=_(_SHORT[terms.kinds]) % values,
        facts=tuple(_facts(terms, words, marked)),
        is_doubtful=marked is not None and marked.is_doubtful,
    )


def subjects_counted(subjects: Sequence[Identifier], words: Wording) -> str:
    """How many are asked about: 1 number, 3 addresses, 2 identities."""
    ngettext, count = words.ngettext, len(subjects)
    types = {subject.type for subject in subjects}
    if types == {IdentityType.E164}:
        text = ngettext("%(num)s number", "%(num)s numbers", count)
    elif types == {IdentityType.EMAIL}:
        text = ngettext("%(num)s address", "%(num)s addresses", count)
    else:
        text = ngettext("%(num)s identity", "%(num)s identities", count)
    return text % {"num": words.number(count)}


def records_counted(count: int, words: Wording) -> str:
    """How many records: 1 record, 5,000 records."""
    return words.ngettext("%(num)s record", "%(num)s records", count) % {"num": words.number(count)}


def days_counted(count: int, words: Wording) -> str:
    """How many days: 1 day, 5 days."""
    return words.ngettext("%(num)s day", "%(num)s days", count) % {"num": words.number(count)}


def show_subject(subject: Identifier) -> str:
    """One identity as people write it. What a heading cuts short, the exact line holds."""
    if subject.type is IdentityType.E164:
        return grouped_number(subject.value)
    if subject.type is IdentityType.IMEI:
        return f"IMEI {subject.value[:8]} {subject.value[8:14]} {subject.value[14]}"
    if subject.type is IdentityType.IMSI:
        return f"IMSI {subject.value[:3]} {subject.value[3:]}"
    return f"{subject.scope} {subject.value}" if subject.scope else subject.value


def lede_of(terms: Named, words: Wording) -> list[str]:
    """What stands below the heading: whom and when, and what for."""
    _ = words.gettext
    first, more = show_subject(terms.subjects[0]), len(terms.subjects) - 1
    when = span_of_days(terms, words)
    if more:
        pattern = words.ngettext(
            "%(subject)s and %(num)s more, %(days)s.", "%(subject)s and %(num)s more, %(days)s.", more
        )
        lede = [pattern % {"subject": first, "num": words.number(more), "days": when}]
    else:
        lede = [_("%(subject)s, %(days)s.") % {"subject": first, "days": when}]
    if len(terms.authority) > MAX_SHORT_NAME:
        lede.append(_("Asked by: %(authority)s.") % {"authority": terms.authority})
    lede.append(_("Purpose, as signed: %(purpose)s.") % {"purpose": terms.purpose.removesuffix(".")})
    return lede


def span_of_days(terms: Named, words: Wording) -> str:
    """From the first to the last day of all subjects, on the clock of the order."""
    periods = [period for own in terms.periods for period in own]
    first = min(periods, key=lambda period: period.first).first.date()
    last = (max(periods, key=lambda period: period.end).end - _SECOND).date()
    return words.days(first, last)


def _local_days(periods: Sequence[Period]) -> set[dt.date]:
    """The days that periods touch, on the clock with which they were ordered."""
    days: set[dt.date] = set()
    for period in periods:
        first, last = period.first.date(), (period.end - _SECOND).date()
        days |= {first + n * _DAY for n in range((last - first).days + 1)}
    return days


def is_whole(period: Period) -> bool:
    """Whether a period is of whole days on the clock with which it was ordered."""
    return period.first.time() == dt.time() == period.end.time()


def time_counted(terms: Named, words: Wording) -> str:
    """How many days of all subjects together."""
    periods = [period for own in terms.periods for period in own]
    count = len(_local_days(periods))
    if all(map(is_whole, periods)):
        return days_counted(count, words)
    pattern = words.ngettext("part of %(num)s day", "parts of %(num)s days", count)
    return pattern % {"num": words.number(count)}


def asked_facts(terms: Named, words: Wording, marked: Marked | None = None) -> list[Fact]:
    """Whom a note is about, when, which kinds, and the order behind it."""
    _ = words.gettext
    authority = free_fact("authority", _("Authority"), terms.authority, words)
    return [
        replace(authority, notes=(*authority.notes, *(marked.sentences if marked is not None else ()))),
        free_fact("basis", _("Legal basis"), terms.basis, words),
        free_fact("purpose", _("Purpose"), terms.purpose, words),
        *ordered_facts(terms.ordered, words),
        *(fact for line in range(1, len(terms.subjects) + 1) for fact in _subject_facts(terms, line, words)),
        Fact(
            key="kinds",
            label=_("Kinds"),
            words=(kinds_named(terms.kinds, words),),
            exact=(f"kinds: {','.join(terms.kinds)}",),
            notes=(
                _(
                    "A record says who reached whom, when and for how long, and which device and cell where the feed keeps them. "
                    "It never says what was said or written."
                ),
            ),
        ),
    ]


def kinds_named(kinds: tuple[str, ...], words: Wording) -> str:
    """Calls and texts."""
    return words.gettext(_KINDS[kinds])


def rules_fact(terms: Named, words: Wording) -> Fact:
    """Whose rules it is under."""
    _ = words.gettext
    return Fact(
        key="rules",
        label=_("Rules"),
        words=(words.names([_("the general rule") if rule == BASE else words.country(rule) for rule in terms.rules]),),
        exact=(f"rules: {','.join(terms.rules)}",),
    )


def secret_fact(terms: Named, words: Wording) -> Fact:
    """Until when the person concerned is not told."""
    _ = words.gettext
    return Fact(
        key="secret-until",
        label=_("Secret"),
        words=(
            _("until %(day)s, then the person concerned is told by letter") % {"day": words.day(terms.secret_until)},
        ),
        exact=(f"secret-until: {terms.secret_until}",),
    )


def _amends(terms: Terms, words: Wording) -> list[Fact]:
    """Of an amendment, what it changes."""
    if terms.amends is None:
        return []
    _, name = words.gettext, terms.amends.hex()
    said = _("Raises the limit of request %(request)s and changes nothing else. What was opened before counts.")
    return [
        Fact(
            key="amends",
            label=_("Amendment"),
            words=(said % {"request": name[:NAME_DIGITS]},),
            exact=(f"amends: {name}",),
        )
    ]


def _facts(terms: Terms, words: Wording, marked: Marked | None = None) -> list[Fact]:
    _ = words.gettext
    return [
        *asked_facts(terms, words, marked),
        *_amends(terms, words),
        Fact(
            key="max-records",
            label=_("At most"),
            words=(_("%(records)s; the opening stops there") % {"records": records_counted(terms.max_records, words)},),
            exact=(f"max-records: {terms.max_records}",),
        ),
        Fact(
            key="hub",
            label=_("Many callers"),
            words=(
                _("Yes: a number that very many people call may be opened, and every custodian of its rule must sign.")
                if terms.is_hub
                else _("No: a number that very many people call is refused."),
            ),
            exact=(f"hub: {'yes' if terms.is_hub else 'no'}",),
        ),
        rules_fact(terms, words),
        Fact(
            key="expires",
            label=_("Valid"),
            words=(
                _("from %(first)s until %(end)s (%(zone)s)")
                % {
                    "first": words.time(terms.not_before),
                    "end": words.time(terms.expires),
                    "zone": words.zone.key,
                },
            ),
            exact=(
                f"not-before: {wire.format_time(terms.not_before)}",
                f"expires: {wire.format_time(terms.expires)}",
            ),
        ),
        secret_fact(terms, words),
    ]


def _subject_facts(terms: Named, line: int, words: Wording) -> list[Fact]:
    _ = words.gettext
    subject, periods = terms.subjects[line - 1], terms.periods[line - 1]
    label, person, when = _(_TYPES[subject.type]), _("Person"), _("Days")
    if len(terms.subjects) > 1:
        label, person, when = f"{label} {line}", f"{person} {line}", f"{when} {line}"
    said = [show_subject(subject)]
    country = subject.country()
    if country is not None:
        place = {"country": words.country(country)}
        if subject.type is IdentityType.E164 and is_mobile(subject.value):
            said.append(_("A mobile number. Country of its plan: %(country)s.") % place)
        elif subject.type is IdentityType.IMSI:
            said.append(_("Country of its network: %(country)s.") % place)
        else:
            said.append(_("Country of its plan: %(country)s.") % place)
    if subject.type is IdentityType.IMEI:
        said.append(_("Records of every number that was used with it, also those of other people."))
    shown = [show_period(period, words) for period in periods]
    touched = len(terms.days_of(line))
    if any(not period.is_whole_days for period in periods):
        pattern = words.ngettext(
            "%(num)s UTC day is touched. Records that start outside these times are dropped.",
            "%(num)s UTC days are touched. Records that start outside these times are dropped.",
            touched,
        )
        shown.append(pattern % {"num": words.number(touched)})
    return [
        Fact(key=f"subject {line}", label=label, words=tuple(said), exact=(f"subject: {subject.format()}",)),
        free_fact(f"person {line}", person, terms.persons[line - 1], words),
        Fact(
            key=f"period {line}",
            label=when,
            words=tuple(shown),
            exact=tuple(f"period: {period.format()}" for period in periods),
        ),
    ]


def show_period(period: Period, words: Wording) -> str:
    """A period on the clock with which it was ordered, with that clock's distance from UTC."""
    _ = words.gettext
    offsets = (show_offset(period.first), show_offset(period.end))
    if is_whole(period):
        days = words.days(period.first.date(), (period.end - _SECOND).date())
        if period.is_whole_days:
            return _("%(days)s, whole days (UTC)") % {"days": days}
        if offsets[0] == offsets[1]:
            return _("%(days)s, whole days at %(offset)s") % {"days": days, "offset": offsets[0]}
        return _("%(days)s, whole days from %(first)s to %(last)s") % {
            "days": days,
            "first": offsets[0],
            "last": offsets[1],
        }
    return _("from %(first)s (%(first_offset)s) until %(end)s (%(end_offset)s)") % {
        "first": words.written_time(period.first),
        "first_offset": offsets[0],
        "end": words.written_time(period.end),
        "end_offset": offsets[1],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One line that an earlier request of a case had otherwise.

    A side is empty where it had no such line.

    ``key``: as of ``Fact`` in the later request; empty for a subject that is asked about no more.
    """

    key: str
    label: str
    before: tuple[str, ...]
    after: tuple[str, ...]


def differences(earlier: Terms, later: Terms, words: Wording) -> tuple[Difference, ...]:
    """What the later request says otherwise, in the order of its lines.

    Subjects are compared one by one, by name.
    """
    before, after = _by_meaning(earlier, words), _by_meaning(later, words)
    changed = []
    for meaning in dict.fromkeys([*after, *before]):
        old, new = before.get(meaning), after.get(meaning)
        if old is not None and new is not None and old.exact == new.exact:
            continue
        shown = new or old
        assert shown is not None, "it is in one of them"
        changed.append(
            Difference(
                key=new.key if new else "",
                label=shown.label,
                before=old.words if old else (),
                after=new.words if new else (),
            )
        )
    return tuple(changed)


def _by_meaning(terms: Terms, words: Wording) -> dict[str, Fact]:
    """The facts of a request, those of subjects by the subject: its place in the list says nothing."""
    facts = {}
    for fact in _facts(terms, words):
        kind, _, line = fact.key.partition(" ")
        facts[f"{kind} {terms.subjects[int(line) - 1].format()}" if line else kind] = fact
    return facts

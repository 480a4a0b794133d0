"""How the order of a request came, in plain words; and people's own text, with its letters. Pure."""

import datetime as dt
from dataclasses import dataclass
from typing import Final

from coffer.authority.authorization import Named
from coffer.authority.ordered import IssuedIn, Issuer, OrderClass, Ordered, Urgency, format_ordered
from coffer.letters import alphabets_of, mixed_words
from coffer.web.ground.wording import N_, Wording

_ALPHABETS: Final = {
    "Greek": N_("Greek"),
    "Cyrillic": N_("Cyrillic"),
    "Armenian": N_("Armenian"),
    "Georgian": N_("Georgian"),
}
_CLASSES: Final = {
    OrderClass.PRODUCE: N_("An order to hand records over."),
    OrderClass.EXTEND: N_("An order that extends an earlier one."),
    OrderClass.ACCESS: N_("The person concerned asks for their own data."),
    OrderClass.PRESERVE: N_("An order to keep records. Nobody reads them."),
}
_URGENCIES: Final = {Urgency.URGENT: N_("Urgent."), Urgency.EMERGENCY: N_("An emergency.")}
_ISSUERS: Final = {
    Issuer.COURT: N_("Issued by a court or judge"),
    Issuer.PROSECUTOR: N_("Issued by a prosecutor"),
    Issuer.POLICE: N_("Issued by the police"),
    Issuer.OTHER: N_("Issued by another authority"),
    Issuer.PERSON: N_("From the person concerned"),
}
_ISSUED_IN: Final = {
    IssuedIn.HOME: N_("in this country"),
    IssuedIn.UNION: N_("in another country of the European Union"),
    IssuedIn.ELSEWHERE: N_("in a country outside the European Union"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line of a request, or lines that belong together.

    ``key``: the line's own name, for marking what changed; a subject and its times are ``subject 1``, ``period 1`` and so
    on. ``words``: in plain words, a sentence each. ``exact``: the lines that are signed, byte for byte. ``notes``: what
    every such line means, whatever it says.
    """

    key: str
    label: str
    words: tuple[str, ...]
    exact: tuple[str, ...]
    notes: tuple[str, ...] = ()


def urgency_words(terms: Named, words: Wording) -> str:
    """What is said of a request that is urgent or an emergency; nothing of an ordinary one."""
    urgency = terms.ordered.urgency
    return words.gettext(_URGENCIES[urgency]).removesuffix(".") if urgency in _URGENCIES else ""


def free_fact(key: str, label: str, text: str, words: Wording) -> Fact:
    """People's own text, with what a reader must know about its letters."""
    _ = words.gettext
    notes = [
        _("Careful: the word %(word)s mixes letters of several alphabets, which can look alike.") % {"word": word}
        for word, _mixed in mixed_words(text)
    ]
    others = [name for name in alphabets_of(text) if name != "Latin"]
    if others:
        notes.append(_("Written in: %(alphabets)s.") % {"alphabets": words.names([_(_ALPHABETS[n]) for n in others])})
    return Fact(
        key=key, label=label, words=(text,), exact=(f"{key.split(' ', maxsplit=1)[0]}: {text}",), notes=tuple(notes)
    )


def ordered_facts(ordered: Ordered, words: Wording) -> list[Fact]:
    """How the order came, and the hashes of its files."""
    _ = words.gettext
    lines = tuple(format_ordered(ordered))
    came, files = (tuple(line for line in lines if line.startswith("order: ") is is_file) for is_file in (False, True))
    said = [_(_CLASSES[ordered.order_class]), f"{_(_ISSUERS[ordered.issuer])}, {_(_ISSUED_IN[ordered.issued_in])}"]
    if ordered.urgency is not Urgency.ORDINARY:
        said.insert(0, _(_URGENCIES[ordered.urgency]))
    said.append(_("Received %(moment)s.") % {"moment": _written(ordered.received, words)})
    if ordered.due is not None:
        said.append(_("Answer due %(moment)s.") % {"moment": _written(ordered.due, words)})
    facts = [Fact(key="class", label=_("Order"), words=tuple(said), exact=came)]
    if files:
        pattern = words.ngettext(
            "%(num)s file, which the hash fixes: it must be the file that you were given.",
            "%(num)s files, which the hashes fix: they must be the files that you were given.",
            len(files),
        )
        counted = pattern % {"num": words.number(len(files))}
        facts.append(Fact(key="order", label=_("Files of the order"), words=(counted,), exact=files))
    return facts


def _written(moment: dt.datetime, words: Wording) -> str:
    """A moment on the clock that it was written by, with that clock's distance from UTC."""
    return f"{words.written_time(moment)} ({show_offset(moment)})"


def show_offset(time: dt.datetime) -> str:
    """The distance of an instant's clock from UTC: UTC, UTC+1, UTC+5:30."""
    offset = time.utcoffset() or dt.timedelta()
    minutes = abs(offset) // dt.timedelta(minutes=1)
    if not minutes:
        return "UTC"
    sign = "-" if offset < dt.timedelta() else "+"
    return f"UTC{sign}{minutes // 60}" + (f":{minutes % 60:02}" if minutes % 60 else "")

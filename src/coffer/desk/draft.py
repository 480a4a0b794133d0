"""A request as it is typed: the values of the form, each of which may be empty or wrong. Pure."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedSpan:
    """A time as typed: two days, or two moments such as ``2012-12-10T08:00``.

    Both days are included; the second moment is not.
    """

    first: str = field(default="", repr=False)
    last: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedSubject:
    """A number or address as typed.

    ``spans``: its own times; empty where those of the draft are its times.
    """

    text: str = field(default="", repr=False)
    spans: tuple[TypedSpan, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Draft:
    """All fields as typed; each may be empty or wrong.

    ``person``: one line for all subjects, or a line for each. ``home``: the country in which numbers without ``+`` are
    read. ``not_before``, ``expires``: moments in ``zone``; empty for now and 30 days later. ``secret_until``: a day; empty
    for a year. ``until``: of a hold, a day or a moment; empty for 60 days. ``issued_by``, ``issued_in``: the words of the note.
    ``part``: which of the drafts that one order needs, from 1; 0 where it needs no other.
    """

    subjects: tuple[TypedSubject, ...] = ()
    spans: tuple[TypedSpan, ...] = ()
    zone: str = "UTC"
    home: str = ""
    kinds: tuple[str, ...] = ()
    max_records: str = ""
    authority: str = ""
    basis: str = ""
    purpose: str = ""
    person: str = ""
    issued_by: str = ""
    issued_in: str = ""
    is_extension: bool = False
    is_hub: bool = False
    not_before: str = ""
    expires: str = ""
    secret_until: str = ""
    roster: str = ""
    until: str = ""
    part: int = 0

    def __repr__(self) -> str:
        return "<draft>"

"""What a form says, as values. Pure.

Source: ``docs/formats/epoc.md``.
"""

import datetime as dt
from dataclasses import dataclass

from coffer.disclosure.epoc.names import DataCategory, Deadline, FormKind, IdentifierType, IssuerType, Reason, Recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An authority or provider as the system addresses it.

    ``national_id``: the identifier that it has in its country.
    """

    country: str
    national_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRange:
    """The first and the last moment that are asked for, both included; the last may lie before the first."""

    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AskedCategory:
    """One category of data.

    ``options``: its codes as they stand, perhaps none. ``other``: free text beside them, or empty.
    """

    category: DataCategory
    options: tuple[str, ...]
    other: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AskedIdentifier:
    """One identifier, with the times and the data that are asked of it.

    ``id``: its number in the form, as text. ``value``: a person's identifier, as it stands. ``other``: the form's free
    text on the data, or empty. ``unanswerable``: why nothing of it can be asked, where its reader knows already; only
    then ``type`` may be None, an identifier that no form has.
    """

    id: str
    type: IdentifierType | None
    value: str
    ranges: tuple[TimeRange, ...]
    categories: tuple[AskedCategory, ...]
    other: str
    unanswerable: tuple[Reason, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A text of the form that has no effect here, and its path, so that a person reads it."""

    path: str
    text: str

    def __repr__(self) -> str:
        return f"<shown {self.path}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Issuing:
    """The issuing authority. ``name`` and ``file_reference`` are empty where the form has none."""

    type: IssuerType
    name: str
    file_reference: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Form:
    """A form of the Regulation, or the same order as a message (``coffer.disclosure.hi1``).

    ``case_id``: its globalCaseId, or the message's reference. ``parent_id``: the form that it follows, or None. ``authority``: the side that issued
    it, which replies go to. ``provider``: None where the form names none. ``identifiers``: none in Forms 5 and 6.
    ``issuing``: None there too. ``deadline`` and ``recipient``: of a Form 1, else None. ``has_delay``: the person must
    not be told yet. ``is_notified``: an enforcing authority was notified, and may refuse. ``extended_days``: by how many
    days a Form 6 says that it extends. ``shown``: everything else. ``is_message``: whether it came as a message.
    """

    kind: FormKind
    case_id: str
    form_id: str
    parent_id: str | None
    authority: Endpoint
    provider: Endpoint | None
    identifiers: tuple[AskedIdentifier, ...]
    issuing: Issuing | None
    deadline: Deadline | None
    recipient: Recipient | None
    has_delay: bool
    is_notified: bool
    extended_days: int | None
    shown: tuple[Shown, ...]
    is_message: bool = False

    @property
    def issuing_country(self) -> str:
        """The country that issued it, of two letters."""
        return self.authority.country if self.is_message else self.case_id.split("-")[1]

    @property
    def texts(self) -> tuple[Shown, ...]:
        """Every text that has no effect on the notes that are made of it, for people to read."""
        said: list[Shown] = []
        for one in self.identifiers:
            for category in one.categories:
                text = ", ".join((*category.options, *([category.other] if category.other else [])))
                said.append(Shown(path=f"identifier {one.id} {category.category}", text=text))
            if one.other:
                said.append(Shown(path=f"identifier {one.id} other information", text=one.other))
        return (*said, *self.shown)

    @property
    def first_id(self) -> str:
        """The form that its tasks are named after: the one that it follows, or itself."""
        return self.parent_id or self.form_id

    @property
    def parent_reference(self) -> str:
        """How the note of the order that it follows names that."""
        return self._referred(self.first_id)

    @property
    def reference(self) -> str:
        """How a note names it in its ``basis:`` line."""
        return self._referred(self.form_id)

    def _referred(self, form_id: str) -> str:
        return f"HI1 {form_id}" if self.is_message else f"EPOC {self.case_id}/{form_id}"

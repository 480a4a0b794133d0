"""What a notification can say: a closed list of messages, each with at most a number of hours. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from coffer.errors import MalformedInput

MAX_HOURS: Final = 9_999
"""Over a year. A deadline further away is told as this many hours."""


URGENCIES: Final = ("ordinary", "urgent", "emergency")
"""The classes of a request, as its text has them."""


class News(StrEnum):
    """What happened. The value is the word in a webhook's body and in the database."""

    REQUEST_WAITS = "request-waits"
    """To a custodian's people: a request waits for their decision. It is said again until somebody decides."""
    NOBODY_LOOKED = "nobody-looked"
    """To a custodian's deputies: a request waits, and nobody has opened it for too long."""
    SIGNED = "signed"
    """To the desk: everybody whom a request needs has signed."""
    QUESTION = "question"
    """To the desk: a custodian asks something about a request, and nobody has explained it."""
    REFUSED = "refused"
    """To the desk: a custodian refused a request."""
    DUE_SOON = "due-soon"
    """An answer is due soon and something is still missing."""
    LATE = "late"
    """An answer was due and something is still missing."""
    ANSWERED = "answered"
    """To the desk: an opening ended and its answer is in the case."""
    STOPPED = "stopped"
    """To the desk: an opening stopped and somebody must look."""
    LETTER_DUE = "letter-due"
    """To the desk: secrecy ended and a person must be told."""
    ASSIGNED = "assigned"
    """To a clerk: a case was assigned to them."""
    INVITED = "invited"
    """To the heads of the desk, and to whom it is about: somebody was invited, or invited anew."""


class Language(StrEnum):
    """The language of an e-mail."""

    ENGLISH = "en"
    FRENCH = "fr"
    GERMAN = "de"


class Party(StrEnum):
    """Whose machine sends."""

    DESK = "desk"
    CUSTODIAN = "custodian"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message.

    ``hours``: until the deadline, or since it for ``LATE``; None where there is no deadline. ``minutes``: the same time in
    minutes, where they are told; ``urgency``: the class of the request, where it is told. Neither is told to a desk.
    """

    news: News
    hours: int | None = None
    minutes: int | None = None
    urgency: str | None = None

    def __post_init__(self) -> None:
        is_number = type(self.hours) is int and 0 <= self.hours <= MAX_HOURS
        if not isinstance(self.news, News) or not (self.hours is None or is_number):
            raise MalformedInput(f"message: expected one of the list, and 0 to {MAX_HOURS} hours or none")
        if self.minutes is not None and (type(self.minutes) is not int or self.minutes // 60 != self.hours):
            raise MalformedInput("message: its minutes are not its hours")
        if self.urgency is not None and self.urgency not in URGENCIES:
            raise MalformedInput(f"message: expected one of {', '.join(URGENCIES)}")


_SUBJECTS: Final[dict[Language, dict[Party, str]]] = {
    Language.ENGLISH: {Party.DESK: "Coffer desk: something waits", Party.CUSTODIAN: "Coffer: a decision waits"},
    Language.FRENCH: {
        Party.DESK: "Coffer, bureau des demandes : une action attend",
        Party.CUSTODIAN: "Coffer : une décision attend",
    },
    Language.GERMAN: {
        Party.DESK: "Coffer, Auskunftsstelle: etwas wartet",
        Party.CUSTODIAN: "Coffer: eine Entscheidung wartet",
    },
}
_SENTENCES: Final[dict[Language, dict[News, tuple[str, str]]]] = {
    # without a deadline, with the time until it
    Language.ENGLISH: {
        News.REQUEST_WAITS: ("A request is waiting.", "A request is waiting; it is due in {time}."),
        News.NOBODY_LOOKED: (
            "Nobody has opened a request that is waiting.",
            "Nobody has opened a request that is waiting; it is due in {time}.",
        ),
        News.SIGNED: (
            "A request is signed and can be opened.",
            "A request is signed and can be opened, due in {time}.",
        ),
        News.QUESTION: (
            "A custodian asks something about a request.",
            "A custodian asks something about a request, due in {time}.",
        ),
        News.REFUSED: ("A custodian refused a request.", "A custodian refused a request, due in {time}."),
        News.DUE_SOON: ("An answer is due soon.", "An answer is due in {time}, and something is missing."),
        News.LATE: ("An answer is late.", "An answer was due {time} ago, and something is missing."),
        News.ANSWERED: ("An answer is ready.", "An answer is ready, due in {time}."),
        News.STOPPED: ("An opening stopped.", "An opening stopped, due in {time}."),
        News.LETTER_DUE: ("A letter is due.", "A letter is due in {time}."),
        News.ASSIGNED: ("A case was assigned to you.", "A case was assigned to you, due in {time}."),
        News.INVITED: (
            "Somebody was invited to the desk, or invited anew: see who, on the page of its people.",
            "Somebody was invited to the desk, or invited anew, within {time}: see who, on the page of its people.",
        ),
    },
    Language.FRENCH: {
        News.REQUEST_WAITS: ("Une demande attend.", "Une demande attend ; échéance dans {time}."),
        News.NOBODY_LOOKED: (
            "Personne n'a ouvert une demande qui attend.",
            "Personne n'a ouvert une demande qui attend ; échéance dans {time}.",
        ),
        News.SIGNED: (
            "Une demande est signée et peut être ouverte.",
            "Une demande est signée et peut être ouverte ; échéance dans {time}.",
        ),
        News.QUESTION: (
            "Un dépositaire pose une question sur une demande.",
            "Un dépositaire pose une question sur une demande ; échéance dans {time}.",
        ),
        News.REFUSED: (
            "Un dépositaire a refusé une demande.",
            "Un dépositaire a refusé une demande ; échéance dans {time}.",
        ),
        News.DUE_SOON: (
            "Une réponse est bientôt due.",
            "Une réponse est due dans {time}, et il manque quelque chose.",
        ),
        News.LATE: (
            "Une réponse est en retard.",
            "Une réponse était due il y a {time}, et il manque quelque chose.",
        ),
        News.ANSWERED: ("Une réponse est prête.", "Une réponse est prête ; échéance dans {time}."),
        News.STOPPED: ("Une ouverture s'est arrêtée.", "Une ouverture s'est arrêtée ; échéance dans {time}."),
        News.LETTER_DUE: ("Une lettre est due.", "Une lettre est due dans {time}."),
        News.ASSIGNED: ("Un dossier vous est attribué.", "Un dossier vous est attribué ; échéance dans {time}."),
        News.INVITED: (
            "Quelqu'un a été invité au guichet, ou invité à nouveau : voyez qui, à la page des personnes.",
            "Quelqu'un a été invité au guichet, ou invité à nouveau, pour {time} : voyez qui, à la page des personnes.",
        ),
    },
    Language.GERMAN: {
        News.REQUEST_WAITS: ("Eine Anfrage wartet.", "Eine Anfrage wartet, fällig in {time}."),
        News.NOBODY_LOOKED: (
            "Niemand hat eine Anfrage geöffnet, die wartet.",
            "Niemand hat eine Anfrage geöffnet, die wartet, fällig in {time}.",
        ),
        News.SIGNED: (
            "Eine Anfrage ist unterschrieben und kann geöffnet werden.",
            "Eine Anfrage ist unterschrieben und kann geöffnet werden, fällig in {time}.",
        ),
        News.QUESTION: (
            "Ein Verwahrer fragt etwas zu einer Anfrage.",
            "Ein Verwahrer fragt etwas zu einer Anfrage, fällig in {time}.",
        ),
        News.REFUSED: (
            "Ein Verwahrer hat eine Anfrage abgelehnt.",
            "Ein Verwahrer hat eine Anfrage abgelehnt, fällig in {time}.",
        ),
        News.DUE_SOON: ("Eine Antwort ist bald fällig.", "Eine Antwort ist in {time} fällig, und etwas fehlt."),
        News.LATE: ("Eine Antwort ist überfällig.", "Eine Antwort war vor {time} fällig, und etwas fehlt."),
        News.ANSWERED: ("Eine Antwort liegt vor.", "Eine Antwort liegt vor, fällig in {time}."),
        News.STOPPED: ("Eine Öffnung wurde unterbrochen.", "Eine Öffnung wurde unterbrochen, fällig in {time}."),
        News.LETTER_DUE: ("Ein Brief ist fällig.", "Ein Brief ist in {time} fällig."),
        News.ASSIGNED: ("Ein Fall wurde Ihnen zugeteilt.", "Ein Fall wurde Ihnen zugeteilt, fällig in {time}."),
        News.INVITED: (
            "Jemand wurde in die Stelle eingeladen oder neu eingeladen: sehen Sie auf der Seite der Leute, wer.",
            "Jemand wurde für {time} in die Stelle eingeladen oder neu eingeladen: sehen Sie auf der Seite der Leute, wer.",
        ),
    },
}
_CLASSES: Final[dict[Language, dict[str, str]]] = {
    # what stands before the sentence; nothing for an ordinary request
    Language.ENGLISH: {"urgent": "Urgent. ", "emergency": "EMERGENCY. "},
    Language.FRENCH: {"urgent": "Urgent. ", "emergency": "URGENCE. "},
    Language.GERMAN: {"urgent": "Eilig. ", "emergency": "NOTFALL. "},
}
_MINUTES_BELOW: Final = 3
"""Hours. What is nearer is told in minutes, where minutes are known."""
_DAYS_FROM: Final = 72
"""Hours. What is nearer is told in hours."""
_UNITS: Final[dict[Language, tuple[str, str, str]]] = {
    # an hour, hours, days; in German as they stand after "in" and "vor"
    Language.ENGLISH: ("h", "h", "days"),
    Language.FRENCH: ("h", "h", "jours"),
    Language.GERMAN: ("Stunde", "Stunden", "Tagen"),
}
_ENDINGS: Final = {
    Language.ENGLISH: "This message names nobody on purpose. Sign in at the address that you know; do not follow links in messages.",
    Language.FRENCH: "Ce message ne nomme personne, exprès. Connectez-vous à l'adresse que vous connaissez ; ne suivez pas de lien reçu.",
    Language.GERMAN: "Diese Nachricht nennt absichtlich niemanden. Melden Sie sich unter der Adresse an, die Sie kennen; folgen Sie keinem Link.",
}


def format_subject(party: Party, language: Language) -> str:
    """The subject line of an e-mail. It is the same for every message of a party."""
    return _SUBJECTS[language][party]


def format_sentence(message: Message, language: Language) -> str:
    """The one sentence that says the message."""
    alone, timed = _SENTENCES[language][message.news]
    said = alone if message.hours is None else timed.format(time=_format_time(message.hours, message.minutes, language))
    return _CLASSES[language].get(message.urgency or "", "") + said


def _format_time(hours: int, minutes: int | None, language: Language) -> str:
    """Hours, whole days from three days on, or minutes below three hours, rounded down.

    Nobody reads 719 hours as a month.
    """
    if minutes is not None and hours < _MINUTES_BELOW:
        return f"{minutes} min"
    hour, hour_s, day_s = _UNITS[language]
    if hours >= _DAYS_FROM:
        return f"{hours // 24} {day_s}"
    return f"{hours} {hour if hours == 1 else hour_s}"


def format_body(message: Message, language: Language) -> str:
    """The text of an e-mail: the sentence, and that nobody is named on purpose. It holds no link."""
    return f"{format_sentence(message, language)}\n\n{_ENDINGS[language]}\n"

"""Notices: what a person is told once secrecy is over, and the proof that goes with it.

Pure, but for reading its own template. Implements ``docs/formats/notice.md``.
"""

import csv
import datetime as dt
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.authority.countersign import signers_of
from coffer.authority.period import Period
from coffer.disclosure.letterhead import Letterhead
from coffer.disclosure.naming import show_identity
from coffer.disclosure.notice_texts import NOTICE_TEXTS
from coffer.disclosure.order_times import local_of, moment_twice, periods_text, periods_twice
from coffer.disclosure.pdf import letterhead_document
from coffer.disclosure.pdf_texts import DATE_FORMAT, TEXTS, format_count
from coffer.disclosure.qr import qr_svg
from coffer.disclosure.typesetting import typeset
from coffer.ledger.entries import SALT_LINE, Commitment
from coffer.ledger.facts import Opening
from coffer.ledger.reveal import line_hash, line_key
from coffer.ledger.state import State
from coffer.visible import visible_cell

_COLUMNS: Final = (
    "authorization",
    "ordered_by",
    "basis",
    "purpose",
    "periods",
    "kinds",
    "opened_utc",
    "records",
    "countersigned_by",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An authorization that was used, as a person concerned is told of it.

    ``lines``: the subject lines, from 1, of which the person is told: their own. ``openings``: in the log's order.
    ``records``: how many were drawn in all. ``told``: when the person was told; None if not yet. ``reveal``: the log index
    of the first reveal.
    """

    authorization: Authorization
    lines: tuple[int, ...]
    signers: tuple[str, ...]
    openings: tuple[Opening, ...]
    records: int
    told: dt.datetime | None
    reveal: int | None

    @property
    def handed_over(self) -> int:
        """How many records left the vault: those drawn that were within the ordered times and confirmed."""
        return sum(opening.close.records for opening in self.openings if opening.close is not None)

    @property
    def persons(self) -> tuple[str, ...]:
        """Whose lines these are, each once."""
        return tuple(dict.fromkeys(self.authorization.terms.persons[line - 1] for line in self.lines))

    @property
    def periods(self) -> tuple[Period, ...]:
        """The periods of its lines, each once, in the order of their beginnings."""
        distinct = {p.format(): p for line in self.lines for p in self.authorization.terms.periods[line - 1]}
        return tuple(sorted(distinct.values(), key=lambda p: (p.first, p.end, p.format())))

    def for_each_person(self) -> tuple["Notice", ...]:
        """One notice for each of its persons, of their own lines only."""
        persons = self.authorization.terms.persons
        return tuple(
            replace(self, lines=tuple(line for line in self.lines if persons[line - 1] == person))
            for person in self.persons
        )

    def is_due(self, now: dt.datetime) -> bool:
        """Whether its secrecy is over and the person has not been told yet."""
        return self.told is None and not self.authorization.is_secret(now)


def find_notices(
    kept: Iterable[Authorization], state: State, told: Mapping[Commitment, dt.datetime]
) -> tuple[Notice, ...]:
    """A notice for each authorization that the desk kept and used, ordered by the end of its secrecy."""
    openings: dict[Commitment, list[Opening]] = {}
    for _, opening in sorted(state.openings.items()):
        openings.setdefault(opening.intent.authorization, []).append(opening)
    reveals = {body.authorization: index for index, body in reversed(state.reveals)}
    notices = [
        Notice(
            authorization=authorization,
            lines=tuple(range(1, len(authorization.terms.subjects) + 1)),
            signers=signers_of(authorization, state.rosters[authorization.terms.roster]),
            openings=tuple(openings[authorization.commitment]),
            records=sum(o.draw.records for o in openings[authorization.commitment] if o.draw is not None),
            told=told.get(authorization.commitment),
            reveal=reveals.get(authorization.commitment),
        )
        for authorization in kept
        if authorization.commitment in openings and authorization.terms.roster in state.rosters
    ]
    return tuple(sorted(notices, key=lambda n: (n.authorization.terms.secret_until, n.authorization.commitment)))


def concerning(notices: Iterable[Notice], asking: Authorization, now: dt.datetime) -> tuple[Notice, ...]:
    """The notices that a subject access shows: same subject, another authorization, secrecy over.

    Each tells of the lines of these subjects only.

    ``asking``: the authorization of the person who asks for their own data.
    """
    sids = {subject.sid for subject in asking.terms.subjects}
    own = (
        replace(notice, lines=tuple(n for n, s in enumerate(notice.authorization.terms.subjects, 1) if s.sid in sids))
        for notice in notices
        if notice.authorization.commitment != asking.commitment and not notice.authorization.is_secret(now)
    )
    return tuple(notice for notice in own if notice.lines)


def proof_files(
    notice: Notice, *, trust: Mapping[str, str], checkpoint: bytes, logged: Mapping[int, tuple[bytes, Sequence[bytes]]]
) -> dict[str, bytes]:
    """The files of the proof, by path.

    They hold every line of the authorization but its salt and what other persons' lines say, and the log's entries with
    their inclusion proofs.
    """
    terms = notice.authorization.terms
    lines = _shown_lines(notice)
    proofs = {str(i): [wire.format_base64(item) for item in proof] for i, (_, proof) in sorted(logged.items())}
    files = {
        "trust.json": _json(dict(trust)),
        "lines.json": _json({"format": "coffer.notice/v2", "roster": terms.roster.hex(), "lines": lines}),
        "checkpoint": checkpoint,
        "proofs.json": _json(proofs),
    }
    return files | {f"entries/{index}.note": entry for index, (entry, _) in logged.items()}


def _shown_lines(notice: Notice) -> list[list[int | str | None]]:
    """Each line but the salt, as index, HMAC and text.

    A line about somebody else stands as index, hash and nothing.
    """
    salt = notice.authorization.terms.salt.unsafe_bytes()
    shown: list[list[int | str | None]] = []
    subject = 0
    for i, line in enumerate(notice.authorization.note.text.decode("utf-8")[:-1].split("\n")):
        key, word = line_key(salt, i), line.partition(": ")[0]
        subject += word == "subject"
        if word in ("subject", "person", "period") and subject not in notice.lines:
            shown.append([i, line_hash(key, line).hex(), None])
        elif i != SALT_LINE:
            shown.append([i, key.hex(), line])
    return shown


def format_letter(
    notice: Notice, *, language: str, complaints: str | None, now: dt.datetime, letterhead: Letterhead | None = None
) -> bytes:
    """The letter as PDF. Equal inputs give equal bytes; nothing of the notice ever becomes markup."""
    document = letter_document(notice, language=language, complaints=complaints, now=now, letterhead=letterhead)
    return typeset("notice.typ", document, now=now)


def letter_document(
    notice: Notice, *, language: str, complaints: str | None, now: dt.datetime, letterhead: Letterhead | None = None
) -> dict[str, object]:
    """The letter's content for the template, as finished strings."""
    words, common, day = NOTICE_TEXTS[language], TEXTS[language], DATE_FORMAT[language]
    terms = notice.authorization.terms
    supervisor = letterhead.supervisor if letterhead else None
    suffix = "" if notice.records else "_none"
    opened = [moment_twice(local_of(o.time, None, terms), language, joint="  ") for o in notice.openings]
    return {
        "language": language,
        "text": words,
        "page": common["page"],
        "origin": terms.origin,
        "person": ", ".join(notice.persons),
        "made": now.astimezone(dt.UTC).strftime(day),
        "title": words[f"title{suffix}"],
        "opening": words[f"opening{suffix}"].format(authority=terms.authority, day=terms.secret_until.strftime(day)),
        "facts": [
            [common["authority"], terms.authority],
            [common["basis"], terms.basis],
            [common["purpose"], terms.purpose],
            *_concerned(notice, language),
            [common["kinds"], ", ".join(common[kind] for kind in terms.kinds)],
            [words["opened"], "\n".join(opened)],
            [words["records"], format_count(notice.records, language)],
            [words["handed"], format_count(notice.handed_over, language)],
            [common["countersigned"], ", ".join(notice.signers)],
            [words["entries"], ", ".join(str(index) for index in entry_indexes(notice))],
            [common["commitment"], notice.authorization.commitment.hex()],
        ],
        "letterhead": letterhead_document(letterhead),
        "complaints": complaints or words["complaints"],
        "code": qr_svg(proof_code(notice, letterhead)),
        "code_text": words["code" if letterhead and letterhead.window else "code_offline"].format(
            index=notice.openings[0].index
        ),
        "supervisor": "" if supervisor is None else "\n".join([words["supervisor"], *supervisor.lines]),
    }


def proof_code(notice: Notice, letterhead: Letterhead | None) -> bytes:
    """What the letter's QR code holds.

    With a public window: the address of the log entry that announced the first opening, and behind ``#``, which no browser
    sends, the commitment. Without one: both as text, with the log's origin.
    """
    commitment, index = notice.authorization.commitment.hex(), notice.openings[0].index
    if letterhead is not None and letterhead.window:
        return f"{letterhead.window}/log/{index}#{commitment}".encode("ascii")
    origin = notice.authorization.terms.origin
    return f"coffer.notice/v2\norigin: {origin}\nauthorization: {commitment}\nentry: {index}\n".encode("ascii")


def _concerned(notice: Notice, language: str) -> list[list[str]]:
    """Identities and periods: together if all have the same periods, else each with its own."""
    words, common, terms = NOTICE_TEXTS[language], TEXTS[language], notice.authorization.terms
    own = [(show_identity(terms.subjects[n - 1].format(), common), terms.periods[n - 1]) for n in notice.lines]
    if len({tuple(period.format() for period in periods) for _, periods in own}) == 1:
        return [
            [words["concerned"], "\n".join(subject for subject, _ in own)],
            [common["period"], periods_twice(notice.periods, language)],
        ]
    return [
        line
        for subject, periods in own
        for line in ([words["concerned"], subject], [common["period"], periods_twice(periods, language)])
    ]


def entry_indexes(notice: Notice) -> list[int]:
    """The indexes of the log entries about it, ascending: intents, draws, closes and the first reveal."""
    indexes = {i for o in notice.openings for i in (o.index, o.draw_index, o.close_index) if i is not None}
    return sorted(indexes | ({notice.reveal} if notice.reveal is not None else set()))


def format_openings(notices: Sequence[Notice]) -> bytes:
    """The openings that concerned one person, as CSV: a line for each authorization, without the subject."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for notice in notices:
        terms = notice.authorization.terms
        spans = " ".join(period.format().replace(" ", "/") for period in notice.periods)
        opened = " ".join(wire.format_time(opening.time) for opening in notice.openings)
        order = (visible_cell(text) for text in (terms.authority, terms.basis, terms.purpose))
        kept = (*order, spans, " ".join(terms.kinds), opened)
        writer.writerow((notice.authorization.commitment.hex(), *kept, notice.records, " ".join(notice.signers)))
    return out.getvalue().encode("utf-8")


def openings_document(notices: Sequence[Notice], language: str) -> dict[str, object]:
    """The openings in the PDF of a subject access: heading, text, and a line for each authorization."""
    words, common, day = NOTICE_TEXTS[language], TEXTS[language], DATE_FORMAT[language]
    lines = []
    for notice in notices:
        terms = notice.authorization.terms
        spans = periods_text(notice.periods, language)
        opened = "\n".join(opening.time.strftime(day) for opening in notice.openings)
        lines.append(
            [terms.authority, f"{terms.basis}\n{terms.purpose}", spans, opened, format_count(notice.records, language)]
        )
    return {
        "title": words["access_title"],
        "text": words["access_text" if notices else "access_none"],
        "heads": [common["authority"], common["basis"], common["period"], words["opened"], words["records"]],
        "lines": lines,
    }


def _json(document: object) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode("ascii")

"""The requests at a custodian: what waits, what is noted about each, and what it decided, holds too.

Promises: every note that waits was signed by the desk; a request keeps the nonce of its check words, whatever crashes; nothing here reads without the
custodian's keys, and marks and decided notes that another wrote are refused. Trusts: its own disk, as far as keys prove it.

Implements ``docs/formats/custodian.md``, "Requests".
"""

import datetime as dt
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coffer import wire
from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.due import deadline_of
from coffer.authority.hold import Requested, parse_requested_note
from coffer.custodian.keys import CustodianKeys
from coffer.custodian.marks import Marks
from coffer.custodian.order_files import ORDERS, FileHere, OrderFiles, files_here
from coffer.custodian.question_files import QUESTION_FOLDERS, QuestionFiles
from coffer.custodian.sealed_files import SealedFiles
from coffer.custody.again import Again
from coffer.custody.check_words import NONCE_BYTES
from coffer.custody.questions import Question
from coffer.disk import Disk
from coffer.entropy import Entropy
from coffer.errors import MalformedInput, NotProven, Unavailable
from coffer.ledger.entries import Commitment
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.notes.keys import seal
from coffer.notes.note import Note, join_notes

MAX_NOTES: Final = 4_096
"""Notes that wait for a person: a hundred a day for as long as they live. Only the desk can send any, and it keeps those that do not fit."""
MAX_DECIDED: Final = 4_096
"""Decided notes that are kept to compare later ones with. The ones that expired first go first."""
KEPT_AFTER: Final = dt.timedelta(days=92)
"""How long a decided note is kept after it expired: a quarter, the longest time that one request asks about, so that the next of its case meets it."""
INBOX: Final = "inbox"
MARKS: Final = "marks"
DECIDED: Final = "decided"
FOLDERS: Final = (INBOX, MARKS, DECIDED, ORDERS, *QUESTION_FOLDERS)
_LOCK_WAIT_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """What waits, read once.

    ``notes``: those that are due first at the head. ``unreadable``: names of files that are none.
    """

    notes: tuple[Authorization, ...]
    unreadable: tuple[str, ...]


class Requests:
    """The requests in one custodian's folder. Its service and its people's commands may use it at once."""

    def __init__(self, path: Path, disk: Disk, name: str) -> None:
        self._path = path
        self._disk = disk
        self._name = name
        self._sealed = SealedFiles(path, disk, name)
        self._orders = OrderFiles(path, disk, name)
        self.questions = QuestionFiles(path, disk, name)
        """To be read by anybody; ``ask`` and ``take_explanation`` write."""
        self._tidied: dt.date | None = None

    # What waits.

    def take(self, note: Note, keys: CustodianKeys, now: dt.datetime, entropy: Entropy) -> None:
        """Keep a note until a person decides on it, with a fresh nonce for its check words.

        A note that was decided stays as it is, with its nonce; one that waits gets signatures that it had not. The nonce is durable before the note, so no
        note is ever without one.

        ``note``: with proven signatures alone.
        """
        authorization = parse_authorization(note.raw, "note")
        commitment = authorization.commitment
        with self._exclusively():
            if not self.is_held(commitment) and self.waiting() >= MAX_NOTES:
                raise Unavailable(f"custodian {self._name}: {MAX_NOTES} notes wait to be reviewed")
            self._begin_marks(authorization, keys, now, entropy)
            waiting = self.note(commitment, keys)
            joined = note if waiting is None else join_notes([waiting.note, note], "note")
            if not self.is_held(commitment) or (waiting is not None and joined != waiting.note):
                # It names the person it is about, so it is sealed to this custodian's own req key.
                sealed = seal(joined.raw, keys.req.public, info=_inbox_info(commitment))
                self._disk.write(self._file(INBOX, commitment), sealed, private=True)

    def is_held(self, commitment: Commitment) -> bool:
        """Whether the note waits here, or was decided here."""
        return self._is_file(INBOX, commitment) or self._is_file(DECIDED, commitment)

    def is_decided(self, commitment: Commitment) -> bool:
        """Whether the note was decided here; which way, only the custodian's keys tell."""
        return self._is_file(DECIDED, commitment)

    def notes(self, keys: CustodianKeys) -> list[Authorization]:
        """The notes that wait and can be read, those that are due first at the head."""
        return list(self.inbox(keys).notes)

    def begins_with(self, digits: str, keys: CustodianKeys) -> Authorization | None:
        """The note, waiting or decided, whose commitment begins so; None without one. No other file is read."""
        for folder in (INBOX, DECIDED):
            for path in self._sealed.files(folder):
                if path.name.startswith(digits):
                    with suppress(MalformedInput, NotProven, Unavailable):  # not its own, or moved just now
                        if folder == INBOX:
                            return self._read_inbox_note(path, keys)
                        return self._decided_request(path, keys)
        return None

    def note(self, commitment: Commitment, keys: CustodianKeys) -> Authorization | None:
        """A note that waits; None if there is none that can be read."""
        try:
            return self._read_inbox_note(self._file(INBOX, commitment), keys)
        except (MalformedInput, NotProven, Unavailable):
            return None

    def unreadable(self, keys: CustodianKeys) -> list[str]:
        """Names of files in the inbox that are no note to this custodian: changed, or put there."""
        return list(self.inbox(keys).unreadable)

    def waiting(self) -> int:
        """How many notes wait for a person."""
        return len(self._sealed.files(INBOX))

    def inbox(self, keys: CustodianKeys) -> Inbox:
        """What waits, with what is no note. Each file is opened once, which takes half a millisecond."""
        readable, unreadable = [], []
        for path in self._sealed.files(INBOX):
            try:
                readable.append(self._read_inbox_note(path, keys))
            except Unavailable:
                continue  # decided by a clerk just now
            except (MalformedInput, NotProven):
                unreadable.append(path.name)
        ordered = sorted(readable, key=lambda item: (deadline_of(item.terms), item.terms.expires, item.commitment))
        return Inbox(notes=tuple(ordered), unreadable=tuple(unreadable))

    def _read_inbox_note(self, path: Path, keys: CustodianKeys) -> Authorization:
        raw, info = self._disk.read(path), _inbox_info(wire.parse_hex(path.name, INBOX, size=32))
        return parse_authorization(keys.req.unseal(raw, info=info, place=INBOX), "note")

    # What is noted.

    def marks(self, commitment: Commitment, keys: CustodianKeys) -> Marks | None:
        """What is noted about a request; None if it is not held.

        Raises:
            NotProven: somebody changed the file. Without it the desk can send the note again.
        """
        if not self.is_held(commitment) or not self._is_file(MARKS, commitment):
            return None
        return self._read_marks(commitment, keys)

    def mark_seen(self, commitment: Commitment, now: dt.datetime, keys: CustodianKeys) -> None:
        """One of its people saw the request in the list. A request that is not held is passed over."""
        self._note(commitment, keys, lambda marks: marks.with_seen(now))

    def mark_read(self, commitment: Commitment, person: int, now: dt.datetime, keys: CustodianKeys) -> None:
        """One of its people opened the request.

        ``person``: the number of this person at this custodian, from 1.
        """
        self._note(commitment, keys, lambda marks: marks.with_reader(person, now))

    def _note(self, commitment: Commitment, keys: CustodianKeys, change: Callable[[Marks], Marks]) -> None:
        with self._exclusively():
            before = self.marks(commitment, keys)
            if before is not None and (after := change(before)) != before:
                self._write_marks(commitment, after, keys)

    def _begin_marks(self, requested: Requested, keys: CustodianKeys, now: dt.datetime, entropy: Entropy) -> Marks:
        """The marks there are, or fresh ones.

        A file that is not its own is replaced, and the check words change.
        """
        commitment = requested.commitment
        if self._is_file(MARKS, commitment):
            with suppress(NotProven):
                return self._read_marks(commitment, keys)
        marks = Marks.of(requested, entropy(NONCE_BYTES), now)
        self._write_marks(commitment, marks, keys)
        return marks

    def _read_marks(self, commitment: Commitment, keys: CustodianKeys) -> Marks:
        raw = self._sealed.read(MARKS, commitment.hex(), keys)
        try:
            return Marks.parse(raw, MARKS)
        except MalformedInput as error:
            raise NotProven(error.message) from None

    def _write_marks(self, commitment: Commitment, marks: Marks, keys: CustodianKeys) -> None:
        self._sealed.write(MARKS, commitment.hex(), marks.format(), keys)

    # The files of its order.

    def take_order(self, commitment: Commitment, raw: bytes, keys: CustodianKeys) -> None:
        """Keep a file of the order of a request that is held. One that is here already stays as it is.

        Raises:
            NotProven: no such request is held, or its note names no such file.
            Unavailable: too many files are kept.
        """
        with self._exclusively():
            authorization = self.note(commitment, keys) or self.decided_note(commitment, keys)
            if not isinstance(authorization, Authorization):
                raise NotProven("order: of no request that is held here")
            self._orders.take(authorization, raw, keys)

    def order_files(self, authorization: Authorization, keys: CustodianKeys) -> tuple[FileHere, ...]:
        """The files that the note names: which of them are here, and when each was opened here first."""
        commitment, opened = authorization.commitment, {}
        with suppress(NotProven):  # somebody changed the marks: then no file counts as opened
            marks = self.marks(commitment, keys)
            opened = {} if marks is None else dict(marks.opened)
        return files_here(authorization, lambda number: self._orders.has(commitment, number), opened)

    def read_order(self, authorization: Authorization, number: int, keys: CustodianKeys) -> bytes:
        """File ``number`` of the note's order, from 1, its hash proven.

        Whoever hands it out calls ``mark_opened``.

        Raises:
            NotProven: somebody changed it.
            Unavailable: it is not here.
        """
        return self._orders.read(authorization, number, keys)

    def mark_opened(self, commitment: Commitment, number: int, now: dt.datetime, keys: CustodianKeys) -> None:
        """A file of the order was handed to one of its people."""
        self._note(commitment, keys, lambda marks: marks.with_opened(number, now))

    # What its people ask the desk.

    def ask(self, question: Question, keys: CustodianKeys) -> None:
        """Keep a question for the desk, which fetches it with the report of this request.

        Raises:
            Refused: one was asked before.
            NotProven: no such request is held.
        """
        with self._exclusively():
            if not self.is_held(question.authorization):
                raise NotProven("question: about no request that is held here")
            self.questions.keep_question(question, keys)

    def take_explanation(self, commitment: Commitment, raw: bytes, roster: Roster, keys: CustodianKeys) -> None:
        """Keep what the desk explained of a request that is held. What is here stays as it is.

        Raises:
            MalformedInput, NotProven: no such request is held, or it is none of it.
        """
        with self._exclusively():
            authorization = self.note(commitment, keys) or self.decided_note(commitment, keys)
            if not isinstance(authorization, Authorization) or authorization.terms.roster != roster.hash:
                raise NotProven("explanation: of no request that is held here")
            self.questions.take_explanation(authorization, raw, roster, keys)

    # What was decided.

    def keep_signed(self, note: Note, keys: CustodianKeys, now: dt.datetime, entropy: Entropy) -> None:
        """Keep a note that this custodian countersigned, for the desk to fetch, and take it from the inbox."""
        self._keep(parse_requested_note(note.raw, "note"), keys, now, entropy, lambda marks: marks.with_signed(now))

    def keep_refused(
        self,
        requested: Requested,
        reason: str,
        keys: CustodianKeys,
        now: dt.datetime,
        entropy: Entropy,
        *,
        again: Again | None = None,
    ) -> None:
        """Keep a note that this custodian refused, with the reason, and take it from the inbox.

        ``again``: how the desk may come again; None if nobody said.
        """
        self._keep(requested, keys, now, entropy, lambda marks: marks.with_no(reason, now, again))

    def _keep(
        self,
        requested: Requested,
        keys: CustodianKeys,
        now: dt.datetime,
        entropy: Entropy,
        change: Callable[[Marks], Marks],
    ) -> None:
        """The copy is durable before the inbox forgets the note, so that it is held all the time."""
        commitment = requested.commitment
        with self._exclusively():
            before = self._begin_marks(requested, keys, now, entropy)
            self._sealed.write(DECIDED, commitment.hex(), requested.note.raw, keys)
            after = change(before)
            if after != before:
                self._write_marks(commitment, after, keys)
            self._disk.remove(self._file(INBOX, commitment))

    def decided_note(self, commitment: Commitment, keys: CustodianKeys) -> Requested | None:
        """A note as it was when this custodian decided on it; None if it did not, or forgot it.

        Raises:
            NotProven: somebody changed the file.
        """
        if not self._is_file(DECIDED, commitment):
            return None
        return parse_requested_note(self._sealed.read(DECIDED, commitment.hex(), keys), DECIDED)

    def decided(self, keys: CustodianKeys) -> list[Authorization]:
        """Every decided request that is kept and can be read, those that expire first at the head."""
        return [one for one in self._decided(keys) if isinstance(one, Authorization)]

    def _decided(self, keys: CustodianKeys) -> list[Requested]:
        """The same, with decided holds."""
        notes = []
        for path in self._sealed.files(DECIDED):
            with suppress(MalformedInput, NotProven, Unavailable):  # not its own, or gone just now
                commitment = Commitment(wire.parse_hex(path.name, DECIDED, size=32))
                note = self.decided_note(commitment, keys)
                if note is not None:
                    notes.append(note)
        return sorted(notes, key=lambda item: (item.terms.ends, item.commitment))

    def _decided_request(self, path: Path, keys: CustodianKeys) -> Authorization | None:
        note = self.decided_note(Commitment(wire.parse_hex(path.name, DECIDED, size=32)), keys)
        return note if isinstance(note, Authorization) else None

    # What ends.

    def remove_ended(self, state: State, now: dt.datetime, keys: CustodianKeys) -> None:
        """Forget the notes and marks of requests that expired or were revoked.

        Those of an emergency stay until it is ratified, or overdue by a week. The files of forgotten notes go with
        them. Once a day it forgets decided notes that are old.
        """
        awaited = state.awaiting(now)  # whoever is to ratify it must be able to read it
        for note in self.notes(keys):
            is_ended = now >= note.terms.expires or note.commitment in state.revoked
            if is_ended and note.commitment not in awaited:
                self._disk.remove(self._file(INBOX, note.commitment))
        self._orders.remove_unless(self.is_held)
        self.questions.remove_unless(self.is_held)
        for path in self._sealed.files(MARKS):
            with suppress(MalformedInput, NotProven, Unavailable):  # not its own: it matters only when it is read
                commitment = Commitment(wire.parse_hex(path.name, MARKS, size=32))
                marks = self._read_marks(commitment, keys)
                is_ended = commitment not in awaited and (commitment in state.revoked or now >= marks.expires)
                # Why it was refused, and how the desk may come again, is shown beside later requests of its subjects.
                if is_ended and not (marks.said_no is not None and self._is_file(DECIDED, commitment)):
                    self._disk.remove(path)
        if self._tidied != now.date():
            self._forget_decided(state, now, keys)
            self._tidied = now.date()

    def _forget_decided(self, state: State, now: dt.datetime, keys: CustodianKeys) -> None:
        notes = self._decided(keys)  # those that ended first are at the head
        over = [one for one in notes if _is_over(one, state, now)]
        kept = [one for one in notes if one not in over]
        for note in (*over, *kept[: max(0, len(kept) - MAX_DECIDED)]):
            self._disk.remove(self._file(DECIDED, note.commitment))

    # Files.

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        """Read and write marks alone; held for a few file operations."""
        self._disk.make_folder(self._path)
        with self._disk.locked(self._path / "requests.lock", what=f"custodian {self._name}", wait_s=_LOCK_WAIT_S):
            yield

    def _file(self, folder: str, commitment: Commitment) -> Path:
        return self._path / folder / commitment.hex()

    def _is_file(self, folder: str, commitment: Commitment) -> bool:
        return self._disk.is_file(self._file(folder, commitment))


def _is_over(note: Requested, state: State, now: dt.datetime) -> bool:
    """Whether a decided note is kept no longer.

    A hold is compared with nothing later: it goes when it ended.
    """
    if isinstance(note, Authorization):
        return now >= note.terms.expires + KEPT_AFTER
    logged = state.hold_of(note.commitment)
    return now >= note.terms.until or (logged is not None and logged.released is not None)


def _inbox_info(commitment: bytes) -> bytes:
    return wire.tag("inbox") + commitment

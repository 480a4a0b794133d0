"""Questions to the desk and what it explained, at a custodian: sealed files while the note is held.

Promises: one question a request; of each custodian one explanation, proven to be the desk's to a question that this
custodian asked; what is here stays as it is. Trusts: its caller for which notes are held.

Implements ``docs/formats/custodian.md``, "Questions".
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.custodian.keys import CustodianKeys
from coffer.custodian.sealed_files import SealedFiles
from coffer.custody.questions import Explanation, Question, format_question, parse_question, verify_explanation
from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.ledger.entries import Commitment
from coffer.ledger.roster import Roster
from coffer.notes.keys import VerifyKey

QUESTIONS: Final = "questions"
EXPLAINED: Final = "explained"
QUESTION_FOLDERS: Final = (QUESTIONS, EXPLAINED)


class QuestionFiles:
    """The questions of one custodian's folder, and explanations to all custodians.

    ``Requests`` alone calls it, under its lock where it writes.
    """

    def __init__(self, path: Path, disk: Disk, name: str) -> None:
        self._path = path
        self._disk = disk
        self._name = name
        self._sealed = SealedFiles(path, disk, name)

    def keep_question(self, question: Question, keys: CustodianKeys) -> None:
        """Keep what this custodian asks, for the desk to fetch.

        Raises:
            Refused: it asked before.
        """
        name = question.authorization.hex()
        if self._disk.is_file(self._path / QUESTIONS / name):
            raise Refused("question: one was asked about this request before", code="form")
        self._sealed.write(QUESTIONS, name, format_question(question, keys.auth.verify_key), keys)

    def question(self, commitment: Commitment, keys: CustodianKeys) -> Question | None:
        """What this custodian asked; None if nothing.

        Raises:
            NotProven: somebody changed the file.
        """
        if not self._disk.is_file(self._path / QUESTIONS / commitment.hex()):
            return None
        return parse_question(self._sealed.read(QUESTIONS, commitment.hex(), keys), QUESTIONS)

    def take_explanation(self, authorization: Authorization, raw: bytes, roster: Roster, keys: CustodianKeys) -> None:
        """Keep what the desk explained. Of each custodian the first one stays.

        Raises:
            MalformedInput, NotProven: it is none of this request, or to a question that was not asked.
        """
        commitment, requester = authorization.commitment, authorization.terms.requester
        new = verify_explanation(raw, roster, requester, "explanation")
        if new.question.authorization != commitment:
            raise NotProven("explanation: of another request")
        if new.question.custodian == self._name and new.question != self.question(commitment, keys):
            raise NotProven("explanation: to a question that was not asked here")
        before = self.explanations(commitment, requester, roster, keys)
        if new.question.custodian in {one.question.custodian for one in before}:
            return
        kept = b"".join(wire.lp(one.raw) for one in (*before, new))
        self._sealed.write(EXPLAINED, commitment.hex(), kept, keys)

    def explanations(
        self, commitment: Commitment, requester: VerifyKey, roster: Roster, keys: CustodianKeys
    ) -> tuple[Explanation, ...]:
        """What the desk explained of a request, in the order in which it came.

        ``requester`` and ``roster``: those of its note.

        Raises:
            NotProven: somebody changed the file.
        """
        name = commitment.hex()
        if not self._disk.is_file(self._path / EXPLAINED / name):
            return ()
        cursor = wire.Cursor(self._sealed.read(EXPLAINED, name, keys), EXPLAINED)
        kept = []
        while not cursor.at_end():
            kept.append(verify_explanation(cursor.lp(), roster, requester, EXPLAINED))
        return tuple(kept)

    def remove_unless(self, is_held: Callable[[Commitment], bool]) -> None:
        """Remove what belongs to notes that are held no more, and whatever else lies there."""
        for folder in QUESTION_FOLDERS:
            for path in self._sealed.files(folder):
                try:
                    commitment = Commitment(wire.parse_hex(path.name, folder, size=32))
                except MalformedInput:
                    self._disk.remove(path)
                    continue
                if not is_held(commitment):
                    self._disk.remove(path)

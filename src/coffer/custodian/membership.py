"""A custodian's place in the roster: what it signs of a new one, what its people are told."""

from coffer.custodian.unlocked import Unlocked
from coffer.custody.presence import News, news_of
from coffer.custody.review import member_in_force
from coffer.custody.signing import sign_absence, sign_roster
from coffer.errors import Refused
from coffer.ledger.entries import ObjectionEntry
from coffer.ledger.state import State
from coffer.notes.note import Note


class Membership(Unlocked):
    """A custodian, as far as it is a member of the roster."""

    def peek(self) -> State:
        """What the log says now, cosigned or not. For acts that give nothing out, such as signing a roster."""
        with self._lock:
            return self._following.peek()

    def sign_roster(self, raw: bytes, place: str, *, state: State | None = None) -> Note:
        """A proposed roster with this custodian's signature.

        The caller shows its people first what changes from ``state`` (``peek``).

        Raises:
            MalformedInput, NotProven: it is no roster of this vault.
            Refused: this custodian is neither in force nor in it with these keys, or its time is not near.
        """
        state = state or self.peek()
        return sign_roster(raw, state, name=self.name, auth=self.keys.auth, now=self._clock(), place=place)

    def sign_absence(self, raw: bytes, place: str, *, state: State) -> Note:
        """A note that calls another custodian gone, with this one's signature.

        Raises as ``signing.sign_absence``.
        """
        return sign_absence(raw, state, name=self.name, auth=self.keys.auth, now=self._clock(), place=place)

    def objection_entry(self) -> bytes:
        """The signed entry that says that this custodian is there, though all others say that it is gone.

        Raises:
            Refused: nobody says so.
        """
        absence = self.sync().absences.get(self.name)
        if absence is None:
            raise Refused(f"custodian {self.name}: nobody says that it is gone", code="scope")
        return self._entry(ObjectionEntry(absence=absence.index), self.keys.auth)

    def news(self) -> tuple[News, ...]:
        """The changes of the roster that its people have not acknowledged, as far as it follows the log."""
        with self._lock:
            return news_of(self.state, self.name, self._folder.acknowledged(self.keys))

    def acknowledge(self) -> None:
        """Its people have read what changed up to the roster in force."""
        with self._lock:
            state = self.state
            self._folder.acknowledge(state.roster_indexes[state.roster.hash], self.keys)

    def is_in_force(self, state: State) -> bool:
        """Whether the roster in force has it, with these keys."""
        return member_in_force(state, self.name, self.keys.auth.verify_key) is not None

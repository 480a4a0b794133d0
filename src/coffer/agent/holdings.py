"""What an agent holds, and when it forgets.

Pure: ``now`` is seconds of a clock that also runs while the machine sleeps.
"""

from dataclasses import dataclass

from coffer.agent.protocol import MAX_HELD, Hold, Line


@dataclass(slots=True, kw_only=True)
class _Held:
    """A key file.

    ``slot``: where its secret lies. ``used``: when it was last asked for; ``until``: when it goes anyway.
    """

    hold: Hold
    slot: int
    used: float
    until: float

    def ends(self) -> float:
        return min(self.used + self.hold.idle_s, self.until)


class Holdings:
    """The key files of an agent, by the paths that people know them by."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    def __len__(self) -> int:
        return len(self._held)

    def add(self, hold: Hold, now: float) -> int | None:
        """The slot for the secret of a key file; None if nothing more can be held.

        What was held for the same path goes, since the file there was written anew: its slot is used again.
        """
        before = self._held.pop(hold.label, None)
        if before is None and len(self._held) >= MAX_HELD:
            return None
        taken = {held.slot for held in self._held.values()}
        slot = next(number for number in range(MAX_HELD) if number not in taken) if before is None else before.slot
        self._held[hold.label] = _Held(hold=hold, slot=slot, used=now, until=now + hold.life_s)
        return slot

    def forget(self, label: str) -> None:
        """Forget a key file whose secret did not arrive."""
        del self._held[label]

    def use(self, file: bytes, now: float) -> int | None:
        """The slot of a key file, which counts as used now; None if it is not held, or not any more."""
        for held in self._held.values():
            if held.hold.file == file and now < held.ends():
                held.used = now
                return held.slot
        return None

    def forget_ended(self, now: float) -> list[int]:
        """Forget what nobody used for long, and what was held for long; the slots to overwrite."""
        ended = [label for label, held in self._held.items() if now >= held.ends()]
        return [self._held.pop(label).slot for label in ended]

    def next_end(self) -> float | None:
        """When the next key file is to be forgotten; None if none is held."""
        return min((held.ends() for held in self._held.values()), default=None)

    def status(self, now: float) -> list[Line]:
        """What is held, by name; asking is no use of it."""
        lines = [
            Line(
                label=held.hold.label,
                idle_s=max(0, int(held.ends() - now)),
                life_s=max(0, int(held.until - now)),
            )
            for held in self._held.values()
        ]
        return sorted(lines, key=lambda line: line.label)

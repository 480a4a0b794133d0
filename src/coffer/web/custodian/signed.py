"""Who signed the files of a request's order, looked for when a person asks, and kept in memory.

Nothing is refused for it. The anchors are certificates in the folder ``anchors`` of the custodian's own folder; without
it nobody is asked.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from coffer.authority.authorization import Authorization
from coffer.errors import Unavailable
from coffer.ledger.entries import Commitment
from coffer.signatures.asking import findings_in, read_anchors
from coffer.signatures.finding import Finding
from coffer.web.custodian.office import Office
from coffer.web.ground.wording import Wording

ANCHORS: Final = "anchors"
MOST_KEPT: Final = 256
"""Files of which is remembered what was found. Those that were looked at first are forgotten first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One signature in words. ``kind`` as of ``chip`` in the macros."""

    text: str
    kind: str


class SignaturesSeen:
    """What was found in the files of orders, in this process. One file is looked at at a time."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._looking = threading.Lock()
        self._found: OrderedDict[tuple[Commitment, int], tuple[Finding, ...] | None] = OrderedDict()

    @property
    def may_be_asked(self) -> bool:
        """Whether this custodian's people put certificates there that they trust."""
        return (self._office.machine.path / ANCHORS).is_dir()

    def look(self, note: Authorization, number: int) -> None:
        """Look at a file of the order, from 1, in a process of its own.

        Raises:
            MalformedInput: the folder of anchors holds none.
            Unavailable: the file is not here, another one is being looked at, or the extra is not installed.
        """
        office = self._office
        if not self._looking.acquire(blocking=False):
            raise Unavailable("signatures: another file is being looked at", hint="try again in half a minute")
        try:
            raw = office.machine.requests.read_order(note, number, office.service.keys)
            self._found[note.commitment, number] = findings_in(raw, read_anchors(office.machine.path / ANCHORS))
            while len(self._found) > MOST_KEPT:
                self._found.popitem(last=False)
        finally:
            self._looking.release()

    def lines(self, note: Authorization, words: Wording) -> dict[int, tuple[Line, ...]]:
        """What was found, by the number of the file; only those that somebody asked about."""
        looked_at = dict(self._found)
        return {
            number: _lines(findings, words)
            for (commitment, number), findings in looked_at.items()
            if commitment == note.commitment
        }


def _lines(findings: tuple[Finding, ...] | None, words: Wording) -> tuple[Line, ...]:
    _ = words.gettext
    if findings is None:
        return (Line(text=_("Its signatures cannot be read."), kind="wait"),)
    return tuple(_line(one, words) for one in findings) or (Line(text=_("It has no signature within."), kind="wait"),)


def _line(one: Finding, words: Wording) -> Line:
    _ = words.gettext
    if not one.is_intact:
        return Line(text=_("A signature that names %(signer)s does not hold.") % {"signer": one.signer}, kind="bad")
    said = [_("Signed by %(signer)s.") % {"signer": one.signer}]
    said.append(_("It covers the whole file.") if one.is_whole else _("It covers a part of the file only."))
    said.append(
        _("A certificate that you trust leads to it.")
        if one.is_trusted
        else _("No certificate that you trust leads to it, or it is not in force now.")
    )
    return Line(text=" ".join(said), kind="ok" if one.is_trusted and one.is_whole else "wait")

"""What the orders of cases say to a machine, read once and kept by their content.

Trusts no order: a stranger wrote it, it may hold 8 MiB, and reading it may take seconds. So one is read at a time, what
was read is kept, and what is shown of it is bounded, with how much more there is.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from coffer.desk.case import Case, CaseId, Document, DocumentKind
from coffer.desk.draft import Draft
from coffer.desk.edits import MAX_REQUESTS
from coffer.desk.port import Cases
from coffer.identity.identifier import IdentityType
from coffer.web.desk.differs import differs_from
from coffer.web.desk.proposed import OrderSaid, order_said
from coffer.web.desk.typed import ReadOrder, fill_from_order, texts_for_people
from coffer.web.ground.wording import Wording

MAX_FILES_READ: Final = 8
"""Files of one case's order that are read, the newest. An order in XML is one; a hundred are no order."""
MAX_KEPT: Final = 256
"""Readings that are kept, each of about 1 MB at the very most. A file that no page has shown for long is read again."""
T = TypeVar("T")


class OrdersRead:
    """Reads the orders of cases for their pages. Any thread may call."""

    def __init__(self, store: Cases, found_types: Callable[[], frozenset[IdentityType]]) -> None:
        self._store, self._found_types = store, found_types
        self._lock, self._reading = threading.Lock(), threading.Lock()
        self._known: OrderedDict[tuple[object, ...], object] = OrderedDict()

    def fill(self, case: CaseId, about: Document, before: Draft, *, made: Sequence[str] = ()) -> ReadOrder:
        """As ``fill_from_order``, of a file of the case."""
        found_by = self._found_types()
        key = ("fill", about.sha256, before, found_by, tuple(made))
        return self._read(key, case, about, lambda raw: fill_from_order(before, raw, found_by=found_by, made=made))

    def newest(self, case: Case) -> ReadOrder | None:
        """What the newest file of the case's order says, or why it could not be read; None where it has none."""
        files = files_of(case)
        return self.fill(case.id, files[-1], Draft()) if files else None

    def said(self, case: Case, words: Wording) -> OrderSaid:
        """What the files of the case's order say that is in no draft."""
        files = files_of(case)
        about = files[-MAX_FILES_READ:]
        read = [self.fill(case.id, one, Draft()) for one in about]
        texts = [self._read(("texts", one.sha256), case.id, one, texts_for_people) for one in about]
        return order_said(read, texts, words, unread=len(files) - len(about), most=MAX_REQUESTS)

    def differing(
        self, case: Case, draft: Draft, words: Wording, *, is_hold: bool = False
    ) -> list[tuple[str, str, str]]:
        """Where a draft differs from the part of the order that it is of: the field, the order, the draft.

        Of several files, the one that the draft is nearest to. ``is_hold``: only those that ask to keep, else only
        those that ask for records.
        """
        read = [self.fill(case.id, one, Draft()) for one in files_of(case)[-MAX_FILES_READ:]]
        ordered = [
            part.draft for one in read if one.is_hold == is_hold for part in one.parts if part.draft.part == draft.part
        ]
        return min((differs_from(one, draft, words) for one in ordered), key=len, default=[])

    def _read(self, key: tuple[object, ...], case: CaseId, about: Document, read: Callable[[bytes], T]) -> T:
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]  # type: ignore[return-value] # the key names what is read
        with self._reading:  # whoever waited finds what the other read
            with self._lock:
                if key in self._known:
                    return self._known[key]  # type: ignore[return-value] # as above
            value = read(self._store.document(case, about.id))
        with self._lock:
            self._known[key] = value
            while len(self._known) > MAX_KEPT:
                self._known.popitem(last=False)
        return value


def files_of(case: Case) -> list[Document]:
    """The files of a case's order, the newest last."""
    return [one for one in case.documents if one.kind is DocumentKind.ORDER]

"""The journal of a watch as its work goes on, the shell.

What a batch adds is written before the batch is logged, and counts because the log has the batch: so sums of days are
exact wherever the watch is killed.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from coffer.errors import Unavailable
from coffer.ledger.entries import BatchId
from coffer.procedures.watch.reconcile import add, aged, forgive, settle
from coffer.vault.folder import Vault
from coffer.vault.watched import Delivery, Folder, Journal


class Books:
    """The journal, and what of it is written."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.journal = Journal()

    def open(self, *, is_forgiving: bool) -> None:
        """Read the journal. ``is_forgiving``: files that were refused are tried again.

        Raises:
            NotProven: it was changed.
        """
        self.journal = self._vault.watched.read()
        if is_forgiving:
            self.journal = forgive(self.journal)

    def folder(self, name: str) -> Folder:
        """What is kept of a table."""
        return self.journal.folders.get(name, Folder())

    def change(self, change: Callable[[Journal], Journal]) -> None:
        """Change the journal in memory; the next ``write`` keeps it."""
        self.journal = change(self.journal)

    def write(self, journal: Journal) -> None:
        """Keep this journal."""
        self.journal = journal
        self._vault.watched.write(journal)

    def add(self, delivery: Delivery) -> None:
        """Keep a delivery that counts at once, because nothing of it is logged."""
        self.write(add(self.journal, delivery))

    def expect(self, delivery: Delivery, batch: BatchId) -> None:
        """Keep what a batch will add, which counts once the log has it."""
        self.write(replace(self.journal, pending=delivery, pending_batch=batch))

    def settle(self) -> None:
        """What is pending counts from now on if the log has its batch, and never if it has not."""
        if self.journal.pending is not None:
            is_logged = BatchId(self.journal.pending_batch) in self._vault.replay().batches
            self.journal = settle(self.journal, is_logged=is_logged)

    def age(self) -> None:
        """Exact sums are kept for a day, also where nothing comes any more."""
        journal = aged(self.journal, self._vault.outside.clock().date())
        if journal is not self.journal:
            with suppress(Unavailable):  # a full disk: tried at the next look
                self.write(journal)

"""The account of a day, the shell.

It reads the journal, asks the log what of it counts, and looks at what waits.
"""

import datetime as dt
from collections.abc import Sequence

from coffer.errors import CofferError
from coffer.ledger.entries import BatchId
from coffer.procedures.watch.decide import Plan, decide_plan
from coffer.procedures.watch.look import Watching, count_unfit, look
from coffer.procedures.watch.reconcile import FolderReport, report, settle
from coffer.procedures.watch.topics.watching import WatchingTopic
from coffer.vault.folder import Vault
from coffer.vault.watched import Folder


def account(vault: Vault, folders: Sequence[Watching | WatchingTopic], day: dt.date) -> list[FolderReport]:
    """What each folder and topic gave on a day, and what is missing or waits now.

    Takes no lock: a watch may be at work. No broker is asked.

    Raises:
        NotProven: the log or the journal does not hold.
    """
    journal, now = vault.watched.read(), vault.outside.clock()
    if journal.pending is not None:
        is_logged = BatchId(journal.pending_batch) in vault.replay().batches
        journal = settle(journal, is_logged=is_logged)
    reports = []
    for one in folders:
        kept, trouble, plan, unfit = journal.folders.get(one.name, Folder()), "", Plan(), 0
        if isinstance(one, Watching):  # of a topic nothing waits on this machine
            try:
                seen = look(one, vault.watched.key)
                unfit = 0 if seen else count_unfit(one)
                plan = decide_plan(one.settings, seen, kept.taken, one.refused(kept), now=now, since_batch_s=0.0)
            except CofferError as error:
                trouble = error.message
        reports.append(
            report(
                kept,
                one.name,
                day,
                today=now.date(),
                is_daily=isinstance(one, Watching) and one.settings.is_daily,
                waiting=plan.waiting,
                unfinished=len(plan.finish),
                unfit=unfit,
                trouble=trouble,
            )
        )
    return reports

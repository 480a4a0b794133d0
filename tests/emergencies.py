"""Emergencies in a log whose custodians are on machines of their own, without what an opening costs."""

from forging import log_entries

from coffer.ledger.entries import CloseEntry, DrawEntry, IntentEntry
from coffer.ledger.roster import Emergency
from public_codes import SOMETHING

ON_CALL = Emergency(expression="2 of judge,dpo,regulator", ratify_hours=48)


def begin(world, authorization, *, times=1):
    """The index of an intent of an emergency under this request; ``times``: which of several it is."""
    intent = IntentEntry(
        authorization=authorization.commitment,
        requester="desk",
        nonce=bytes([times]) + authorization.commitment[:15],
        cells_at_most=16,
        rules=authorization.terms.rules,
        codes=authorization.terms.codes.at(world.state().roster.statistics),
    )
    return log_entries(world, intent, key=world.vault.operator_key("desk"))[0]


def draw(world, index, records):
    """The desk draws so many records under it."""
    log_entries(world, DrawEntry(intent=index, table=bytes(32), records=records), key=world.vault.operator_key("desk"))


def close(world, index, records):
    """The desk ends it."""
    body = CloseEntry(intent=index, result=bytes(32), records=records, answers=2, unconfirmed_cells=0, **SOMETHING)
    log_entries(world, body, key=world.vault.operator_key("desk"))

"""The answers to an order as messages of ETSI TS 103 120. Pure.

None of them is larger than a system takes. What is handed over for the same tasks is one delivery: its messages have
one DeliveryID, and are counted from 1 to the last.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from coffer.disclosure.epoc.hi1 import Correspondence, Part, format_delivery
from coffer.disclosure.etsi import MAX_RECORDS, EtsiHeader, format_etsi
from coffer.disclosure.verified import Disclosure
from coffer.errors import Refused

MAX_MESSAGE: Final = 25_000_000
"""Bytes of a message that a system takes: 25 MB by the profile of the Union. Beyond, only a URL would go."""


def format_deliveries(
    about: Correspondence,
    header: EtsiHeader,
    answers: Sequence[tuple[tuple[str, ...], Disclosure]],
    ended: Mapping[str, str],
    *,
    max_bytes: int = MAX_MESSAGE,
) -> list[bytes]:
    """The messages, in their order.

    ``answers``: each with the identifiers that it is about. ``ended``: the statuses of tasks that end with the last
    message, by identifier.

    Raises:
        Refused: a message with a single record is too large (code scope).
    """
    by_ids: dict[tuple[str, ...], list[Disclosure]] = {}
    for ids, disclosure in answers:
        by_ids.setdefault(ids, []).append(disclosure)
    messages: list[bytes] = []
    for number, (ids, disclosures) in enumerate(by_ids.items(), 1):
        own = ended if number == len(by_ids) else {}
        messages += _delivery(about, header, ids, disclosures, own, max_bytes)
    return messages


def _delivery(
    about: Correspondence,
    header: EtsiHeader,
    ids: tuple[str, ...],
    disclosures: Sequence[Disclosure],
    ended: Mapping[str, str],
    max_bytes: int,
) -> list[bytes]:
    """One delivery, in as few messages of equally many records as the bound leaves."""
    records, delivery = MAX_RECORDS, about.new_id()
    while True:
        files = [
            xml for one in disclosures for xml in format_etsi(one, header, now=about.now, max_records=records).values()
        ]
        parts = [
            Part(ids=ids, delivery=delivery, number=number, is_last=number == len(files), xml=xml)
            for number, xml in enumerate(files, 1)
        ]
        messages = [format_delivery(about, part, ended if part.is_last else {}) for part in parts]
        largest = max(map(len, messages))
        if largest <= max_bytes:
            return messages
        if records == 1:
            raise Refused(
                f"identifier {', '.join(ids)}: a message with one record has {largest:,} bytes, "
                f"expected at most {max_bytes:,}",
                code="scope",
                hint="hand the package over in another way: coffer disclose",
            )
        records = max(1, min(records // 2, records * max_bytes // largest))

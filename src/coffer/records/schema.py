"""The canonical record, version 1. One Arrow schema for every reader.

See ``docs/formats/feed.md`` for the meaning of each field.
"""

from typing import Final

import pyarrow as pa

from coffer.records.parties import PARTIES

VERSION: Final = 1


def _party(name: str) -> list[pa.Field]:
    return [
        pa.field(f"{name}_type", pa.uint8(), nullable=False),
        pa.field(f"{name}_number", pa.uint64(), nullable=False),
        pa.field(f"{name}_text", pa.string()),
        pa.field(f"{name}_cell", pa.uint64(), nullable=False),
        pa.field(f"{name}_imei", pa.uint64(), nullable=False),
        pa.field(f"{name}_imsi", pa.uint64(), nullable=False),
    ]


SCHEMA: Final = pa.schema(
    [
        pa.field("kind", pa.uint8(), nullable=False),
        pa.field("start", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("duration_s", pa.int64()),
        pa.field("answered", pa.bool_()),
        *(field for party in PARTIES for field in _party(party)),
        pa.field("line", pa.int64(), nullable=False),
    ],
    metadata={"coffer.record": str(VERSION)},
)

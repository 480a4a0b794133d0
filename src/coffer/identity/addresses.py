"""E-mail addresses in columns, without a Python call per address.

Nearly all of them need no judgement: letters and digits around one ``@``, and a domain that stays as it is. These are
found by one pattern, and each distinct domain is looked at once. All others are left to ``identifier.parse_email``.
"""

from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from coffer.identity.identifier import MAX_ADDRESS_BYTES, is_canonical_domain
from coffer.identity.scanning import Bools

_PLAIN: Final = r"^[!#-'*+\-./0-9=?A-Z^_`a-z{|}~]{1,64}@[A-Za-z0-9.-]+$"
"""A local part that needs no quotes, in ASCII (RFC 5322 section 3.2.3, and dots anywhere), and a domain."""


def are_plain(column: pa.StringArray) -> Bools:
    """Which values are addresses whose canonical form is their own text in small letters; shape (n,).

    False says nothing: ``parse_email`` decides.
    """
    text = pl.Series(pl.from_arrow(column))
    is_plain = text.str.contains(_PLAIN) & (text.str.len_bytes() <= MAX_ADDRESS_BYTES)
    domains = text.str.splitn("@", 2).struct.field("field_1")
    kept = [domain for domain in domains.filter(is_plain).unique().to_list() if is_canonical_domain(domain)]
    are_canonical: Bools = (is_plain & domains.is_in(kept).fill_null(value=False)).to_numpy()
    return are_canonical


def canonical(plain: pa.StringArray) -> pa.StringArray:
    """The canonical forms of addresses that ``are_plain``."""
    return pc.ascii_lower(plain)

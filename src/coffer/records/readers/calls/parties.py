"""What systems write around a number: URI syntax, display names, marks for withheld callers.

Columns at a time; ``identity`` decides what is left. Pure.

Source: RFC 3261 section 19.1 (sip), RFC 3966 (tel), Twilio's fixed numbers for withheld callers.
"""

from typing import Final

import polars as pl

_SCHEME: Final = r"(?i)^\s*(?:sips?|tel|whatsapp|client):"
_NAME_ADDR: Final = r"^[^<>]*<([^<>]*)>?[^<>]*$"
"""A value that was cut at a semicolon has lost its closing bracket."""
_BARE: Final = r"^\+?[0-9]*$"


def bare_parties(text: pl.Series) -> pl.Series:
    """Numbers without what systems write around them; nulls become empty.

    ``sip:+49301@host;user=phone``, ``"Name" <tel:+49301;phone-context=x>`` and ``+49301`` all give ``+49301``. An
    address without a scheme is left as it is: ``a@b.example`` may be an e-mail. A sip URI without a user part names a
    host, not a person: empty.
    """
    text = text.fill_null("")
    is_plain = text.str.contains(_BARE)
    if is_plain.all():
        return text
    odd = text.filter(~is_plain)
    distinct = odd.unique()
    cleaned = _clean(distinct)
    return text.replace(distinct, cleaned)


def _clean(text: pl.Series) -> pl.Series:
    """Each distinct value once."""
    inner = text.str.extract(_NAME_ADDR).fill_null(text)
    # Parameters behind a bare number (verstat, npdi, rn, ext) tell of its portability and of whether to trust it.
    inner = inner.str.replace(r"^(\s*\+?[0-9*#]+);.*$", "$1")
    has_scheme = inner.str.contains(_SCHEME)
    is_sip = inner.str.contains(r"(?i)^\s*sips?:")
    rest = inner.str.replace(_SCHEME, "")
    user = rest.str.extract(r"^([^@]*)@").fill_null(pl.Series([""])).alias("user")
    named = pl.select(
        pl.when(is_sip & ~rest.str.contains("@", literal=True))
        .then(pl.when(rest.str.contains(r"^\+?[0-9]{3,}(;|$)")).then(rest).otherwise(pl.lit("")))
        .when(rest.str.contains("@", literal=True))
        .then(user)
        .otherwise(rest)
    ).to_series()
    named = named.str.extract(r"^([^;?:]*)").fill_null("")
    named = named.str.replace_all("%2B", "+", literal=True).str.replace_all("%2b", "+", literal=True)
    named = named.str.replace_all("%20", " ", literal=True).str.replace_all("%23", "#", literal=True)
    return pl.select(pl.when(has_scheme).then(named).otherwise(inner)).to_series().str.strip_chars(" \t")


def first_filled(columns: list[pl.Series]) -> pl.Series:
    """Of each row the first value that is neither null nor empty; empty if there is none."""
    found = columns[0].fill_null("")
    for column in columns[1:]:
        found = found.zip_with(found != "", column.fill_null(""))
    return found

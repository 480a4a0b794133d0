"""Make the numbering tables from the metadata of the library phonenumbers.

The library is the Python port of libphonenumber (Apache-2.0). Writes two files into src/coffer/identity/data, named for
the version of the library:

    numbering-<version>.csv   prefix,country,lengths
    regions-<version>.csv     region,calling_code,trunk,idd,lengths,short_digits,is_plain

The first has disjoint prefixes of E.164 numbers, each with its country (- if none) and the lengths of the whole number
in digits. The second says how national numbers are completed.

Several countries may share a calling code. The script then asks, prefix by prefix, which countries' patterns could
still match, by partial matching of the library's own patterns. It stops at a prefix with one country, or at seven
digits, where the library's own order decides.

Run: .venv/bin/python scripts/make_numbering.py
"""

import csv
from functools import cache
from pathlib import Path

import phonenumbers
import regex
from phonenumbers import PhoneMetadata
from phonenumbers.data import _COUNTRY_CODE_TO_REGION_CODE

DATA = Path(__file__).parent.parent / "src/coffer/identity/data"
MAX_DIGITS = 7
TYPES = [
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "voip",
    "pager",
    "uan",
    "voicemail",
]


@cache
def metadata(region: str, code: int) -> PhoneMetadata:
    if region == "001":
        return PhoneMetadata.metadata_for_nongeo_region(code, None)
    return PhoneMetadata.metadata_for_region(region, None)


@cache
def patterns(region: str, code: int) -> tuple[regex.Pattern, ...]:
    meta = metadata(region, code)
    if meta.leading_digits:
        return (regex.compile(f"(?:{meta.leading_digits})[0-9]*"),)
    descs = [getattr(meta, name) for name in TYPES]
    return tuple(regex.compile(desc.national_number_pattern) for desc in descs if desc and desc.national_number_pattern)


def is_feasible(region: str, code: int, national: str) -> bool:
    return any(pattern.fullmatch(national, partial=True) for pattern in patterns(region, code))


def split(code: int, regions: tuple[str, ...], national: str) -> dict[str, str]:
    feasible = [region for region in regions if is_feasible(region, code, national)]
    if len(feasible) <= 1 or len(national) >= MAX_DIGITS:
        return {national: feasible[0] if feasible else regions[0]}
    parts: dict[str, str] = {}
    for digit in "0123456789":
        parts |= split(code, regions, national + digit)
    if len(set(parts.values())) == 1:
        return {national: feasible[0] if next(iter(parts.values())) in feasible else next(iter(parts.values()))}
    return parts


def is_free_for_all(code: int, national: str, regions: tuple[str, ...]) -> bool:
    """Whether a range of a shared plan belongs to no country, as toll-free ones do."""
    if len(regions) == 1 or code != 1:
        return False
    meta = metadata(regions[0], code)
    shared = [meta.toll_free, meta.premium_rate, meta.personal_number]
    geographic = [meta.fixed_line, meta.mobile]
    able = lambda descs: any(  # noqa: E731
        d and d.national_number_pattern and regex.fullmatch(d.national_number_pattern, national, partial=True)
        for d in descs
    )
    return able(shared) and not able(geographic)


def main() -> None:
    version = phonenumbers.__version__
    DATA.mkdir(parents=True, exist_ok=True)
    rows = []
    for code, regions in sorted(_COUNTRY_CODE_TO_REGION_CODE.items()):
        lengths = {length for length in metadata(regions[0], code).general_desc.possible_length if length > 0}
        total = " ".join(str(len(str(code)) + n) for n in sorted(lengths) if len(str(code)) + n <= 15)
        for national, region in sorted(split(code, regions, "").items()):
            country = "-" if region == "001" or is_free_for_all(code, national, regions) else region
            rows.append((f"{code}{national}", country, total))
    with (DATA / f"numbering-{version}.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([("prefix", "country", "lengths"), *rows])
    write_regions(version)
    print(f"{len(rows)} prefixes, phonenumbers {version}")


def write_regions(version: str) -> None:
    lines = []
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        meta = PhoneMetadata.metadata_for_region(region, None)
        national = sorted(n for n in meta.general_desc.possible_length if n > 0)
        subscriber = [n for d in (meta.fixed_line, meta.mobile) if d for n in d.possible_length if n > 0] or national
        trunk = meta.national_prefix or ""
        # A plan is plain if dropping the trunk prefix completes a national number, without carrier codes or rewriting.
        is_plain = meta.national_prefix_transform_rule is None and (meta.national_prefix_for_parsing or "") == trunk
        idd = meta.international_prefix or ""
        idd = idd if idd.isdigit() else (meta.preferred_international_prefix or "")
        short = 6 if trunk else min(6, min(subscriber) - 1)
        lines.append((region, meta.country_code, trunk, idd, " ".join(map(str, national)), short, int(is_plain)))
    header = ("region", "calling_code", "trunk", "idd", "lengths", "short_digits", "is_plain")
    with (DATA / f"regions-{version}.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *lines])


if __name__ == "__main__":
    main()

"""Whole columns of numbers and addresses to identities, without a Python call per number.

A number is read from the bytes of an Arrow column: every byte is classified by table, digits are summed with their powers of ten, and the plan of
each number is found by binary search. Only values that need judgement (carrier codes, a calling code without a plus that also fits as a national
number, anything with letters) are looked at one by one, once per distinct value.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

from coffer.errors import MalformedInput
from coffer.identity.identifier import IdentityType, hashed_sid, is_opaque, is_sender, parse_email
from coffer.identity.numbering import MAX_DIGITS, POWERS_OF_TEN, U8, U64, HomePlan, locate
from coffer.visible import is_visible

I64 = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)

WITHHELD: Final = frozenset(
    {"", "anonymous", "restricted", "unavailable", "unknown", "private", "withheld", "blocked", "-1"}
)
MAX_RAW_DIGITS: Final = 19
"""An international prefix and 15 digits fit; 20 digits no longer fit a u64."""
_DIGIT, _SEPARATOR, _PLUS, _OTHER = range(4)


def _byte_classes() -> U8:
    table = np.full(256, _OTHER, np.uint8)
    table[48:58] = _DIGIT
    table[ord("+")] = _PLUS
    for separator in b" -.()/":
        table[separator] = _SEPARATOR
    return table


_CLASSES: Final = _byte_classes()


class Fault(IntEnum):
    """Why a value is no identity; 0 is none.

    Values are ours, names are the reject reasons of ``docs/formats/feed.md``.
    """

    NONE = 0
    NOT_A_NUMBER = 1
    UNKNOWN_CALLING_CODE = 2
    IMPOSSIBLE_LENGTH = 3
    NOT_AN_ADDRESS = 4
    ADDRESS_CONTROLS = 20


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Identities:
    """A column of identities, shape (n,) each.

    ``type``: u8 ``IdentityType``, 0 for withheld or rejected. ``number``: u64, the E.164 number, or a packed short code
    (``pack_short_code``). ``text``: Arrow string,
    null but for types 2, 4 and 5. ``fault``: u8 ``Fault``.
    """

    type: U8
    number: U64
    text: pa.StringArray
    fault: U8


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRules:
    """What a feed's identities may be. ``kind`` is 1 call, 2 text, 3 e-mail."""

    home: HomePlan
    local_identities: bool


def pack_short_code(country: str, digits: str) -> int:
    """50 bits: country 10, the digits behind a 1 as an integer 40 (``docs/formats/segment.md``)."""
    return ((ord(country[0]) - 65) * 26 + ord(country[1]) - 65) << 40 | int("1" + digits)


def unpack_short_code(packed: int) -> tuple[str, str]:
    """The inverse of ``pack_short_code``: country and digits.

    Raises:
        MalformedInput: no short code is packed like this.
    """
    country, marked = packed >> 40, str(packed & (1 << 40) - 1)
    if country >= 26 * 26 or marked[0] != "1" or not 4 <= len(marked) <= 12:
        raise MalformedInput("short code: not a packed short code")
    return chr(65 + country // 26) + chr(65 + country % 26), marked[1:]


def parse_identities(column: pa.Array, kinds: U8, rules: IdentityRules) -> Identities:
    """Read a column of strings (no nulls) as identities, each by the kind of its record (u8, shape (n,))."""
    column = column.cast(pa.binary())
    written = np.flatnonzero(pc.binary_length(column).to_numpy())
    if len(written) > len(column) // 2:
        return _parse_written(column, kinds, rules)
    # Mostly empty, as numbers that calls were forwarded to are: nothing is worked out for those that are not there.
    found = _parse_written(column.take(pa.array(written)), kinds[written], rules)
    at = np.full(len(column), -1, np.int64)
    at[written] = np.arange(len(written))
    return Identities(
        type=_spread(found.type, written, len(column)),
        number=_spread(found.number, written, len(column)),
        text=found.text.take(pa.array(at, mask=at < 0)),
        fault=_spread(found.fault, written, len(column)),
    )


def _spread(values: npt.NDArray[Scalar], at: I64, rows: int) -> npt.NDArray[Scalar]:
    out = np.zeros(rows, values.dtype)
    out[at] = values
    return out


def _parse_written(column: pa.BinaryArray, kinds: U8, rules: IdentityRules) -> Identities:
    n = len(column)
    result = Identities(
        type=np.zeros(n, np.uint8),
        number=np.zeros(n, np.uint64),
        text=pa.nulls(n, pa.string()),
        fault=np.zeros(n, np.uint8),
    )
    raw = _scan(column)
    is_number = (kinds != 3) & ~raw.has_other & (raw.digits > 2)  # fewer digits are no number anywhere; -1 is withheld
    _complete(raw, is_number, rules.home, column, result)
    odd = np.flatnonzero(~is_number)
    if len(odd) == 0:
        return result
    text = _parse_odd(column.take(pa.array(odd)), odd, kinds, rules, result)
    return Identities(type=result.type, number=result.number, text=text, fault=result.fault)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Scanned:
    value: U64
    digits: I64
    has_plus: Bools
    has_other: Bools


def _scan(column: pa.BinaryArray) -> _Scanned:
    """Digits, their number and value, of each string: by Arrow's own kernels where there is nothing but digits behind at most one plus."""
    text = column.cast(pa.string())
    bare = pc.ascii_ltrim(text, characters="+")
    digits = pc.binary_length(bare).to_numpy().astype(np.int64)
    pluses = pc.binary_length(text).to_numpy() - digits
    is_plain = (pluses <= 1) & (digits <= MAX_RAW_DIGITS) & pc.ascii_is_decimal(bare).to_numpy(zero_copy_only=False)
    numerals = bare if is_plain.all() else pc.if_else(pa.array(is_plain), bare, "0")
    value = numerals.cast(pa.uint64()).to_numpy()
    found = _Scanned(value=value, digits=digits, has_plus=pluses == 1, has_other=np.zeros(len(digits), np.bool_))
    at = np.flatnonzero(~is_plain)
    if len(at) == 0:
        return found
    odd = _scan_bytes(column.take(pa.array(at)))
    value = value.copy()
    for whole, part in (
        (value, odd.value),
        (found.digits, odd.digits),
        (found.has_plus, odd.has_plus),
        (found.has_other, odd.has_other),
    ):
        whole[at] = part
    return _Scanned(value=value, digits=found.digits, has_plus=found.has_plus, has_other=found.has_other)


def _scan_bytes(column: pa.BinaryArray) -> _Scanned:
    """The same from the bytes themselves, for numbers with separators and for what is no number."""
    n = len(column)
    offsets = np.frombuffer(column.buffers()[1], np.int32, n + 1, column.offset * 4)
    data = column.buffers()[2]
    raw = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    raw = raw[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    classes = _CLASSES[raw]
    is_digit = classes == _DIGIT
    ends = _running(is_digit)[offsets]
    digits = np.diff(ends)
    has_plus = np.zeros(n, np.bool_)
    has_other = np.zeros(n, np.bool_)
    if (classes >= _PLUS).any():
        filled = np.flatnonzero(np.diff(offsets))
        has_plus[filled] = raw[offsets[filled]] == ord("+")
        # A plus anywhere but in front is as foreign as a letter.
        signs = _running(classes == _PLUS)[offsets] if (classes == _PLUS).sum() != has_plus.sum() else None
        has_other = np.diff(signs) != has_plus if signs is not None else has_other
        foreign = classes >= _OTHER
        has_other |= np.diff(_running(foreign)[offsets]) > 0 if foreign.any() else has_other
    digits, ends = digits.astype(np.int64), ends.astype(np.int64)
    places = np.repeat(ends[1:], digits) - np.arange(ends[-1]) - 1
    terms = (raw[is_digit] - np.uint8(48)).astype(np.uint64) * POWERS_OF_TEN[np.minimum(places, MAX_RAW_DIGITS)]
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(terms, dtype=np.uint64)))  # never through floats
    value = sums[ends[1:]] - sums[ends[:-1]]  # modulo 2^64 the difference is exact
    return _Scanned(value=value, digits=digits, has_plus=has_plus, has_other=has_other)


def _running(flags: Bools) -> npt.NDArray[np.int32]:
    """How many are set before each position, and in all at the end; shape (n + 1,). A chunk is far smaller than 2^31 bytes."""
    out = np.zeros(len(flags) + 1, np.int32)
    np.cumsum(flags, out=out[1:])
    return out


@dataclass(frozen=True, slots=True)
class _Prefix:
    """Digits that a number may begin with.

    ``low`` and ``high`` (exclusive), u64 of shape (MAX_RAW_DIGITS + 1,): between them lies the value of each number of so many digits that
    begins with them and goes on. A division for each number would take ten times as long.
    """

    low: U64
    high: U64
    size: int

    @classmethod
    def of(cls, text: str) -> "_Prefix":
        rest = np.arange(MAX_RAW_DIGITS + 1) - len(text)
        powers = np.where((rest > 0) & (len(text) > 0), POWERS_OF_TEN[np.clip(rest, 0, None)], np.uint64(0))
        value = np.uint64(int(text or "0"))
        return cls(low=value * powers, high=(value + np.uint64(1)) * powers, size=len(text))

    def leads(self, raw: _Scanned, at: I64) -> Bools:
        """Whether the digits begin with this and more follow; ``at``: digits, at most MAX_RAW_DIGITS."""
        is_led: Bools = (raw.value >= self.low.take(at)) & (raw.value < self.high.take(at))
        return is_led

    def without(self, raw: _Scanned, at: I64) -> tuple[U64, I64]:
        """Value and digits of the rest, where ``leads`` holds."""
        return raw.value - self.low.take(at), raw.digits - self.size


def _is_length(lengths: int, digits: I64) -> Bools:
    bits: U64 = np.right_shift(np.uint64(lengths), np.clip(digits, 0, 63).astype(np.uint64))
    return (bits & np.uint64(1)).astype(np.bool_)


def _complete(raw: _Scanned, is_number: Bools, home: HomePlan, column: pa.BinaryArray, out: Identities) -> None:
    """Turn numbers as written into E.164, into short codes, or into faults; writes into ``out``."""
    fits = is_number & (raw.digits <= MAX_RAW_DIGITS)
    size = np.minimum(raw.digits, MAX_RAW_DIGITS)
    idd, trunk, code = _Prefix.of(home.idd), _Prefix.of(home.trunk), _Prefix.of(str(home.calling_code))
    out.fault[is_number & ~fits] = Fault.IMPOSSIBLE_LENGTH
    has_no_plus = fits & ~raw.has_plus
    is_foreign = has_no_plus & idd.leads(raw, size)
    is_bare = has_no_plus & ~is_foreign
    has_trunk = is_bare & trunk.leads(raw, size)
    is_short = is_bare & (raw.digits >= 3) & (raw.digits <= home.short_digits)
    is_short &= ~has_trunk if home.trunk == "0" else is_bare

    # A written-out calling code: after a plus, after the international prefix, or bare where the number fits no other
    # way.
    foreign_value, foreign_digits = idd.without(raw, size)
    value = np.where(is_foreign, foreign_value, raw.value)
    digits = np.where(is_foreign, foreign_digits, raw.digits)

    national_value, national_digits = trunk.without(raw, size)
    is_stripped = has_trunk & _is_length(home.lengths, national_digits)
    national_value = np.where(is_stripped, national_value, raw.value)
    national_digits = np.where(is_stripped, national_digits, raw.digits)
    is_long_bare = is_bare & ~is_short
    is_national = is_long_bare & _is_length(home.lengths, national_digits)
    code_digits = code.size
    is_coded = is_long_bare & ~is_stripped & code.leads(raw, size) & _is_length(home.lengths, raw.digits - code_digits)
    is_judged = is_national & is_coded if home.is_plain else (is_national & is_coded) | (is_long_bare & ~is_coded)
    is_national &= ~is_judged
    completed = (
        national_value + np.uint64(home.calling_code) * POWERS_OF_TEN[np.clip(national_digits, 0, MAX_RAW_DIGITS - 4)]
    )
    value = np.where(is_national, completed, value)
    digits = np.where(is_national, national_digits + code_digits, digits)
    is_lost = is_long_bare & ~is_national & ~is_coded & ~is_judged
    out.fault[is_lost] = Fault.IMPOSSIBLE_LENGTH

    _judge(column, np.flatnonzero(is_judged), home, value, digits, out)
    whole = fits & ~is_short & ~is_lost & (out.fault == 0)
    # An E.164 number does not begin with 0, so its digits are those of its value.
    sane = whole & (digits <= MAX_DIGITS) & (value >= POWERS_OF_TEN[np.clip(digits - 1, 0, MAX_RAW_DIGITS)])
    at = np.flatnonzero(sane)
    found = locate(value[at].astype(np.uint64), digits[at])
    out.fault[at[~found.is_known]] = Fault.UNKNOWN_CALLING_CODE
    out.fault[at[found.is_known & ~found.is_possible]] = Fault.IMPOSSIBLE_LENGTH
    too_long = whole & ~sane
    out.fault[too_long & (digits > MAX_DIGITS)] = Fault.IMPOSSIBLE_LENGTH
    out.fault[too_long & (digits <= MAX_DIGITS)] = Fault.UNKNOWN_CALLING_CODE
    good = at[found.is_possible]
    out.type[good] = IdentityType.E164
    out.number[good] = value[good]
    _pack_short(raw, is_short, home, out)


def _pack_short(raw: _Scanned, is_short: Bools, home: HomePlan, out: Identities) -> None:
    country = np.uint64(pack_short_code(home.country, "") >> 40) << np.uint64(40)
    marked = raw.value + POWERS_OF_TEN[np.clip(raw.digits, 0, MAX_RAW_DIGITS)]
    out.type[is_short] = IdentityType.SHORT
    out.number[is_short] = (country | marked)[is_short]


def _judge(column: pa.BinaryArray, at: I64, home: HomePlan, value: U64, digits: I64, out: Identities) -> None:
    """The slow path, once per distinct value.

    The library decides, and where even it is in doubt the value is rejected.
    """
    if len(at) == 0:
        return
    encoded = column.take(pa.array(at)).dictionary_encode()
    answers = [_judge_one(text.decode("ascii"), home) for text in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy()
    value[at] = np.array([0 if a is None else a for a in answers], np.uint64)[codes]
    out.fault[at] = np.array([Fault.IMPOSSIBLE_LENGTH if a is None else 0 for a in answers], np.uint8)[codes]
    digits[at] = np.array([0 if a is None else len(str(a)) for a in answers], np.int64)[codes]


def _judge_one(text: str, home: HomePlan) -> int | None:
    candidates = set()
    for written, region in ((text, home.country), ("+" + text, None)):
        try:
            number = phonenumbers.parse(written, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            candidates.add(int(f"{number.country_code}{phonenumbers.national_significant_number(number)}"))
    if len(candidates) == 1:
        return candidates.pop()
    if candidates:
        return None
    try:
        number = phonenumbers.parse(text, home.country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return int(f"{number.country_code}{phonenumbers.national_significant_number(number)}")


def _parse_odd(column: pa.BinaryArray, at: I64, kinds: U8, rules: IdentityRules, out: Identities) -> pa.StringArray:
    """Everything that is not plainly a number, once per distinct (value, kind); returns the text column."""
    encoded = column.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    codes = encoded.indices.to_numpy().astype(np.int64)
    keys = codes * 4 + kinds[at]
    distinct, inverse = np.unique(keys, return_inverse=True)
    found = [_parse_one(values[key // 4], int(key % 4), rules) for key in distinct.tolist()]
    types = np.array([kind for kind, _, _ in found], np.uint8)
    faults = np.array([fault for _, _, fault in found], np.uint8)
    out.type[at] = types[inverse]
    out.fault[at] = faults[inverse]
    texts = pa.array([text for _, text, _ in found], pa.string())
    indices = np.full(len(out.type), -1, np.int64)
    indices[at] = inverse
    return pc.take(texts, pa.array(indices, mask=indices < 0))


def _parse_one(raw: bytes, kind: int, rules: IdentityRules) -> tuple[IdentityType, str | None, Fault]:
    nothing = IdentityType.NONE
    wrong = Fault.NOT_AN_ADDRESS if kind == 3 else Fault.NOT_A_NUMBER
    try:
        text = raw.decode("utf-8").strip(" ")
    except UnicodeDecodeError:
        return nothing, None, wrong
    if text.lower() in WITHHELD or (kind == 3 and text == "<>"):
        return nothing, None, Fault.NONE
    if kind == 3:
        try:
            return IdentityType.EMAIL, parse_email(text, "address"), Fault.NONE
        except MalformedInput:
            return nothing, None, wrong if is_visible(text) else Fault.ADDRESS_CONTROLS
    if kind == 2 and is_sender(text):
        return IdentityType.SENDER, text, Fault.NONE
    if rules.local_identities and is_opaque(text):
        return IdentityType.OPAQUE, text, Fault.NONE
    return nothing, None, wrong


def sids(identities_type: U8, number: U64, text: pa.StringArray, feed: str) -> tuple[U64, U64]:
    """High and low u64 (big-endian order) of each sid; shape (n,). Rows without an identity give (0, 0)."""
    high = np.where(identities_type == IdentityType.E164, np.uint64(1 << 56), np.uint64(0))
    low = np.where(identities_type == IdentityType.E164, number, np.uint64(0))
    odd = np.flatnonzero(identities_type > IdentityType.E164)
    if len(odd):
        types = identities_type[odd]
        encoded = text.take(pa.array(odd)).dictionary_encode()
        codes = np.where(
            types == IdentityType.SHORT, number[odd], pc.fill_null(encoded.indices, 0).to_numpy().astype(np.uint64)
        )
        keys = np.stack([types.astype(np.uint64), codes], axis=1)
        distinct, inverse = np.unique(keys, axis=0, return_inverse=True)
        words = encoded.dictionary.to_pylist()
        raw = b"".join(_odd_sid(IdentityType(int(t)), int(c), words, feed) for t, c in distinct)
        halves = np.frombuffer(raw, ">u8").astype(np.uint64).reshape(-1, 2)
        high[odd], low[odd] = halves[inverse, 0], halves[inverse, 1]
    return high, low


def _odd_sid(kind: IdentityType, code: int, words: list[str], feed: str) -> bytes:
    if kind is IdentityType.SHORT:
        country, digits = unpack_short_code(code)
        return hashed_sid(kind, digits, country)
    return hashed_sid(kind, words[code], feed if kind is IdentityType.OPAQUE else "")

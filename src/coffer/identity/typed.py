"""One identity as people type it, in its canonical form.

Orders write numbers with spaces, dots, brackets and national prefixes. A subject line has one spelling, and this finds
it; what a person then signs is that spelling.
"""

import re
from typing import Final

import phonenumbers

from coffer.errors import MalformedInput
from coffer.identity.identifier import SUBJECT_SCHEME, Identifier, parse_email, parse_subject
from coffer.identity.mobile import HANDSET_DIGITS, IMEI_DIGITS, IMEISV_DIGITS, names_subscription, whole_imei
from coffer.identity.not_held import REASONS, SAID, recognised
from coffer.identity.numbering import is_country

_BETWEEN: Final = re.compile(r"[ \u00a0\u202f\t./()-]")
_DIGITS: Final = re.compile(r"\+?[0-9]{1,20}")
_SHORT: Final = range(3, 7)
_MOBILE: Final = re.compile(r"(imei|imeisv|imsi)(?![a-z]) *[:=]? *(.*)", re.IGNORECASE)
"""An IMEI or an IMSI is named as such: without its name, 15 digits may be anything."""
_TAC: Final = re.compile(r"tac *[:=]? *([0-9]{8})[ ,/-]*snr *[:=]? *([0-9]{6})", re.IGNORECASE)
"""A handset without its check digit. Nothing checks these digits, so the parts are named, and each has its length."""
MAX_TYPED: Final = 300


def parse_typed_subject(text: str, home: str | None, place: str) -> Identifier:
    """The identity that somebody typed.

    ``home``: the country (ISO 3166, two capital letters) in which a number without ``+`` is read; None refuses such a
    number. Digits that no number
    of that country has, and that are 3 to 6, are one of its short codes. Behind ``IMEI`` stand 15 digits in any groups,
    the last of which checks the others, behind ``IMEISV`` 16, behind ``TAC`` 8 and behind ``SNR`` 6, behind ``IMSI`` its
    digits. A subject line is taken as it is.

    Raises:
        MalformedInput: it is no number, address or subject line; the message does not repeat it.
    """
    if home is not None and not is_country(home):
        raise MalformedInput(f"{place}: its country is unknown, expected two capital letters (ISO 3166)")
    typed = text.strip()
    if len(typed) > MAX_TYPED:
        raise MalformedInput(f"{place}: {len(typed)} characters, expected at most {MAX_TYPED}")
    if (mobile := _MOBILE.fullmatch(typed)) is not None:
        return _parse_mobile(mobile[1].lower(), _BETWEEN.sub("", mobile[2]), place)
    if (parts := _TAC.fullmatch(typed)) is not None:
        return parse_subject(f"imei:{whole_imei(parts[1] + parts[2], HANDSET_DIGITS) or ''}", place)
    if SUBJECT_SCHEME.match(typed):
        return parse_subject(typed, place)
    other = recognised(typed)
    if other is not None:
        raise MalformedInput(
            f"{place}: {SAID[other]}: {REASONS[other]}",
            hint=f"a number is written +33 6 12 34 56 78; coffer not-held {other} drafts the reply",
        )
    if "@" in typed:
        return parse_subject(f"mailto:{parse_email(typed, place)}", place)
    digits = _BETWEEN.sub("", typed)
    if not _DIGITS.fullmatch(digits):
        raise MalformedInput(
            f"{place}: not a number or an e-mail address",
            hint="write a number as +33 6 12 34 56 78, or tel:+33612345678",
        )
    if home is None and digits[0] != "+":
        raise MalformedInput(
            f"{place}: a number without + and without a country", hint="write it with its calling code: +33 ..."
        )
    number = _number(digits, home)
    if number is None and home is not None and len(digits) in _SHORT and digits[0] != "+":
        return parse_subject(f"short:{home}/{digits}", place)
    if number is None:
        raise MalformedInput(f"{place}: no number of its country", hint="write it with its calling code: +33 ...")
    return parse_subject(f"tel:+{number}", place)


def _parse_mobile(scheme: str, digits: str, place: str) -> Identifier:
    """An IMEI or IMSI in its one spelling; ``parse_subject`` refuses what names nothing."""
    if scheme == "imsi":
        return parse_subject(f"imsi:{digits if names_subscription(digits) else ''}", place)
    if scheme == "imei" and len(digits) in (HANDSET_DIGITS, IMEISV_DIGITS) and digits.isdecimal():
        raise MalformedInput(
            f"{place}: no IMEI has {len(digits)} digits, expected 15 of which the last checks the others",
            hint="16 with a software version: IMEISV 4901542032375177; none to check: TAC 49015420 SNR 323751",
        )
    whole = whole_imei(digits, IMEISV_DIGITS if scheme == "imeisv" else IMEI_DIGITS)
    return parse_subject(f"imei:{whole or ''}", place)


def _number(digits: str, home: str | None) -> str | None:
    """The E.164 digits; None if no number that can exist is written so."""
    try:
        number = phonenumbers.parse(digits, home)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return f"{number.country_code}{phonenumbers.national_significant_number(number)}"

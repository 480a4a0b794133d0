"""A number as people write it: in groups, and what kind of number it is.

For reading alone; nothing is decided by it.
"""

from typing import Final

import phonenumbers

_MOBILE: Final = frozenset({phonenumbers.PhoneNumberType.MOBILE})


def grouped_number(digits: str) -> str:
    """``+33 6 98 02 45 45`` for the digits of an E.164 number.

    It is ``+`` and the digits where there is no such form.

    Some countries' international form has other digits than the number itself. Then the number stands as it is.
    """
    try:
        shown = phonenumbers.format_number(
            phonenumbers.parse(f"+{digits}"), phonenumbers.PhoneNumberFormat.INTERNATIONAL
        )
    except phonenumbers.NumberParseException:
        return f"+{digits}"
    return shown if "".join(filter(str.isdigit, shown)) == digits else f"+{digits}"


def is_mobile(digits: str) -> bool:
    """Whether its country's plan says that a number is mobile; False where the plan does not tell."""
    try:
        return phonenumbers.number_type(phonenumbers.parse(f"+{digits}")) in _MOBILE
    except phonenumbers.NumberParseException:
        return False

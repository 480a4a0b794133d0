"""The four families of errors, by who must act next.

A message gives place, found and expected, in that order, in lower case and without a full stop; advice goes into
``hint``. No message holds an identifier of a person, the content of a record or a key: it gives files, lines, byte
offsets and counts instead. Our own bugs are ``AssertionError`` or ``RuntimeError`` and belong to no family.
"""

from typing import ClassVar


class CofferError(Exception):
    """The base of the four families; it is never raised itself."""

    exit_code: ClassVar[int]
    http_status: ClassVar[int]

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class MalformedInput(CofferError):  # noqa: N818 - families are named for what happened, not for being errors
    """The input is not in the form that its format demands: the sender must mend it."""

    exit_code = 2
    http_status = 400


class NotProven(CofferError):  # noqa: N818
    """A signature, hash or proof does not hold: stop, keep the evidence and find out why."""

    exit_code = 3
    http_status = 409


class Refused(CofferError):  # noqa: N818
    """The rules forbid it: the applicant must ask for something else, or ask others too.

    ``code`` is one of scope, time, budget, log, internal (``docs/formats/exchange.md``), or ``form``.
    """

    exit_code = 4
    http_status = 403

    def __init__(self, message: str, *, code: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Unavailable(CofferError):  # noqa: N818
    """Something that is needed is missing or busy: the operator must act and may then try again."""

    exit_code = 5
    http_status = 503

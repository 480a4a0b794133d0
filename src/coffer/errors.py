"""The four families of errors, by who must act next.

A message gives place, found and expected, in that order, in lower case and without a full stop; advice goes into ``hint``. No message ever holds an
identifier of a person, the content of a record or a key: files, lines, byte offsets and counts say where to look. Our own bugs are ``AssertionError``
or ``RuntimeError`` and belong to no family.
"""

from typing import ClassVar


class CofferError(Exception):
    """Base of the four families; never raised itself."""

    exit_code: ClassVar[int]
    http_status: ClassVar[int]

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class MalformedInput(CofferError):  # noqa: N818 - families are named for what happened, not for being errors
    """What came in is not what the format asks for: its sender must mend it."""

    exit_code = 2
    http_status = 400


class NotProven(CofferError):  # noqa: N818
    """A signature, hash or proof does not hold: stop, keep the evidence, find out why."""

    exit_code = 3
    http_status = 409


class Refused(CofferError):  # noqa: N818
    """The rules say no: the applicant must ask for something else, or ask others too.

    ``code`` is one of scope, time, budget, log, internal (``docs/formats/exchange.md``), or ``form``.
    """

    exit_code = 4
    http_status = 403

    def __init__(self, message: str, *, code: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.code = code


class Unavailable(CofferError):  # noqa: N818
    """Something needed is missing or busy: the operator must act, then it may be tried again."""

    exit_code = 5
    http_status = 503

"""The three families of errors, by who must act, and the findings of an audit."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator


class AuditError(Exception):
    """Base of all errors an audit reports; the message gives place, found, expected."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class MalformedInput(AuditError):  # noqa: N818 - a family is named for what happened
    """The sender must act: bytes do not follow their format."""

    exit_code = 2


class NotProven(AuditError):  # noqa: N818 - a family is named for what happened
    """Stop and keep the evidence: a signature, hash, proof or rule does not hold."""

    exit_code = 3


class Unavailable(AuditError):  # noqa: N818 - a family is named for what happened
    """The operator must act, and may retry: a file or folder cannot be read."""

    exit_code = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One violation or warning.

    `entry` is a log index and `segment` a seg_id in hex; each is None if none applies.
    `hint` says what to do about it; it is empty if the finding is to be kept as evidence.
    """

    entry: int | None
    segment: str | None
    code: str
    message: str
    hint: str = ""

    def format_line(self) -> str:
        """Give the finding as one line of text."""
        where = [f"entry {self.entry}"] * (self.entry is not None) + [f"segment {self.segment}"] * bool(self.segment)
        return " ".join([self.code, *where]) + ": " + self.message


@dataclass(slots=True, kw_only=True)
class Findings:
    """The findings that an audit collects.

    It is mutable on purpose, so that one broken part does not hide the others.
    """

    violations: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    """Assumptions that a clean verdict rests on because nothing shows them, each as a clause."""
    not_shown: list[str] = field(default_factory=list)
    """Facts that no audit of this kind can show. They are said every time and are no reason to worry."""

    def violate(
        self, code: str, message: str, *, entry: int | None = None, segment: str | None = None, hint: str = ""
    ) -> None:
        """Add a violation."""
        self.violations.append(Finding(entry=entry, segment=segment, code=code, message=message, hint=hint))

    def warn(self, code: str, message: str, *, entry: int | None = None, segment: str | None = None) -> None:
        """Add a warning, which leaves the audit clean."""
        self.warnings.append(Finding(entry=entry, segment=segment, code=code, message=message))

    @contextmanager
    def guard(self, code: str, *, entry: int | None = None, segment: str | None = None) -> Iterator[None]:
        """Turn a MalformedInput or NotProven raised in the block into a violation.

        Unavailable passes on to the caller.
        """
        try:
            yield
        except (MalformedInput, NotProven) as error:
            self.violate(code, str(error), entry=entry, segment=segment, hint=error.hint)

    def format_json(self) -> dict[str, object]:
        """Give the part of the JSON output that all commands share."""
        return {
            "clean": not self.violations,
            "conditions": self.conditions,
            "not_shown": self.not_shown,
            "violations": [asdict(item) for item in self.violations],
            "warnings": [asdict(item) for item in self.warnings],
        }


def verify_that(holds: object, message: str) -> None:
    """Raise NotProven with the message unless it holds."""
    if not holds:
        raise NotProven(message)

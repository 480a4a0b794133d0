"""Figures as Prometheus reads them (text format, version 0.0.4). Pure.

Promises: a figure is a number under our own words. No name, address or number of a person has a place in it.

Implements ``docs/operations.md``, "Figures".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

CONTENT_TYPE: Final = "text/plain; version=0.0.4"
_ESCAPED: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Kind(StrEnum):
    """Whether a figure only grows while the process runs, or goes up and down."""

    COUNTER = "counter"
    GAUGE = "gauge"


@dataclass(frozen=True, slots=True)
class Sample:
    """A number, and the labels that tell it from the others of its figure."""

    value: float
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Figure:
    """What a name means, and its numbers. A counter's name ends in ``_total``."""

    name: str
    kind: Kind
    meaning: str
    samples: Sequence[Sample]


def counter(name: str, meaning: str, *samples: Sample) -> Figure:
    """A figure that only grows."""
    return Figure(name, Kind.COUNTER, meaning, samples)


def gauge(name: str, meaning: str, *samples: Sample) -> Figure:
    """A figure that goes up and down."""
    return Figure(name, Kind.GAUGE, meaning, samples)


def sample(value: float, **labels: str) -> Sample:
    """A number with its labels, in this order."""
    return Sample(value, labels)


def format_figures(figures: Sequence[Figure]) -> str:
    """The text that a scrape gets."""
    lines: list[str] = []
    for figure in figures:
        lines += [f"# HELP {figure.name} {figure.meaning}", f"# TYPE {figure.name} {figure.kind}"]
        lines += [f"{figure.name}{_labels(one.labels)} {_number(one.value)}" for one in figure.samples]
    return "\n".join([*lines, ""])


def _labels(labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)

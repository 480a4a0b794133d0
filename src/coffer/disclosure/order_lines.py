"""The order as the PDF shows it, line by line. Pure."""

import datetime as dt

from coffer.authority.authorization import Terms
from coffer.disclosure.naming import show_identity
from coffer.disclosure.order_times import (
    all_periods,
    days_text,
    has_own_periods,
    has_own_persons,
    local_of,
    moment_twice,
    periods_twice,
    span_twice,
)
from coffer.disclosure.pdf_texts import DATE_FORMAT, TEXTS, format_count


def order_lines(terms: Terms, zone: dt.tzinfo | None, language: str) -> list[list[str]]:
    """Each line of the order that people read, as its name and its text.

    ``zone``: of the times that the order bears in UTC; None for its own clock.
    """
    words, day = TEXTS[language], DATE_FORMAT[language]
    starts, ends = (local_of(value, zone, terms) for value in (terms.not_before, terms.expires))
    unit = words["record_unit" if terms.max_records == 1 else "records_unit"]
    limit = f"{format_count(terms.max_records, language)} {unit}"
    return [
        *([words[key], getattr(terms, key)] for key in ("authority", "basis", "purpose")),
        *_came(terms, language),
        *_subjects(terms, language),
        [words["kinds"], ", ".join(words[kind] for kind in terms.kinds)],
        [words["limit"], f"{limit} ({words['hub']})" if terms.is_hub else limit],
        [
            words["in_force"],
            span_twice(starts, ends, words["to"], language),
        ],
        [words["secret"], terms.secret_until.strftime(day)],
    ]


def _came(terms: Terms, language: str) -> list[list[str]]:
    """When the order came and is due, and the hash of each of its files."""
    words, ordered = TEXTS[language], terms.ordered
    due = [] if ordered.due is None else [[words["due"], moment_twice(ordered.due, language)]]
    files = "\n".join(f"SHA-256 {file.sha256.hex()}" for file in ordered.files)
    return [
        [words["received"], moment_twice(ordered.received, language)],
        *due,
        *([[words["order_files"], files]] if files else []),
    ]


def _persons(terms: Terms, language: str) -> list[list[str]]:
    """The person if all subjects are one person's; else each subject is shown with its own."""
    return [] if has_own_persons(terms) else [[TEXTS[language]["person"], terms.persons[0]]]


def _subjects(terms: Terms, language: str) -> list[list[str]]:
    """Subjects and periods, and the UTC days that they open.

    Subjects stand together if all have the same periods, else each stands with its own.
    """
    words = TEXTS[language]
    subjects = [show_identity(subject.format(), words) for subject in terms.subjects]
    if not has_own_periods(terms) and not has_own_persons(terms):
        return [
            *_persons(terms, language),
            [words["subject" if len(subjects) == 1 else "subjects"], "\n".join(subjects)],
            [words["period"], periods_twice(all_periods(terms), language)],
            [words["days_opened"], days_text(terms.all_days, language)],
        ]
    own = has_own_persons(terms)
    return _persons(terms, language) + [
        line
        for number, subject in enumerate(subjects, 1)
        for line in (
            [words["subject_number"].format(number=number), subject],
            *([[words["person"], terms.persons[number - 1]]] if own else []),
            [words["period"], periods_twice(terms.periods[number - 1], language)],
            [words["days_opened"], days_text(terms.days_of(number), language)],
        )
    ]

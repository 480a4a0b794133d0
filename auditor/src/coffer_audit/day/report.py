"""The report of a certificate, as lines of text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coffer_audit.report import format_checkpoint, format_count, format_findings, format_trust, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from coffer_audit.day.audit import Certificate
    from coffer_audit.vault.opened import Audited


def format_day(audited: Audited, day: str, file: str) -> Iterator[str]:
    """Say that a certificate was made, and what it rests on."""
    yield wrap(f"{day}: nothing of it can be opened any more; certificate in {file}")
    yield from format_checkpoint(audited.log.checkpoint)
    yield from format_trust(audited.trust)
    yield from format_findings(audited.findings, audited.trust)
    yield f"verify it offline: coffer-audit certificate {file}"


def format_certificate(certificate: Certificate) -> Iterator[str]:
    """Give the report of a certificate."""
    yield f"day: {certificate.day} (UTC)"
    for item in certificate.rules:
        yield wrap(
            f"sealed: {format_count(item.segments, 'segment')}, {format_count(item.rows, 'row')}, "
            f"under rule {item.rule}: {item.expression}{_at_once(item.emergency)}"
        )
        yield wrap(f"keys not destroyed: {', '.join(item.left) or 'none'}: too few for the rule", 2)
    for gone in certificate.destructions:
        yield f"destroyed: {gone.custodian}, {gone.time:%Y-%m-%d %H:%M:%S} UTC, entry {gone.entry}"
    for hold in certificate.remaining:
        yield wrap(
            f"a hold remains: entry {hold.entry}, until {hold.until:%Y-%m-%d %H:%M:%S} UTC; of persons whom its note names "
            "custodians may keep what they would answer"
        )
    for name, time in certificate.cosigned.items():
        yield f"cosigned: {name}, {time:%Y-%m-%d %H:%M:%S} UTC"
    if not certificate.cosigned:
        yield wrap("cosigned: by nobody, so that only the log's key says when the entries were there")
    yield from format_checkpoint(certificate.checkpoint)
    yield from format_trust(certificate.trust)
    yield from format_findings(certificate.findings, certificate.trust)


def report_certificate(certificate: Certificate) -> dict[str, object]:
    """Give what is particular to a certificate, for JSON."""
    return {
        "steps": certificate.findings.steps,
        "day": str(certificate.day),
        "destroyed": [
            {"custodian": item.custodian, "entry": item.entry, "time": _time(item.time)}
            for item in certificate.destructions
        ],
        "rules": [
            {
                "roster": item.roster.hash,
                "rule": item.rule,
                "expression": item.expression,
                "emergency": item.emergency or None,
                "segments": item.segments,
                "rows": item.rows,
                "left": list(item.left),
            }
            for item in certificate.rules
        ],
        "holds": [{"entry": item.entry, "until": _time(item.until)} for item in certificate.remaining],
        "cosigned": {name: _time(time) for name, time in certificate.cosigned.items()},
    }


def _at_once(emergency: str) -> str:
    return f", or in an emergency {emergency}" if emergency else ""


def _time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")

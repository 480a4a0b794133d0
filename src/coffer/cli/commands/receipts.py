"""``coffer receipts``."""

import click

from coffer.cli.console import console, print_json, say
from coffer.cli.custodians import remote_custodians, unlock
from coffer.cli.passphrases import Passphrases, passphrases_option
from coffer.cli.patience import deadline_option
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.errors import NotProven, Unavailable
from coffer.procedures.receipts.decide import WARN_AFTER
from coffer.procedures.receipts.run import ReceiptReport, run_receipts
from coffer.visible import counted

MAX_LINES = 20
"""Lines of one table; the whole list is in ``--json``."""


@click.command(epilog="Example: coffer receipts vault   (once a day)")
@click.argument("vault")
@passphrases_option
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
@deadline_option
def receipts(vault: str, passphrase_file: str | None, deadline_s: float, *, as_json: bool) -> None:
    """Let every custodian show that its part of each segment opens.

    It asks custodians here and on other machines, then judges who is wrong.

    The exit code is 3 if a segment, a custodian or the ingester is not as it should be, and 5 if receipts are
    missing for over a day.
    """
    opened = vault_at(vault)
    opened.replay()
    services = unlock(opened, Passphrases(passphrase_file), opened.custodian_names(), may_skip=True)
    with remote_custodians(opened, deadline_s) as remotes:
        report = run_receipts(opened, [*services, *remotes])
    for message in report.silent:
        say(message)
    if as_json:
        print_json(_document(report))
    else:
        _print(report)
    if report.findings:
        accused = ", ".join(sorted({finding.accused for finding in report.findings}))
        raise NotProven(
            f"receipts: {counted(len(report.findings), 'finding')}, against {accused}, expected none",
            hint="ask for no more records from the accused until it is known why; keep the vault's files as they are",
        )
    late = [item for item in report.missing if item.age > WARN_AFTER]
    if late:
        names = ", ".join(sorted({item.custodian for item in late}))
        raise Unavailable(
            f"receipts: {len(late)} missing for over {WARN_AFTER.days * 24} hours, of {names}",
            hint="until they are there nobody knows whether new records are sealed to these custodians' keys",
        )


def _document(report: ReceiptReport) -> dict[str, object]:
    return {
        "segments": report.segments,
        "given": report.given,
        "receipts": report.logged,
        "missing": [
            {
                "custodian": item.custodian,
                "segment": item.segment.hex(),
                "day": str(item.day),
                "age_s": int(item.age.total_seconds()),
            }
            for item in report.missing
        ],
        "findings": [
            {"accused": item.accused, "segment": item.segment.hex(), "day": str(item.day), "reason": item.reason}
            for item in report.findings
        ],
        "entries": list(report.entries),
    }


def _print(report: ReceiptReport) -> None:
    out = console()
    out.print(
        f"{counted(report.segments, 'segment')}, {counted(report.given, 'receipt')} given, {report.logged:,} in all"
    )
    if report.missing:
        table = Table("custodian", "missing", "oldest, hours", numbers=("missing", "oldest, hours"))
        for name in sorted({item.custodian for item in report.missing}):
            ages = [item.age for item in report.missing if item.custodian == name]
            table.add_row(name, f"{len(ages):,}", f"{max(ages).total_seconds() / 3600:.1f}")
        out.print(table)
    if report.findings:
        table = Table("accused", "day", "segment", "why")
        for item in report.findings[:MAX_LINES]:
            table.add_row(item.accused, str(item.day), item.segment.hex()[:16], item.reason)
        out.print(table)
        if len(report.findings) > MAX_LINES:
            say(f"{len(report.findings) - MAX_LINES} more findings: see --json")

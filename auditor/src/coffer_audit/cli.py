"""The command `coffer-audit`: report on stdout, errors on stderr, an exit code for each family."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from coffer_audit import __version__
from coffer_audit.answer.audit import audit_answer, summarise_answer
from coffer_audit.approvals.audit import audit_approvals
from coffer_audit.console import make_visible, prepare_outputs, print_result, tell
from coffer_audit.day.audit import audit_certificate
from coffer_audit.day.make import make_certificate
from coffer_audit.day.page import format_page
from coffer_audit.day.report import format_certificate, format_day, report_certificate
from coffer_audit.day.words import LANGUAGES
from coffer_audit.errors import AuditError, Findings, MalformedInput, NotProven, Unavailable
from coffer_audit.log.remote import fetch_log, is_address, parse_address
from coffer_audit.notes import parse_vkey
from coffer_audit.notice import audit_notice
from coffer_audit.proof.audit import audit_proof
from coffer_audit.proof.form import format_proof
from coffer_audit.proof.report import format_proven, format_written, report_proven
from coffer_audit.report import (
    format_answer,
    format_approvals,
    format_count,
    format_fetched,
    format_histories,
    format_notice,
    format_table,
    format_transparency,
    format_vault,
)
from coffer_audit.trust import Trust
from coffer_audit.vault.audit import audit_vault
from coffer_audit.vault.histories import compare_histories
from coffer_audit.vault.opened import open_vault
from coffer_audit.vault.summaries import count_emergencies, summarise_collected, summarise_opened
from coffer_audit.vault.tables import TABLES, recompute_table
from coffer_audit.vault.transparency import recompute_transparency
from coffer_audit.vault.witnesses import Witnesses
from coffer_audit.wire import parse_day, parse_decimal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from coffer_audit.log.checkpoint import Checkpoint

EVIDENCE = "keep it as it is: it is the evidence"
PLACES = {
    "vault": "FOLDER|URL",
    "answer": "FOLDER|ZIP",
    "notice": "FOLDER",
    "transparency": "FOLDER|URL",
    "fetch": "URL",
    "histories": "FOLDER",
    "approvals": "FILE",
    "day": "FOLDER|URL",
    "certificate": "ZIP",
    "entry": "FOLDER|URL",
    "proof": "FILE",
}


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="coffer-audit",
        description="Audits a vault or an answer, without trusting Coffer.",
        epilog="A URL is the address of a log: of coffer serve, or https://HOST:PORT/log of a custodian.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in (
        ("vault", "audit a vault folder, or its log alone: a folder, or the address where it is served"),
        ("answer", "audit an answer: its folder, or the signed package (a zip)"),
        ("notice", "audit the proof that came with a notice"),
        ("approvals", "verify what persons of a custodian agreed to, as it wrote it: coffer custodian approvals"),
        ("transparency", "recompute a transparency report's figures from the log alone"),
        ("day", "certify that nothing of a day can be opened any more"),
        ("certificate", "verify such a certificate, offline"),
        ("entry", "write the proof that an entry is in the log, as one file (C2SP tlog-proof)"),
        ("proof", "verify such a file, offline, under a policy (C2SP tlog-policy)"),
        ("histories", "compare what several parties keep of one log, and name who cosigned two histories"),
        ("fetch", "store a served log as a new folder, to be audited with: coffer-audit vault FOLDER"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        _add_place(command, name)
        command.add_argument("--json", action="store_true", help="print the report as JSON")
        if name != "proof":
            command.add_argument("--log-key", metavar="VKEY", help="the log's key, known from elsewhere")
        if name not in ("fetch", "proof"):
            command.add_argument("--genesis", metavar="HEX", help="hash of the first roster, known from elsewhere")
        if name == "transparency":
            command.add_argument("--from", dest="first", required=True, metavar="DAY", help="first day (UTC)")
            command.add_argument("--to", dest="last", required=True, metavar="DAY", help="last day (UTC)")
            command.add_argument("--table", choices=TABLES, help="instead, the yearly table that a law asks for")
        if name == "vault":
            command.add_argument("--quick", action="store_true", help="do not read the rows")
        elif name == "approvals":
            command.add_argument("--answer", type=Path, metavar="FOLDER|ZIP", help="an answer that it countersigned")
            command.add_argument("--vault", type=Path, metavar="FOLDER", help="the vault, or its log")
        elif name == "answer":
            command.add_argument(
                "--vault", metavar="FOLDER|URL", help="the vault or its log: also show that no segment was left out"
            )
        if name not in ("notice", "histories", "approvals", "certificate", "proof"):
            command.add_argument(
                "--fingerprint", metavar="HEX", help="with https: SHA-256 of the server's certificate (DER)"
            )
    return parser


def _add_place(command: argparse.ArgumentParser, name: str) -> None:
    """Add what is audited, and where what is made of it goes."""
    if name == "day":
        command.add_argument("day", metavar="DAY", help="the day (UTC), like 2016-09-01")
    if name == "entry":
        command.add_argument("index", metavar="INDEX", help="the entry's place in the log, from 0")
    command.add_argument("place", metavar=PLACES[name])
    if name in ("day", "entry"):
        command.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="must not exist yet")
    if name == "proof":
        command.add_argument("--policy", type=Path, required=True, metavar="FILE", help="logs, witnesses and quorum")
        command.add_argument("--entry", type=Path, metavar="FILE", help="the entry, if it is not in the proof")
    if name == "certificate":
        command.add_argument("--pdf", type=Path, metavar="FILE", help="also write it as a page; must not exist yet")
        command.add_argument("--language", choices=LANGUAGES, default="en", help="of the page")
    if name == "fetch":
        command.add_argument("folder", type=Path, metavar="FOLDER", help="must not exist yet")
    if name == "histories":
        command.add_argument("others", nargs="*", metavar="FOLDER", help="of a vault, or a custodian's own machine")


@contextmanager
def _stored(place: str, options: argparse.Namespace) -> Iterator[Path]:
    """Give the folder of a place; a served log is fetched into a temporary folder."""
    if not is_address(place):
        if options.fingerprint:
            raise MalformedInput("--fingerprint: found a folder, expected an address with https")
        yield Path(place)
        return
    address = parse_address(place, options.fingerprint)
    if not options.log_key:
        raise MalformedInput(
            f"{address.format_text()}: found no key of the log, expected --log-key",
            hint="give --log-key VKEY and --genesis HEX, as the vault publishes them (log and genesis in vault.toml)",
        )
    key = parse_vkey(options.log_key, "log key")
    with TemporaryDirectory(prefix="coffer-audit-") as parent:  # private, so nobody can put a vault.toml beside the log
        fetch_log(address, Path(parent) / "log", key)
        yield Path(parent) / "log"


def _shared(trust: Trust, checkpoint: Checkpoint, findings: Findings) -> dict[str, object]:
    return {
        **findings.format_json(),
        "origin": trust.key.name,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "pinned": {"log_key": trust.pinned_key, "genesis": trust.pinned_genesis},
        "pins_given": trust.pinned_key and trust.pinned_genesis,
    }


def _witnesses(witnesses: Witnesses | None) -> dict[str, object]:
    return {"witnesses": asdict(witnesses) if witnesses else None}


Result = tuple[Findings, dict[str, object], "Iterable[str]"]


def _run_vault(options: argparse.Namespace) -> Result:
    with _stored(options.place, options) as folder:
        audited = audit_vault(folder, options.log_key, options.genesis, quick=options.quick)
    report = _shared(audited.trust, audited.log.checkpoint, audited.findings) | _witnesses(audited.witnesses)
    report |= {"collected": summarise_collected(audited.state), "opened": summarise_opened(audited.state)}
    report["emergencies"] = count_emergencies(audited.state, audited.state.openings)
    return audited.findings, report, format_vault(audited)


def _run_answer(options: argparse.Namespace) -> Result:
    if not options.vault:
        if options.fingerprint:
            raise MalformedInput("--fingerprint: found no --vault, expected --vault with an address of https")
        return _audit_answer(options, None)
    with _stored(options.vault, options) as vault:
        return _audit_answer(options, vault)


def _audit_answer(options: argparse.Namespace, vault: Path | None) -> Result:
    audited = audit_answer(Path(options.place), options.log_key, options.genesis, vault)
    given, findings = audited.given, audited.findings
    if not vault:
        findings.conditions.append("no segment was left out, which only the log shows (give --vault FOLDER|URL)")
        if given.claims.superseded_batches:
            findings.conditions.append("what superseded a batch has effect in the log, which only the log shows")
        if part := given.claims.part:
            findings.conditions.append(f"it is part {part.number} of its order, which only the log shows")
    totals = summarise_answer(given.claims)
    report = _shared(given.trust, given.checkpoint, findings) | {"steps": findings.steps, "totals": totals}
    return findings, report, format_answer(audited, totals)


def _find_proof(folder: Path) -> Path:
    """Give the folder of a proof: the given one, or the only proof inside it.

    A proof inside lies beside a letter: it is named `proof`, in the given folder or one level below.
    """
    if (folder / "trust.json").is_file():
        return folder
    folders = sorted(path.parent for pattern in ("proof", "*/proof") for path in folder.glob(f"{pattern}/trust.json"))
    if len(folders) > 1:
        raise MalformedInput(
            f"{str(folder)!a}: found {len(folders)} proofs, expected one",
            hint="\n".join(f"coffer-audit notice {shlex.quote(str(path))}" for path in folders[:20]),
        )
    return folders[0] if folders else folder


def _run_notice(options: argparse.Namespace) -> Result:
    audited = audit_notice(_find_proof(Path(options.place)), options.log_key, options.genesis)
    report = _shared(audited.trust, audited.checkpoint, audited.findings)
    report |= {"steps": audited.findings.steps, "totals": audited.totals}
    return audited.findings, report, format_notice(audited)


def _run_approvals(options: argparse.Namespace) -> Result:
    if not (options.answer or options.vault):
        raise MalformedInput("approvals: found neither --answer nor --vault, expected one of them")
    audited = audit_approvals(
        Path(options.place), options.log_key, options.genesis, answer=options.answer, vault=options.vault
    )
    agreements = audited.agreements
    requests = [
        {"authorization": item.commitment, "required": item.required, "persons": agreements.persons_of(item)}
        for item in agreements.requests
    ]
    report = _shared(audited.trust, audited.checkpoint, audited.findings)
    report |= {"custodian": agreements.custodian, "requests": requests}
    return audited.findings, report, format_approvals(audited)


def _run_transparency(options: argparse.Namespace) -> Result:
    first, last = parse_day(options.first, "--from"), parse_day(options.last, "--to")
    with _stored(options.place, options) as folder:
        audited, _ = open_vault(folder, options.log_key, options.genesis)
    report = _shared(audited.trust, audited.log.checkpoint, audited.findings) | _witnesses(audited.witnesses)
    if options.table:
        table = recompute_table(options.table, audited.state, audited.log.entries, first, last)
        report |= {"from": str(first), "to": str(last), "table": table}
        return audited.findings, report, format_table(audited, table, f"{first} to {last}")
    figures = recompute_transparency(audited.state, audited.log.entries, first, last)
    report |= {"from": str(first), "to": str(last), "log": figures}
    return audited.findings, report, format_transparency(audited, figures, f"{first} to {last}")


def _run_histories(options: argparse.Namespace) -> Result:
    histories = compare_histories(
        [Path(name) for name in (options.place, *options.others)], options.log_key, options.genesis
    )
    liars = {
        name: [item.checkpoint.note.raw.decode("utf-8") for item in pair]
        for name, pair in sorted(histories.liars.items())
    }
    report = _shared(histories.trust, histories.checkpoint, histories.findings)
    report |= {"logs": histories.logs, "checkpoints": histories.seen, "liars": liars}
    return histories.findings, report, format_histories(histories)


def _run_fetch(options: argparse.Namespace) -> Result:
    address, folder = parse_address(options.place, options.fingerprint), options.folder
    key = parse_vkey(options.log_key, "log key") if options.log_key else None
    _verify_absent(folder)
    beside = folder.resolve().parent
    if not beside.is_dir():
        raise Unavailable(f"{str(beside)!a}: found no folder, expected one to store the log in")
    with TemporaryDirectory(prefix=".coffer-audit-", dir=beside) as parent:
        fetched = fetch_log(address, Path(parent) / "log", key)
        if fetched.missing:
            raise Unavailable(
                f"{address.format_text()}/tile/{fetched.missing[0]}: found none (status 404), "
                f"expected it under a checkpoint of {format_count(fetched.checkpoint.size, 'entry')}",
                hint="its server lacks a part of the log; fetch from another copy, such as a custodian's",
            )
        (Path(parent) / "log").rename(folder)
    checkpoint = fetched.checkpoint
    report = {"origin": checkpoint.origin, "size": checkpoint.size, "root": checkpoint.root.hex(), "signed": bool(key)}
    report |= {"files": fetched.files, "bytes": fetched.size_bytes}
    return Findings(), report, format_fetched(fetched, shlex.quote(str(folder)), is_signed=bool(key))


def _run_day(options: argparse.Namespace) -> Result:
    day = parse_day(options.day, "DAY")
    _verify_absent(options.output)
    with _stored(options.place, options) as folder:
        audited, _ = open_vault(folder, options.log_key, options.genesis)
    raw = make_certificate(audited, day)
    with options.output.open("xb") as file:
        file.write(raw)
    report = _shared(audited.trust, audited.log.checkpoint, audited.findings) | _witnesses(audited.witnesses)
    report |= {"day": str(day), "bytes": len(raw)}
    return audited.findings, report, format_day(audited, str(day), shlex.quote(str(options.output)))


def _run_certificate(options: argparse.Namespace) -> Result:
    if options.pdf:
        _verify_absent(options.pdf)
    certificate = audit_certificate(Path(options.place), options.log_key, options.genesis)
    if options.pdf and not certificate.findings.violations:
        page = format_page(certificate, options.language, Path(options.place).name)
        with options.pdf.open("xb") as file:
            file.write(page)
    report = _shared(certificate.trust, certificate.checkpoint, certificate.findings) | report_certificate(certificate)
    return certificate.findings, report, format_certificate(certificate)


def _run_entry(options: argparse.Namespace) -> Result:
    index = parse_decimal(options.index, "INDEX")
    _verify_absent(options.output)
    with _stored(options.place, options) as folder:
        audited, _ = open_vault(folder, options.log_key, options.genesis)
    raw = format_proof(audited.log, index)
    with options.output.open("xb") as file:
        file.write(raw)
    report = _shared(audited.trust, audited.log.checkpoint, audited.findings) | _witnesses(audited.witnesses)
    report |= {"entry": index, "bytes": len(raw)}
    return audited.findings, report, format_written(audited, index, shlex.quote(str(options.output)))


def _run_proof(options: argparse.Namespace) -> Result:
    proven = audit_proof(Path(options.place), options.policy, options.entry)
    return proven.findings, report_proven(proven), format_proven(proven)


def _verify_absent(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise MalformedInput(
            f"{str(path)!a}: found something there already, expected a new name", hint="nothing is overwritten"
        )


_COMMANDS = {
    "vault": _run_vault,
    "answer": _run_answer,
    "notice": _run_notice,
    "transparency": _run_transparency,
    "fetch": _run_fetch,
    "histories": _run_histories,
    "approvals": _run_approvals,
    "day": _run_day,
    "certificate": _run_certificate,
    "entry": _run_entry,
    "proof": _run_proof,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and give its exit code: 0 clean, 2 malformed, 3 not proven, 5 unavailable."""
    prepare_outputs()
    try:
        return _run(argv)
    except KeyboardInterrupt:
        print("coffer-audit: stopped", file=sys.stderr)
        return 130


def _run(argv: Sequence[str] | None) -> int:
    try:
        options = _build_parser().parse_args(argv)
    except SystemExit:  # after a help, or a wrong use
        if failed := print_result(""):
            return failed
        raise
    try:
        findings, report, lines = _COMMANDS[options.command](options)
        text = json.dumps(report, indent=2) if options.json else "\n".join(map(make_visible, lines))
        if failed := print_result(f"{text}\n"):
            return failed
        if findings.violations:
            raise NotProven(
                f"{options.command}: found {format_count(len(findings.violations), 'violation')}, expected none",
                hint="\n".join(dict.fromkeys(item.hint or EVIDENCE for item in findings.violations)),
            )
    except AuditError as error:
        return tell(error)
    except OSError as error:
        return tell(Unavailable(f"{options.command}: found {type(error).__name__}, expected readable files"))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""``coffer open`` at work: unlocks custodians, opens a request, writes and shows the answer."""

import csv
import datetime as dt
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coffer.authority.amended import parse_amended
from coffer.authority.authorization import Authorization
from coffer.authority.hold import parse_hold
from coffer.cli.console import clock, console, print_json, say
from coffer.cli.custodians import remote_custodians, unlock
from coffer.cli.form_options import FOLDER
from coffer.cli.notes import read_amended, read_note
from coffer.cli.own_holds import OwnHold, own_holds
from coffer.cli.passphrases import Passphrases
from coffer.cli.periods import show_days
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.disclosure.answer import Answer, answer_document, answer_files, count_alone, days_opened
from coffer.disclosure.order_times import opens_part_of_a_day
from coffer.disk import Disk
from coffer.errors import Refused
from coffer.ledger.entries import SegmentId
from coffer.ledger.state import State
from coffer.procedures.opening.ask import CONSTANT
from coffer.procedures.opening.run import run_opening
from coffer.vault.folder import Vault
from coffer.visible import counted

if TYPE_CHECKING:
    from coffer.cli.forms import Forms

SHOWN_ROWS = 20
"""As many as fit a terminal; all are in records.csv."""


def open_answer(
    vault: str,
    notes: Sequence[str],
    path: Path,
    passphrases: Passphrases,
    forms: "Forms | None",
    *,
    deadline_s: float,
    as_json: bool,
    holds: Sequence[str] = (),
    is_continuing: bool = False,
    is_quiet: bool = False,
) -> None:
    """Open what the copies of a request allow, write the answer at ``path`` and show it.

    ``holds``: files of holds under which days were kept whose keys have died. ``is_continuing``: open the next part of
    an order over coming days. ``is_quiet``: the caller shows it.
    """
    opened, held = vault_at(vault), [parse_hold(read_note(name), Path(name).name) for name in holds]
    raw = read_amended(notes)
    forms = forms.headed(opened) if forms is not None else None
    if forms is not None and "etsi" in forms.formats:
        forms.header_of(parse_amended(raw, "request").terms)  # what is missing is said before anything is opened
    services = unlock(opened, passphrases, opened.custodian_names(), may_skip=True)
    with remote_custodians(opened, deadline_s) as remotes:
        try:
            answer = run_opening(
                opened,
                raw,
                [*services, *remotes],
                deliver=lambda made: _deliver(path, made, forms, opened),
                patience_s=deadline_s,
                holds=held,
                is_continuing=is_continuing,
            )
        except Refused as error:
            if forms is not None and "etsi" in forms.formats:
                _write_failure(path, raw, forms, opened, error)
            raise
        finally:
            for remote in remotes:
                if remote.trouble is not None:
                    say(remote.trouble.message)
    state = opened.replay()
    named = [hold.commitment for hold in held]
    kept = [] if is_continuing else own_holds(opened, parse_amended(raw, "request"), state, clock(), named=named)
    if held:
        _say_held(answer, state)
    if as_json:
        print_json(answer_document(answer))
    elif not is_quiet:
        _print(answer, path, kept)
        if forms is not None and forms.formats and (path / FOLDER).is_dir():
            say(f"the forms ({', '.join(forms.formats)}) are in {path}/{FOLDER}")
        if forms is not None and forms.package:
            say(f"the package is {forms.package}")
    _say_unnamed(kept)
    _say_debt(f"{vault} {notes[0]}", answer, state)


def _say_held(answer: Answer, state: State) -> None:
    """Say how much came from a hold: what the log calls dead has no keys any more."""
    segments = [state.segments[SegmentId(bytes.fromhex(cell.segment))] for cell in answer.cells]
    if dead := sum(state.is_dead(segment) for segment in segments):
        say(f"{counted(dead, 'cell')} of {len(segments)} from a hold: the keys of their days are destroyed")


def _say_debt(words: str, answer: Answer, state: State) -> None:
    """Say that an emergency is to be ratified. ``words``: vault and note, as they were typed."""
    debt = state.debts.get(answer.intent)
    if debt is not None and debt.paid is None:
        within = counted(debt.hours, "hour")
        say(
            f"an emergency: custodians of the rules must agree to it within {within}: coffer ratify {words} --as CUSTODIAN"
        )


def _say_unnamed(kept: Sequence[OwnHold]) -> None:
    """Say which holds of this desk keep more of the request than was searched."""
    for one in kept:
        say(f"{one.text()}, which was not searched: open again with --hold and its note")


def _deliver(path: Path, answer: Answer, forms: "Forms | None", vault: Vault) -> None:
    """Make all forms, then write the answer and its forms.

    A subject access has its openings without any option.

    If a form cannot be made, nothing is written, and the opening can be taken up again without it.
    The folder appears before the zip: after a crash in between, ``coffer disclose`` makes the zip from the answer.
    """
    files, disk, staged = answer_files(answer), Disk(), None
    package = None if forms is None else forms.package
    terms = parse_amended(answer.evidence.note, "request").terms
    if (forms is not None and forms.formats) or terms.ordered.is_access:
        # Most answers have no forms, and need none of the libraries that make them.
        from coffer.cli.forms import NO_FORMS, pins_of, zip_bytes  # noqa: PLC0415
        from coffer.disclosure.verified import verify_disclosure  # noqa: PLC0415

        asked, disclosure = forms or NO_FORMS, verify_disclosure(files, pins_of(vault))
        if package is not None:
            staged = disk.stage(package, zip_bytes(asked, disclosure, vault), private=True)
        else:
            files |= {f"{FOLDER}/{name}": raw for name, raw in asked.render(disclosure, vault).items()}
    try:
        if answer.part is not None:  # the folder of all parts, before the first
            disk.make_folder(path.parent, private=True)
        disk.write_folder(path, files)
    except BaseException:
        if staged is not None:
            disk.remove(staged)
        raise
    if staged is not None and package is not None:
        disk.publish([(staged, package)])


def _write_failure(path: Path, raw: bytes, forms: "Forms", vault: Vault, error: Refused) -> None:
    """Write the ETSI message that the request failed, beside where the answer would be.

    Whoever asked in ETSI's form waits for one. Nothing is written while the request may still be opened: before it is
    in force, or while signatures are missing.
    """
    from coffer.disclosure.etsi import FAILURES, format_failure  # noqa: PLC0415 - asked for by its form only

    authorization = parse_amended(raw, "request")
    is_asked = any(o.intent.authorization == authorization.commitment for o in vault.replay().openings.values())
    is_early = clock() < authorization.terms.not_before or (error.code == "scope" and not is_asked)
    if error.code not in FAILURES or is_early:
        return
    names = (path.with_name(f"{path.name}-failed{f'-{n}' if n > 1 else ''}.xml") for n in itertools.count(1))
    file = next(name for name in names if not name.exists())
    message = format_failure(
        forms.header_of(authorization.terms), FAILURES[error.code], now=clock().replace(microsecond=0)
    )
    Disk().write(file, message, private=True)
    say(f"{file.name}: the ETSI response that says so (responseFailed)")


def _conduct(name: str, status: str, answer: Answer) -> str:
    """A custodian's conduct, for people: one that had not approved a request did not refuse it."""
    if status != CONSTANT:
        return status
    request, *amendments = parse_amended(answer.evidence.note, "request").notes
    if not _has_signed(request, name):
        return "has not approved it"
    return "refused" if all(_has_signed(one, name) for one in amendments) else "has not approved the amendment"


def _has_signed(note: Authorization, name: str) -> bool:
    return f"{name}/auth" in {line.name for line in note.note.signatures}


def columns_that_fit(
    header: Sequence[str], lines: Sequence[Sequence[str]], shown: Sequence[int], width: int
) -> tuple[list[int], list[str]]:
    """Choose the columns that a screen has room for, and name those left out.

    A number or a time that is cut short says nothing.
    """
    kept, left_out = list(shown), []
    for name in ("cell", "answered", "duration_s"):
        widths = [max(len(row[i]) for row in (header, *lines)) for i in kept]
        if sum(widths) + 2 * (len(kept) - 1) <= width:
            break
        if header.index(name) in kept:
            kept.remove(header.index(name))
            left_out.append(name)
    return kept, left_out


def _print(answer: Answer, path: Path, kept: Sequence[OwnHold]) -> None:
    header, *lines = list(csv.reader(answer.records_csv.decode("utf-8", "replace").splitlines()))
    shown = [
        i
        for i, name in enumerate(header)
        if name not in ("subject", "cell", "repeat") or len({line[i] for line in lines}) > 1
    ]
    out = console()
    shown, left_out = columns_that_fit(header, lines[:SHOWN_ROWS], shown, out.width)
    table = Table(*(header[i] for i in shown))
    for line in lines[:SHOWN_ROWS]:
        table.add_row(*(line[i] for i in shown))
    if lines:
        out.print(table)
    if len(lines) > SHOWN_ROWS:
        out.print(f"... and {len(lines) - SHOWN_ROWS} more in {path}/records.csv")
    if lines and left_out:
        out.print(f"not shown, too wide: {', '.join(left_out)}; all columns are in {path}/records.csv")
    alone = count_alone(answer.cells, answer.custodians)
    unconfirmed = sum(cell.status == "unconfirmed" for cell in answer.cells) - alone
    said = ", ".join(f"{name}: {_conduct(name, status, answer)}" for name, status in answer.custodians.items())
    opened = answer.records + answer.superseded_records + answer.outside_period
    within = f", {answer.records} within the ordered times" if answer.outside_period else ""
    out.print(f"{counted(opened if answer.outside_period else answer.records, 'record')} opened{within}; {said}")
    terms = parse_amended(answer.evidence.note, "request").terms
    asked, days = len(terms.all_days), [dt.date.fromisoformat(day) for day in days_opened(answer.cells)]
    if len(days) < asked and answer.part is None:
        say(
            f"searched: {len(days)} of {counted(asked, 'UTC day')}. Of the others{', but for holds,' if kept else ''} "
            "nothing is kept: their retention is over, or nothing was collected, or not yet"
        )
    if days and (answer.outside_period or opens_part_of_a_day(terms)):
        say(
            f"opened were whole UTC days, {show_days(days)}; records dropped, since they start outside the ordered times: {answer.outside_period}"
        )
    if unconfirmed:
        say(
            f"unconfirmed: {unconfirmed} of {counted(len(answer.cells), 'cell')}. Too few custodians answered, or they contradict each other"
        )
    if alone:
        say(
            f"unconfirmed: {alone} of {counted(len(answer.cells), 'cell')}. Those who answered found nothing there, and nobody else could confirm it"
        )
    if unconfirmed or alone:
        say(
            "hint: where nothing was found this needs more than the rule: have the other custodians sign too, and open again"
        )
    if answer.repeated_records:
        say(
            f"told by another batch too: {answer.repeated_records} of the {counted(answer.records, 'record')}, column repeat of records.csv"
        )
    if answer.superseded_records:
        untold = sum(batch.records - batch.repeated_records for batch in answer.superseded_batches)
        say(
            f"{counted(answer.superseded_records, 'more record')} of superseded batches: superseded.csv, column batch; told by no other batch: {untold}"
        )
    say(
        f"logged as entries {answer.intent} (intent), {answer.draw if answer.draw is not None else 'no draw'} and {answer.close} (close)"
    )
    say(f"verify it offline: coffer-audit answer {path}")

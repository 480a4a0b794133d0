"""``coffer reply``."""

import datetime as dt
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import click

from coffer.authority.authorization import parse_free_text
from coffer.authority.hold import Hold
from coffer.cli.answers import read_answer, states_of
from coffer.cli.console import clock, console, print_json, read_file, say, verify_absent
from coffer.cli.forms import pins_of
from coffer.cli.from_epoc import lacking_document, print_message, say_lacking, say_notified
from coffer.cli.from_hi1 import refuse_changes, say_actions
from coffer.cli.kept_holds import ids_of, read_holds, unnamed_holds
from coffer.cli.own_holds import own_holds
from coffer.cli.replying import RESPONSE, Reply, delivered, documents_of, received, reply_to_form, reply_to_message
from coffer.cli.vaults import found_types_in, vault_at
from coffer.disclosure.epoc.form import Endpoint, Form
from coffer.disclosure.epoc.judged import Judgement, Lacking, judge
from coffer.disclosure.epoc.names import TITLES, FormKind, Reason
from coffer.disclosure.epoc.reading import parse_form
from coffer.disclosure.epoc.replies import Held, answered, lapsed, preserved, tasks_of, worst_of
from coffer.disclosure.hi1.message import is_message, parse_envelope
from coffer.disclosure.hi1.order import parse_content
from coffer.disclosure.hi1.response import format_error, format_response
from coffer.disclosure.verified import Disclosure, verify_complete, verify_disclosure
from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.identity.identifier import IdentityType
from coffer.ledger.holds import HoldStatus
from coffer.vault.folder import Vault

_PROVIDER: Final = re.compile(r"([A-Z]{2})/([!-~]{1,200})")


@click.command(
    epilog="""\b
Examples:
coffer reply form.xml -o received
coffer reply form.xml --reason 2 IMMUNITIES_OR_PRIVILEGES \\
    'The number is that of a lawyer.' -o received
coffer reply form.xml --answer answer-1 --answer answer-2 \\
    --vault vault -o delivered
coffer reply form2.xml --hold hold.note --vault vault -o preserved"""
)
@click.argument("form", metavar="ORDER")
@click.option(
    "--answer",
    "answers",
    multiple=True,
    metavar="FOLDER",
    help="An answer to one of its requests, as coffer open wrote it: its deliveries are made. Name each.",
)
@click.option(
    "--hold",
    "holds",
    multiple=True,
    metavar="NOTE",
    help="A hold that was made of an order to preserve, or a note that extends it by this form. Name each.",
)
@click.option(
    "--vault",
    help="The vault of the answers, or of the holds: its log is compared. It also says whether an IMEI can be asked.",
)
@click.option(
    "--reason",
    "reasons",
    nargs=3,
    multiple=True,
    metavar="ID CODE TEXT",
    help=f"Why an identifier is not executed, as people decided: one of {', '.join(Reason)}, and a sentence. Repeat for more.",
)
@click.option("--provider", metavar="COUNTRY/ID", help="Who replies, if the order does not name its provider.")
@click.option("-o", "--output", required=True, help="Folder to make for the replies.")
@click.option("--json", "as_json", is_flag=True, help="What was written, and what is not answered, as JSON.")
def reply(
    form: str,
    answers: tuple[str, ...],
    holds: tuple[str, ...],
    vault: str | None,
    reasons: tuple[tuple[str, str, str], ...],
    provider: str | None,
    output: str,
    *,
    as_json: bool,
) -> None:
    """Make the replies to a European order or an ETSI TS 103 120 message: status, reasons, the data.

    Drafts: nothing is sent or signed. Without --answer they say what was received and what will be answered. With
    --answer they hold the answers, as messages of ETSI TS 103 120. With --hold they say what is preserved, and until when.
    """
    raw, place = read_file(form), Path(form).name
    path = verify_absent(output.rstrip("/"))
    lacking: Sequence[Lacking] = ()
    fits = partial(_verify_fits, place=place, answers=answers, holds=holds, vault=vault)
    read = _read_message(raw, place, provider, fits) if is_message(raw) else _read_form(raw, place, provider, fits)
    if isinstance(read, dict):
        _verify_alone(answers, holds, reasons)
        files = read
    else:
        opened = vault_at(vault) if vault else None
        proven = [_proven(name, raw, opened) for name in answers]
        order, given = read.order, _given(read.order, reasons)
        judgement = judge(order, found_by=_found_by(vault, proven))
        if answers:
            lacking = given
            _verify_no_hold(judgement, given, proven, opened)
            _say_notified(order, proven)
            files = delivered(read, judgement, given, proven)
            if opened is None:
                say("the answers were compared with no log: add --vault")
        else:
            kept = _kept(order, judgement, given, _read_holds(holds, raw, order, vault))
            ended = [lapsed(id_, held) for id_, held in kept.items() if held.status is HoldStatus.LAPSED]
            told = {one.id for one in given}
            lacking = [one for one in judgement.lacking if one.id not in told] + ended + given
            files = received(read, judgement, given, lacking, kept)
    Disk().write_folder(path, files)
    say_lacking(lacking)
    if any(one.is_elsewhere for one in lacking):
        say("what is not here stands in no reply: answer it from the customer systems, or give its --reason")
    if "form3.xml" in files:
        say("form3.xml is a draft: read, complete and sign it before it is sent")
    names = [f"{path}/{name}" for name in files]
    if as_json:
        print_json({"files": names, "not_answered": lacking_document(lacking)})
    else:
        for name in names:
            console().print(name, soft_wrap=True)


def _found_by(vault: str | None, proven: Sequence[Disclosure]) -> frozenset[IdentityType]:
    """Whether records are found by an IMEI, an IMSI: the vault says it, or an answer for one."""
    answered = frozenset(subject.type for one in proven for subject in one.authorization.terms.subjects)
    return answered if vault is None else answered | found_types_in(vault)


def _read_form(raw: bytes, place: str, provider: str | None, fits: Callable[[Form], None]) -> Reply:
    order = parse_form(raw, place)
    fits(order)
    return reply_to_form(order, _provider(order, provider), clock())


def _read_message(
    raw: bytes, place: str, provider: str | None, fits: Callable[[Form], None]
) -> Reply | dict[str, bytes]:
    """The order that a message makes; or the files of the answer to one without, or that is not read."""
    envelope = parse_envelope(raw, place)
    try:
        content = parse_content(envelope)
    except MalformedInput as error:
        say(error.message)
        say("nothing of the message is taken: the answer says why")
        return {RESPONSE: format_error(envelope, error, clock())}
    say_actions(content)
    refuse_changes(content)
    if content.order is None:
        print_message([(one.path, one.text) for one in content.shown])
        return {RESPONSE: format_response(content, "", {}, clock())} | documents_of(content)
    fits(content.order.form)
    return reply_to_message(content, content.order, _provider(content.order.form, provider), clock())


def _verify_alone(*options: Sequence[object]) -> None:
    if any(options):
        raise MalformedInput("--answer, --hold, --reason: not for a message that makes no order, expected none")


def _verify_fits(order: Form, *, place: str, answers: Sequence[str], holds: Sequence[str], vault: str | None) -> None:
    """Answers belong to an order to produce, holds to one to preserve and to what follows it."""
    is_production = order.kind is FormKind.PRODUCTION
    if answers and not is_production:
        raise Refused(f"--answer: {place} is {TITLES[order.kind]}: it asks for no records", code="form")
    if holds and is_production:
        raise Refused(f"--hold: {place} is {TITLES[order.kind]}: it asks for records", code="form")
    if holds and vault is None:
        raise MalformedInput("--hold: without --vault, whose log says how it stands")
    if order.issuing is None and not holds:
        raise Refused(
            f"{place}: {TITLES[order.kind]}: it names nobody itself",
            code="form",
            hint="coffer hold extend --from-order makes a note of it: add --hold NOTE, and --vault",
        )


def _read_holds(names: Sequence[str], raw: bytes, order: Form, vault: str | None) -> list[tuple[Hold, Held]]:
    if vault is None or not names:
        return []
    opened, now = vault_at(vault), clock()
    holds = read_holds(names, raw, order, opened.replay(), now)
    if order.issuing is None:
        holds += unnamed_holds([hold for hold, _ in holds], order, opened, now)
    return holds


def _kept(
    order: Form, judgement: Judgement, given: Sequence[Lacking], holds: Sequence[tuple[Hold, Held]]
) -> dict[str, Held]:
    """Of each identifier how its hold stands; nothing where none was named, so that keeping is awaited."""
    if order.issuing is None:
        own = [(ids_of(hold, order.parent_reference), held) for hold, held in holds]
        ids = dict.fromkeys(id_ for about, _ in own for id_ in about)
        return {id_: worst_of([held for about, held in own if id_ in about]) for id_ in ids}
    return preserved(judgement.asked, [held for _, held in holds], given) if holds else {}


def _proven(name: str, raw: bytes, vault: Vault | None) -> Disclosure:
    """An answer, proven, to a note that was made from this very form."""
    disclosure = verify_disclosure(read_answer(Path(name)), pins_of(vault) if vault else None)
    if vault is not None:
        verify_complete(disclosure, *states_of(vault, disclosure))
    if not any(file.is_of(raw) for file in disclosure.authorization.terms.ordered.files):
        raise NotProven(
            f"{Path(name).name}: answers an authorization that does not name this form as its order",
            hint="an authorization holds the SHA-256 of its order: coffer request --from-order writes it",
        )
    return disclosure


def _verify_no_hold(
    judgement: Judgement, given: Sequence[Lacking], proven: Sequence[Disclosure], vault: Vault | None
) -> None:
    """Let no answer say that nothing is kept while a hold of this desk keeps it."""
    told = {one.id for one in given}
    for number, disclosure in enumerate(proven, 1):
        if vault is None:
            continue
        about = tasks_of(answered(disclosure.authorization.terms, is_kept=False), judgement.asked)
        searched = {dt.date.fromisoformat(cell.day) for cell in disclosure.cells}
        kept = own_holds(vault, disclosure.authorization, vault.replay(), clock())
        left = [one for one in kept if not one.days <= searched]
        if left and not searched and not told.issuperset(about):
            raise Refused(
                f"--answer {number}: nothing was searched, and {left[0].text()}",
                code="scope",
                hint="open it again with --hold and its note, or give its --reason",
            )
        for one in left:
            say(f"--answer {number}: {one.text()}, and not all of that was searched")


def _say_notified(order: Form, proven: Sequence[Disclosure]) -> None:
    """Say until when nothing may be handed over, while that is ahead."""
    dues = [one.authorization.terms.ordered.due for one in proven]
    due = max((one for one in dues if one is not None), default=None)
    if due is None or clock() < due:
        say_notified(order, due)


def _given(order: Form, typed: Sequence[tuple[str, str, str]]) -> list[Lacking]:
    ids, given = {one.id for one in order.identifiers}, []
    for id_, code, sentence in typed:
        if id_ not in ids:
            raise MalformedInput(
                "--reason: an identifier that the form does not have", hint=f"it has {', '.join(sorted(ids))}"
            )
        if code not in tuple(Reason):
            raise MalformedInput(f"--reason {id_}: an unknown code, expected {', '.join(Reason)}")
        text = parse_free_text(sentence, f"--reason {id_}")
        given.append(Lacking(id=id_, what="all", reason=Reason(code), sentence=text))
    if len({one.id for one in given}) != len(given):
        raise MalformedInput("--reason: twice for one identifier, expected one")
    return given


def _provider(order: Form, typed: str | None) -> Endpoint:
    match = None if typed is None else _PROVIDER.fullmatch(typed)
    if typed is not None and match is None:
        raise MalformedInput("--provider: expected COUNTRY/ID, like FR/example-telecom-1")
    if (order.provider is None) != (match is not None):
        if order.provider is None:
            raise MalformedInput(
                "--provider: the form names none", hint="add --provider COUNTRY/ID, like FR/example-telecom-1"
            )
        raise MalformedInput("--provider: the form names it itself", hint="leave --provider out")
    if order.provider is not None:
        return order.provider
    assert match is not None, "looked at above"
    return Endpoint(country=match[1], national_id=match[2])

"""``coffer reply``."""

import re
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import click

from coffer.authority.authorization import parse_free_text
from coffer.cli.answers import read_answer, states_of
from coffer.cli.console import clock, console, print_json, read_file, say, verify_absent
from coffer.cli.forms import pins_of
from coffer.cli.from_epoc import lacking_document, say_lacking
from coffer.cli.vaults import vault_at
from coffer.disclosure.epoc.form import Endpoint, Form
from coffer.disclosure.epoc.form3 import format_form3
from coffer.disclosure.epoc.hi1 import Correspondence, Part, format_delivery, format_status
from coffer.disclosure.epoc.judged import Judgement, Lacking, judge
from coffer.disclosure.epoc.names import TITLES, Reason
from coffer.disclosure.epoc.reading import parse_form
from coffer.disclosure.epoc.replies import (
    Answered,
    answered,
    authorisation_status,
    non_executions,
    outcomes,
    statuses,
    tasks_of,
)
from coffer.disclosure.etsi import MAX_FIELD, EtsiHeader, format_etsi
from coffer.disclosure.verified import Disclosure, verify_complete, verify_disclosure
from coffer.disk import Disk
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.vault.folder import Vault

_PROVIDER: Final = re.compile(r"([A-Z]{2})/([!-~]{1,200})")


@click.command(
    epilog="""\b
Examples:
coffer reply form.xml -o received
coffer reply form.xml --reason 2 IMMUNITIES_OR_PRIVILEGES \\
    'The number is that of a lawyer.' -o received
coffer reply form.xml --answer answer-1 --answer answer-2 \\
    --vault vault -o delivered"""
)
@click.argument("form")
@click.option(
    "--answer",
    "answers",
    multiple=True,
    metavar="FOLDER",
    help="An answer to one of its requests, as coffer open wrote it: its deliveries are made. Name each.",
)
@click.option("--vault", help="The vault that they were opened from: its log is compared.")
@click.option(
    "--reason",
    "reasons",
    nargs=3,
    multiple=True,
    metavar="ID CODE TEXT",
    help=f"Why an identifier is not executed, as people decided: one of {', '.join(Reason)}, and a sentence. Repeat for more.",
)
@click.option("--provider", metavar="COUNTRY/ID", help="Who replies, if the form does not name its provider.")
@click.option("-o", "--output", required=True, help="Folder to make for the replies.")
@click.option("--json", "as_json", is_flag=True, help="What was written, and what is not answered, as JSON.")
def reply(
    form: str,
    answers: tuple[str, ...],
    vault: str | None,
    reasons: tuple[tuple[str, str, str], ...],
    provider: str | None,
    output: str,
    *,
    as_json: bool,
) -> None:
    """Make the replies to a European order: its status, what is not executed and why, the data.

    Drafts: nothing is sent or signed. Without --answer they say what was received and what will be answered. With
    --answer they hold the answers, as messages of ETSI TS 103 120.
    """
    raw, place = read_file(form), Path(form).name
    path = verify_absent(output.rstrip("/"))
    order = parse_form(raw, place)
    if order.issuing is None:
        raise Refused(
            f"{place}: {TITLES[order.kind]}: nothing is preserved here, so there is nothing to reply", code="form"
        )
    judgement, given = judge(order), _given(order, reasons)
    about = Correspondence(order=order, provider=_provider(order, provider), now=clock(), new_id=_new_id)
    if answers:
        lacking: Sequence[Lacking] = given
        opened = vault_at(vault) if vault else None
        files = _delivered(about, judgement, given, [_proven(name, raw, opened) for name in answers])
        if opened is None:
            say("the answers were compared with no log: add --vault")
    else:
        lacking = [one for one in judgement.lacking if one.id not in {other.id for other in given}] + given
        files = _received(about, judgement, given, lacking)
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


def _received(
    about: Correspondence, judgement: Judgement, given: Sequence[Lacking], lacking: Sequence[Lacking]
) -> dict[str, bytes]:
    """The status of everything, and Form 3 for what is not executed."""
    not_executed = non_executions(lacking)
    form3 = format_form3(about.order, not_executed, about.provider, about.new_id()) if not_executed else None
    by_id = statuses(about.order, judgement, given)
    details = {one.id: one.sentence for one in not_executed}
    status = format_status(about, authorisation_status(about.order, by_id), by_id, details, form3)
    return {"status.xml": status} | ({} if form3 is None else {"form3.xml": form3})


def _delivered(
    about: Correspondence, judgement: Judgement, given: Sequence[Lacking], disclosures: Sequence[Disclosure]
) -> dict[str, bytes]:
    """A message for each file of the answers, and Form 3 for what people decided."""
    told = [answered(one.authorization.terms, is_kept=bool(one.cells)) for one in disclosures]
    for number, one in enumerate(told, 1):
        if not tasks_of(one, judgement.asked):
            raise MalformedInput(f"--answer {number}: about no identifier of the order")
    ends = outcomes(judgement.asked, told, given)
    parts = [*_parts(about, judgement, disclosures, told)]
    files = {}
    for number, (ids, xml) in enumerate(parts, 1):
        part = Part(ids=ids, number=number, is_last=number == len(parts), xml=xml)
        files[f"deliver-{number:04d}.xml"] = format_delivery(about, part, ends if part.is_last else {})
    if given:
        files["form3.xml"] = format_form3(about.order, non_executions(given), about.provider, about.new_id())
    return files


def _parts(
    about: Correspondence, judgement: Judgement, disclosures: Sequence[Disclosure], told: Sequence[Answered]
) -> Iterator[tuple[tuple[str, ...], bytes]]:
    order = about.order
    header = EtsiHeader(
        country=order.issuing_country,
        organisation=order.authority.national_id[:MAX_FIELD].strip(" "),
        request_number=order.case_id,
        csp=about.provider.national_id[:MAX_FIELD].strip(" "),
    )
    for disclosure, one in zip(disclosures, told, strict=True):
        ids = tasks_of(one, judgement.asked)
        yield from ((ids, xml) for xml in format_etsi(disclosure, header, now=about.now).values())


def _proven(name: str, raw: bytes, vault: Vault | None) -> Disclosure:
    """An answer, proven, to a note that was made from this very form."""
    disclosure = verify_disclosure(read_answer(Path(name)), pins_of(vault) if vault else None)
    if vault is not None:
        verify_complete(disclosure, *states_of(vault, disclosure))
    if not any(file.is_of(raw) for file in disclosure.authorization.terms.ordered.files):
        raise NotProven(
            f"{Path(name).name}: answers an authorization that does not name this form as its order",
            hint="an authorization holds the SHA-256 of its order: coffer request --from-epoc writes it",
        )
    return disclosure


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
        wrong = "the form names none" if order.provider is None else "the form names it itself"
        raise MalformedInput(f"--provider: {wrong}", hint="give it only where the form does not")
    if order.provider is not None:
        return order.provider
    assert match is not None, "looked at above"
    return Endpoint(country=match[1], national_id=match[2])


def _new_id() -> str:
    return str(uuid.uuid4())

"""``coffer disclose``, and what it shares with ``coffer open``: which forms of an answer to make, and where to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from coffer.authority.authorization import Authorization, Terms, parse_authorization
from coffer.cli.console import clock, console, print_json, read_file, say, verify_absent
from coffer.cli.vaults import vault_at
from coffer.disclosure.etsi import EtsiHeader, default_header
from coffer.disclosure.formats import FORMATS, Rendering, parse_formats, render
from coffer.disclosure.notice import SUBJECT_ACCESS, Notice, concerning, find_notices
from coffer.disclosure.package import MAX_FILES, MAX_PACKAGE_BYTES, format_package
from coffer.disclosure.pdf import PdfStyle, parse_zone
from coffer.disclosure.pdf_texts import LANGUAGES
from coffer.disclosure.typesetting import require_typesetter
from coffer.disclosure.verified import ANSWER_PATH, Disclosure, Pins, verify_complete, verify_disclosure
from coffer.disk import Disk
from coffer.errors import MalformedInput, Unavailable
from coffer.ledger.state import State
from coffer.vault.folder import DESK, Vault
from coffer.visible import counted

FOLDER: Final = "disclosure"
"""Where the forms lie within an answer's folder; the auditor passes over it."""

_OPTIONS: Final = (
    click.option("--format", "formats", help="Forms to make: some of csv,etsi,pdf,json, joined by commas."),
    click.option(
        "--package",
        metavar="OUT.zip",
        help="One signed zip with the answer, its evidence and the forms (all, unless --format says which).",
    ),
    click.option("--language", default="en", show_default=True, type=click.Choice(LANGUAGES), help="Of the PDF."),
    click.option(
        "--time-zone", default="UTC", show_default=True, help="Of local times in the PDF, for example Europe/Paris."
    ),
    click.option(
        "--etsi-country", help="countryCode of the ETSI response, for example FR; else that of the request or subject."
    ),
    click.option(
        "--etsi-organisation", help="authorisedOrganisationID; else that of the ETSI request, or the authority."
    ),
    click.option(
        "--etsi-request-number", help="requestNumber; else that of the ETSI request, or the authorization's id."
    ),
    click.option("--etsi-provider", help="cSPID; else the vault's origin."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to make of an answer, parsed before anything is opened. ``package``: where the zip goes, if one is asked for."""

    formats: tuple[str, ...]
    package: Path | None
    style: PdfStyle
    header: Mapping[str, str]

    def header_of(self, terms: Terms) -> EtsiHeader:
        """Of ETSI responses; raises ``MalformedInput`` where nothing says a country."""
        return default_header(terms, self.header)

    def render(self, disclosure: Disclosure, vault: Vault | None) -> dict[str, bytes]:
        """The forms by path; with the vault at hand, a subject access says which openings concerned the person."""
        header = self.header_of(disclosure.authorization.terms) if "etsi" in self.formats else None
        openings = None if vault is None else openings_for(vault, disclosure.authorization)
        rendering = Rendering(formats=self.formats, style=self.style, header=header, openings=openings)
        return render(disclosure, rendering, now=clock())


def form_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that makes forms; ``parse_wanted`` reads them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def parse_wanted(options: Mapping[str, Any]) -> Wanted:
    """The options of ``form_options``, by their names.

    Raises:
        MalformedInput: the first that is wrong, or a zip that is there already.
    """
    given = options["formats"]
    package = None if options["package"] is None else verify_absent(options["package"])
    formats = parse_formats(given, "--format") if given is not None else FORMATS if package else ()
    if "pdf" in formats:
        require_typesetter()
    names = {"country": "etsi_country", "organisation": "etsi_organisation"}
    names |= {"request_number": "etsi_request_number", "csp": "etsi_provider"}
    header = {name: options[option] for name, option in names.items() if options[option] is not None}
    EtsiHeader(**({"country": "FR", "organisation": "x", "request_number": "x", "csp": "x"} | header))
    style = PdfStyle(language=options["language"], zone=parse_zone(options["time_zone"], "--time-zone"))
    return Wanted(formats=formats, package=package, style=style, header=header)


def openings_for(vault: Vault, asking: Authorization) -> tuple[Notice, ...] | None:
    """What a person who asks for their own data is told of; None for any other request."""
    if asking.terms.basis != SUBJECT_ACCESS:
        return None
    return concerning(notices_of(vault, vault.replay()), asking, clock())


def notices_of(vault: Vault, state: State) -> tuple[Notice, ...]:
    """A notice for each authorization that this desk used."""
    return find_notices((parse_authorization(raw, "desk") for raw in vault.desk.kept_notes()), state, vault.desk.told())


def pins_of(vault: Vault) -> Pins:
    """What a vault knows of its log."""
    return Pins(log_key=vault.pins.log_key, genesis=vault.pins.genesis)


def zip_bytes(wanted: Wanted, disclosure: Disclosure, vault: Vault) -> bytes:
    """The signed package."""
    return format_package(disclosure, wanted.render(disclosure, vault), vault.operator_key(DESK))


@click.command(
    epilog="""\b
Examples:
coffer disclose answer/ --format etsi,pdf --language fr \\
    --time-zone Europe/Paris
coffer disclose answer/ --package case-16-0042.zip --vault vault"""
)
@click.argument("answer")
@click.option("-o", "--output", help="Folder to make for the forms; ANSWER/disclosure if not given.")
@click.option("--vault", help="The vault it was opened from: its log is compared, and its desk signs a package.")
@click.option("--json", "as_json", is_flag=True, help="What was written, as JSON.")
@form_options
def disclose(answer: str, output: str | None, vault: str | None, *, as_json: bool, **options: object) -> None:
    """Make the forms of an answer that courts and programs read, or a signed package of all of it.

    The answer is proven first: nothing is made of one that was changed.
    """
    wanted = parse_wanted(options)
    if not wanted.formats:
        raise MalformedInput(
            "disclose: nothing asked for, expected --format or --package", hint="coffer disclose --help"
        )
    if wanted.package and output:
        raise MalformedInput(
            "--output: not beside --package, which holds the forms", hint="run the command twice for both"
        )
    if wanted.package and vault is None:
        raise MalformedInput("--package: needs the vault whose desk signs it", hint="add --vault VAULT")
    folder = Path(answer)
    files = _read_answer(folder)
    opened = vault_at(vault) if vault else None
    disclosure = verify_disclosure(files, pins_of(opened) if opened else None)
    if opened is not None:
        verify_complete(disclosure, *_states(opened, disclosure))
    if wanted.package:
        assert opened is not None, "it was asked for above"
        raw = zip_bytes(wanted, disclosure, opened)
        Disk().write(wanted.package, raw, private=True)
        written = {str(wanted.package): raw}
    else:
        path = verify_absent(output.rstrip("/") if output else str(folder / FOLDER))
        made = wanted.render(disclosure, opened)
        Disk().write_folder(path, made)
        written = {f"{path}/{name}": raw for name, raw in made.items()}
    if as_json:
        print_json({"files": [{"path": name, "bytes": len(raw)} for name, raw in written.items()]})
    else:
        for name in written:
            console().print(name, soft_wrap=True)
    say(f"{counted(len(disclosure.rows), 'record')}, as the close entry {disclosure.close.index} of the log commits to")
    if opened is None:
        say("whether segments were left out was not looked at: add --vault")
        say(
            "the log's key was taken from the answer itself: add --vault to compare it, or let coffer-audit prove everything"
        )


def _states(vault: Vault, disclosure: Disclosure) -> tuple[State, State]:
    """What the vault's log said at the intent and at the close."""
    found = []
    for size in (disclosure.intent.index, disclosure.close.index + 1):
        state = State.empty(origin=vault.pins.origin, genesis=vault.pins.genesis)
        for start in range(0, size, 256):
            state.apply_all(vault.log.entries(start, min(start + 256, size)))
        found.append(state)
    return found[0], found[1]


def _read_answer(folder: Path) -> dict[str, bytes]:
    """Every file that belongs to an answer; others in its folder are passed over."""
    if not folder.is_dir():
        raise MalformedInput(f"{folder.name}: no such folder", hint="give the folder that coffer open wrote")
    try:
        paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
        wanted = {name: path for name, path in paths.items() if ANSWER_PATH.fullmatch(name) and path.is_file()}
        size = sum(path.stat().st_size for path in wanted.values())
    except OSError as error:
        raise Unavailable(f"{folder.name}: {error.strerror}") from error
    if len(wanted) > MAX_FILES or size > MAX_PACKAGE_BYTES:
        raise MalformedInput(f"{folder.name}: {len(wanted)} files of {size} bytes, more than an answer has")
    return {name: read_file(str(path)) for name, path in wanted.items()}

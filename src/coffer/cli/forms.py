"""Which forms of an answer to make, and where to."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from coffer.authority.authorization import Terms
from coffer.authority.typed import parse_zone
from coffer.cli.console import clock, verify_absent
from coffer.cli.letterheads import chosen_letterhead, read_letterhead
from coffer.disclosure.etsi import EtsiHeader, default_header
from coffer.disclosure.formats import FORMATS, Rendering, parse_formats, render
from coffer.disclosure.package import format_package
from coffer.disclosure.pdf import PdfStyle
from coffer.disclosure.typesetting import require_typesetter
from coffer.disclosure.verified import Disclosure, PinnedLog
from coffer.procedures.notices import openings_for
from coffer.vault.folder import Vault
from coffer.vault.operator import DESK

if TYPE_CHECKING:
    from coffer.disclosure.age import AgeRecipient
    from coffer.disclosure.enveloped import Recipient


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """What to make of an answer, parsed before anything is opened.

    ``package``: where the zip goes, if one is asked for. ``recipients``: whom it is encrypted to; nobody if empty.
    """

    formats: tuple[str, ...]
    package: Path | None
    style: PdfStyle
    header: Mapping[str, str]
    recipients: "tuple[Recipient | AgeRecipient, ...]" = ()

    def header_of(self, terms: Terms) -> EtsiHeader:
        """Of ETSI responses; raises ``MalformedInput`` where nothing says a country."""
        return default_header(terms, self.header)

    def headed(self, vault: Vault | None) -> "Forms":
        """The same with the vault's letterhead, where no other was given.

        Whoever opens asks this before.

        Raises:
            MalformedInput: the vault's ``letterhead.toml`` is not in its form.
        """
        if "pdf" not in self.formats:
            return self
        letterhead = chosen_letterhead(self.style.letterhead, vault)
        return replace(self, style=replace(self.style, letterhead=letterhead))

    def render(self, disclosure: Disclosure, vault: Vault | None) -> dict[str, bytes]:
        """The forms by path.

        With the vault at hand, a subject access says which openings concerned the person.
        """
        header = self.header_of(disclosure.authorization.terms) if "etsi" in self.formats else None
        openings = None if vault is None else openings_for(vault, disclosure.authorization, clock())
        rendering = Rendering(formats=self.formats, style=self.style, header=header, openings=openings)
        return render(disclosure, rendering, now=clock())


NO_FORMS: Final = Forms(formats=(), package=None, style=PdfStyle(language="en"), header={})
"""What a subject access has without any option: its openings alone."""


def parse_forms(options: Mapping[str, Any]) -> Forms:
    """The options of ``form_options``, by their names.

    Raises:
        MalformedInput: the first that is wrong, or a zip that is there already.
    """
    given = options["formats"]
    package = None if options["package"] is None else verify_absent(options["package"])
    formats = parse_formats(given, "--format") if given is not None else FORMATS if package else ()
    recipients: tuple[Recipient | AgeRecipient, ...] = ()
    if options["to"]:
        from coffer.cli.recipients import read_recipients  # noqa: PLC0415 - the library of certificates is long to read

        recipients = read_recipients(options["to"], package)
    if "pdf" in formats:
        require_typesetter()
    names = {"country": "etsi_country", "organisation": "etsi_organisation"}
    names |= {"request_number": "etsi_request_number", "csp": "etsi_provider"}
    header = {name: options[option] for name, option in names.items() if options[option] is not None}
    EtsiHeader(**({"country": "FR", "organisation": "x", "request_number": "x", "csp": "x"} | header))
    style = PdfStyle(
        language=options["language"],
        zone=None if options["time_zone"] is None else parse_zone(options["time_zone"], "--time-zone"),
        letterhead=read_letterhead(options["letterhead"]),
    )
    return Forms(formats=formats, package=package, style=style, header=header, recipients=recipients)


def pins_of(vault: Vault) -> PinnedLog:
    """What a vault knows of its log."""
    return PinnedLog(log_key=vault.pins.log_key, genesis=vault.pins.genesis)


def zip_bytes(forms: Forms, disclosure: Disclosure, vault: Vault) -> bytes:
    """The signed package, encrypted if it has recipients."""
    rendered = forms.render(disclosure, vault)
    package = format_package(disclosure, rendered, vault.operator_key(DESK), language=forms.style.language)
    if not forms.recipients:
        return package
    from coffer.cli.recipients import encrypt_package  # noqa: PLC0415 - as above

    return encrypt_package(package, forms.recipients, disclosure.authorization.terms.authority, vault)

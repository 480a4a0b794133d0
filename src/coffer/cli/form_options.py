"""The options of the forms of an answer.

They are apart from what makes the forms: most answers have none, and ETSI's and the PDF's libraries take a fifth of the
time in which ``coffer open`` starts.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from coffer.disclosure.pdf_texts import LANGUAGES

if TYPE_CHECKING:
    from coffer.cli.forms import Forms

FOLDER: Final = "disclosure"
"""Where the forms lie within an answer's folder; the auditor passes over it."""

_OPTIONS: Final = (
    click.option("--format", "formats", help="Forms to make: some of csv,etsi,pdf,json, joined by commas."),
    click.option(
        "--package",
        metavar="OUT.zip",
        help="One signed zip with the answer, its evidence and the forms (all, unless --format says which).",
    ),
    click.option(
        "--to",
        metavar="CERT.pem|age1...",
        multiple=True,
        help="Encrypt the package: to a certificate (OUT.p7m), or with age to a recipient or a file of them (OUT.age); repeat for more.",
    ),
    click.option(
        "--language", default="en", show_default=True, type=click.Choice(LANGUAGES), help="Of PDF and README.txt."
    ),
    click.option("--time-zone", help="Of local times in the PDF, like Europe/Paris; else as the order writes them."),
    click.option(
        "--letterhead", metavar="FILE", help="Name and addresses on the PDF; else letterhead.toml of the vault."
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
_DEFAULTS: Final = dict.fromkeys(
    (
        "formats",
        "package",
        "time_zone",
        "letterhead",
        "etsi_country",
        "etsi_organisation",
        "etsi_request_number",
        "etsi_provider",
    )
) | {"language": "en", "to": ()}


def form_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of every command that makes forms; ``parse_forms`` reads them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def asked_forms(options: Mapping[str, Any]) -> "Forms | None":
    """The options of ``form_options``, parsed; None if none of them was given.

    Raises:
        MalformedInput: the first that is wrong, or a zip that is there already.
    """
    if dict(options) == _DEFAULTS:
        return None
    from coffer.cli.forms import parse_forms  # noqa: PLC0415 - most answers have no forms

    return parse_forms(options)

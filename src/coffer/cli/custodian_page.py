"""The page of a custodian's people, as ``coffer custodian serve`` starts it."""

import os
import time

from coffer.bounds import LOOPBACK
from coffer.cli.console import clock
from coffer.cli.demonstration.banner import demonstration_of
from coffer.cli.servers import Listener
from coffer.custodian.machine.attendant import Attendant
from coffer.custodian.machine.clerks import Clerks
from coffer.custodian.machine.folder import Machine
from coffer.custodian.machine.tls import server_context
from coffer.custodian.service import CustodianService
from coffer.errors import MalformedInput
from coffer.extras import extra
from coffer.passkeys.challenges import Challenges
from coffer.passkeys.passkey import parse_site
from coffer.serving.crowd import Crowd
from coffer.serving.listen import parse_listen

with extra("pages"):
    from coffer.web.custodian.app import make_custodian_site
    from coffer.web.custodian.office import Office
    from coffer.web.ground.sessions import MemorySessions
    from coffer.web.ground.site import Site, parse_site_origin


def page_listener(
    machine: Machine,
    service: CustodianService,
    attendant: Attendant,
    *,
    listen: str,
    origin: str | None,
    is_plain: bool,
) -> Listener:
    """The page on a listener of its own.

    ``origin``: what people type; None: the one that is known, or http://localhost on the port of ``listen``.

    Raises:
        MalformedInput: an origin without a host name, or plain http to another machine.
        Refused: the people's passkeys belong to another host name.
    """
    host, port = parse_listen(listen, "--page")
    clerks = Clerks(machine, service, Challenges(os.urandom), os.urandom)
    known = clerks.people().site
    wanted = origin or machine.config.page_origin or (known.origin if known else f"http://localhost:{port}")
    if port == 0:
        raise MalformedInput(
            "--page: port 0, expected a fixed one", hint="passkeys belong to one address: choose a port"
        )
    parse_site_origin(wanted, "--page-origin")
    parse_site(wanted, "--page-origin", name=machine.config.name)
    if known is None or known.origin != wanted:
        clerks.set_site(wanted, clock())
    is_tls = wanted.startswith("https://") and not is_plain
    if not is_tls and host not in LOOPBACK:
        raise MalformedInput(
            "--page: plain http is for this machine only", hint="listen on 127.0.0.1, or give an https --page-origin"
        )
    tls = None
    if is_tls:
        config = machine.config
        certificate = machine.path / (config.page_certificate or config.certificate)
        key = machine.path / (config.page_certificate_key or config.certificate_key)
        context = server_context(certificate, key)
        tls = lambda: context  # noqa: E731 - the server asks for a function
    site = Site(
        party="custodian",
        operator=machine.pinned.log_key.name,
        origin=wanted,
        tag=f"custodian-{machine.config.name}",
        log=machine.pinned.log_key.name,
        name=machine.config.name,
        demonstration=demonstration_of("custodian"),
    )
    office = Office(machine, service, clerks, attendant, clock, os.urandom)
    crowd = Crowd(time.monotonic)
    app = make_custodian_site(office, site, MemorySessions(os.urandom), crowd=crowd)
    return Listener(app=app, crowd=crowd, what="page", tls=tls, address=wanted)

"""What a real browser and its authenticator make passes the product and the auditor, as it is."""

import datetime as dt
import os

from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from browsing import add_authenticator, browser, needs_chromium, served
from coffer.passkeys.ceremonies import (
    authentication_options,
    parse_assertion,
    registration_options,
    verify_assertion,
    verify_registration,
)
from coffer.passkeys.passkey import parse_site
from coffer_audit.approvals.passkeys import Assertion, parse_key
from coffer_audit.approvals.passkeys import verify_assertion as verify_independently

NOW = dt.datetime(2026, 1, 9, tzinfo=dt.UTC)
CREATE = """async options => JSON.stringify((await navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(JSON.parse(options))})).toJSON())"""
GET = """async options => JSON.stringify((await navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(JSON.parse(options))})).toJSON())"""


async def blank(_request):
    return HTMLResponse("<!doctype html><title>page</title>")


@needs_chromium
def test_passkey_of_chromium_registers_is_found_without_a_name_and_signs_for_both_readers():
    with served(lambda _origin: Starlette(routes=[Route("/", blank)])) as origin, browser() as chromium:
        page = chromium.new_page()
        page.goto(origin)
        add_authenticator(page)
        site, challenge = parse_site(origin, "site", name="judge"), os.urandom(32)
        options = registration_options(site, handle=os.urandom(32), user="A. Judge", challenge=challenge)
        made = page.evaluate(CREATE, options).encode()
        passkey = verify_registration(made, site, challenge=challenge, label="phone", now=NOW)
        for _ in range(2):
            before, challenge = passkey, os.urandom(32)
            signed = page.evaluate(GET, authentication_options(site, challenge=challenge)).encode()
            assertion = parse_assertion(signed)
            passkey = verify_assertion(assertion, passkey, site, challenge=challenge)
            assert passkey.count > before.count
            shown = Assertion(
                site=origin,
                data=assertion.authenticator_data,
                client_data=assertion.client_data,
                signature=assertion.signature,
            )
            verify_independently(shown, parse_key(passkey.key, "key"), challenge, before.count, "assertion")

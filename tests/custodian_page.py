"""A custodian's page over a small vault: its people with passkeys, and browsers that ask it in this process.

page = Page.make(world, people=2, required=2)
judge = page.signed_in(1)
page.approve(judge, note, 1)
"""

import json
import os
import re
from dataclasses import dataclass

from asking import Client
from authenticator import Authenticator
from clerking import Bench
from coffer.authority.hold import Hold
from coffer.custodian.machine.attendant import Attendant
from coffer.web.custodian.app import make_custodian_site
from coffer.web.custodian.office import Office
from coffer.web.custodian.standing import digits_of
from coffer.web.ground.sessions import MemorySessions
from coffer.web.ground.site import Site

SITE = "https://judge.example:8444"
HERE = {"origin": SITE, "sec-fetch-site": "same-origin"}


@dataclass
class Page:
    bench: Bench
    office: Office
    attendant: Attendant
    app: object
    origin: str

    @classmethod
    def make(cls, world, name="judge", *, origin=SITE, **people):
        return cls.of(world, Bench.make(world, name, **people), origin=origin)

    @classmethod
    def of(cls, world, bench, *, origin=SITE, is_started=True):
        attendant = world.attendant(bench.name, bench.service)
        if is_started:
            attendant.look()
        office = Office(bench.machine, bench.service, bench.clerks, attendant, world.clock, os.urandom)
        log = bench.machine.pinned.log_key.name
        site = Site(
            party="custodian", operator=log, origin=origin, tag=f"custodian-{bench.name}", log=log, name=bench.name
        )
        app = make_custodian_site(office, site, MemorySessions(os.urandom))
        return cls(bench=bench, office=office, attendant=attendant, app=app, origin=origin)

    def visitor(self, *, language="en"):
        """A browser that nobody is signed in with."""
        return Client(self.app, self.origin, headers={"accept-language": language, "origin": self.origin})

    def signed_in(self, ordinal, *, language="en"):
        """A browser in which a person signed in with their passkey."""
        client = self.visitor(language=language)
        answer = sign_in(client, self.bench.keys[ordinal])
        assert answer.status_code == 303, answer.text
        return client

    def path(self, note):
        if isinstance(note, int):  # an emergency, by the index of its intent
            return f"/emergencies/{note}"
        if isinstance(note, Hold):
            return f"/holds/{digits_of(note.commitment)}"
        return f"/requests/{digits_of(self.bench.commitment(note))}"

    def challenge(self, client, note, **fields):
        path = self.path(note)
        version = fields.pop("version", None) or version_of(client.get(path).text)
        return client.post(f"{path}/challenge", data={"version": version, **fields})

    def approve(self, client, note, ordinal, *, key=None, version=None, **faults):
        """Read the page, answer its challenge, and send the form."""
        path = self.path(note)
        version = version or version_of(client.get(path).text)
        begun = client.post(f"{path}/challenge", data={"version": version})
        assert begun.status_code == 200, begun.text
        answer = (key or self.bench.keys[ordinal]).sign(options_of(begun), **faults)
        return client.post(f"{path}/approve", data=form_of(begun, answer) | {"version": version})

    def post(self, client, note, act, **fields):
        path = self.path(note)
        return client.post(f"{path}/{act}", data={"version": version_of(client.get(path).text), **fields})


def version_of(text):
    return re.search(r'data-version="([0-9a-f]{32})"', text)[1]


def options_of(response):
    return json.dumps(response.json()["publicKey"])


def form_of(begun, answer):
    return {"handle": begun.json()["handle"], "answer": answer.decode()}


def sign_in(client, key, **faults):
    begun = client.post("/sign-in/challenge")
    return client.post("/sign-in", data=form_of(begun, key.sign(options_of(begun), **faults)))


def enroll(client, code, key, label="telephone"):
    begun = client.post("/invitation/challenge", data={"code": code})
    assert begun.status_code == 200, begun.text
    answer = key.register(options_of(begun))
    return client.post("/invitation", data=form_of(begun, answer) | {"code": code, "label": label})


__all__ = ["HERE", "SITE", "Authenticator", "Page", "enroll", "form_of", "options_of", "sign_in", "version_of"]

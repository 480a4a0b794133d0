"""A desk with its pages in this process: a small vault with local custodians, a database, people with passkeys.

desk = DeskWorld.make(tmp_path)
clerk = desk.person("C. Clerk", Role.CLERK)       # signed in
clerk.get("/")
case = clerk.new_case(number="12/0417")
clerk.send(case, **FIELDS)
"""

import datetime as dt
import json
import os
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape

from asking import Client
from authenticator import Authenticator
from coffer.desk.people import Role
from coffer.desk.store.connected import connected
from coffer.desk.store.engine import database_url
from coffer.passkeys.passkey import RelyingParty
from coffer.vault.folder import open_vault
from coffer.web.desk.app import desk_app
from coffer.web.desk.office import Office
from coffer.web.ground.gate import Pace
from coffer.web.ground.site import Site
from epoc_forms import CONTENT, TRAFFIC, evidence, form1
from world import World

ORIGIN = "https://desk.example"
NUMBER = "+33612345678"
PERSON = "A. Example"
FIELDS = {
    "authority": "Court of Appeal",
    "basis": "Art. 60-1 CPP, order of 5 September 2016",
    "purpose": "Aggravated theft",
    "person": PERSON,
    "issued_by": "court",
    "issued_in": "home",
    "subjects": "06 12 34 56 78",
    "home": "FR",
    "first_1": "2016-09-01",
    "last_1": "2016-09-03",
    "zone": "UTC",
    "kinds": "call",
    "max_records": "100",
}
MORE = {"authority": "Court of Appeal", "basis": "Art. 60-1 CPP, second order", "max_records": "50"}
RECORDS = "".join(
    f"+336{12345678 + n % 2},+3369876{n:04d},2016-09-0{1 + n % 3} 1{n % 10}:{n % 60:02d}:00,60\n" for n in range(40)
)
UNHURRIED = {"burst": 10_000, "rate": 10_000.0}


@dataclass
class DeskWorld:
    """A vault, its custodians, and one or more processes of a desk on one database."""

    world: World
    origin: str = ORIGIN
    custodians: list = field(default_factory=list)
    processes: list = field(default_factory=list)
    keys: dict = field(default_factory=dict)

    @classmethod
    def make(cls, folder, *, origin=ORIGIN, **changes):
        world = World.make(folder, **changes)
        world.epoch("2016-09-01", "2016-09-03")
        world.ingest(RECORDS)
        desk = cls(world=world, origin=origin)
        desk.custodians = world.custodians()
        desk.start()
        return desk

    @contextmanager
    def _at_hand(self):
        yield self.custodians

    def start(self, *, url=None, origin=None):
        """One more process of the desk; its office and its application."""
        origin = origin or self.origin
        vault = open_vault(self.world.vault.path, self.world.disk, self.world.outside, is_warm=True)
        url = url or database_url(self.world.path, None)
        store = connected(url, vault.database_key(), os.urandom)
        office = Office(vault, store, self._at_hand, home="FR", version="0")
        site = Site(party="desk", operator="Telco Example", origin=origin, tag="desk", log="test.example/vault")
        party = RelyingParty(id=site.hostname, origin=origin, name="Desk")
        app = desk_app(office, site, party=party, pace=Pace(time.monotonic, **UNHURRIED))
        self.processes.append((office, app, store))
        return office, app

    def served_app(self, origin):
        """One more process, for ``browsing.served``."""
        return self.start(origin=origin)[1]

    @property
    def office(self):
        return self.processes[0][0]

    @property
    def app(self):
        return self.processes[0][1]

    @property
    def store(self):
        return self.processes[0][2]

    def close(self):
        for office, _, store in self.processes:
            office.stop()
            store.close()

    def invite(self, name, role):
        return self.store.invite(name, role, by=None, now=self.world.now)

    def person(self, name="C. Clerk", role=Role.CLERK, *, app=None, language="en"):
        """Somebody who was invited and made a passkey; they are signed in."""
        someone = Someone(self, app or self.app, language=language)
        someone.enroll(self.invite(name, role))
        return someone

    def settle(self, office=None):
        """Wait until no opening is under way."""
        office = office or self.office
        until = time.monotonic() + 20
        while office.openings.is_busy:
            assert time.monotonic() < until, "an opening does not end"
            time.sleep(0.02)

    def countersign(self, case_id, *names):
        """Custodians sign the newest request on paper, as it were: the copy that a clerk takes in."""
        note = self.store.case(case_id).requests[-1].note
        return self.world.countersign(note, *names)


class Someone(Client):
    """A person at a browser, with a passkey."""

    def __init__(self, desk, app, *, language="en"):
        super().__init__(
            app,
            desk.origin,
            headers={"origin": desk.origin, "sec-fetch-site": "same-origin", "accept-language": language},
        )
        self.desk, self.key = desk, Authenticator(desk.origin)

    def enroll(self, code):
        asked = self.post("/invitation/challenge", data={"code": code}).json()
        answer = self.key.register(json.dumps(asked["publicKey"])).decode()
        form = {"code": code, "handle": asked["handle"], "answer": answer, "label": "telephone"}
        response = self.post("/invitation", data=form)
        assert response.status_code == 303, response.text
        return response

    def sign_in(self):
        asked = self.post("/sign-in/challenge").json()
        answer = self.key.sign(json.dumps(asked["publicKey"])).decode()
        return self.post("/sign-in", data={"handle": asked["handle"], "answer": answer})

    def form(self, path):
        """The hidden fields of a page: what a browser would send with its forms."""
        return hidden(self.get(path).text)

    def new_case(self, *, number="12/0417", authority="Court of Appeal", files=None, **fields):
        form = {"number": number, "authority": authority, "class": "ordinary", "due": "2016-09-05T18:00"}
        response = self.post("/new", data=self.form("/new") | form | fields, files=files or {"order": ("", b"")})
        assert response.status_code == 303, told(response)
        return response.headers["location"].split("/")[2]

    def agree(self, path, form):
        """A form that a passkey answers; the response to the challenge if it was refused."""
        return self.agree_from(f"{path}/challenge", path, form)

    def agree_from(self, challenge, path, form):
        """The same, where the challenge stands elsewhere."""
        asked = self.post(challenge, data={"handle": "", "answer": ""} | form)
        return self.post(path, data=form | self.answered(asked)) if asked.status_code == 200 else asked

    def answered(self, asked):
        """What the passkey's answer to a challenge puts into a form."""
        answer = self.key.sign(json.dumps(asked.json()["publicKey"])).decode()
        return {"handle": asked.json()["handle"], "answer": answer}

    def send(self, case, **changes):
        """Write the request, sign and send it."""
        path = f"/cases/{case}/request"
        return self.agree_from(f"{path}/challenge", f"{path}/send", self.form(path) | FIELDS | changes)

    def take_in(self, case, copy):
        return self.post(f"/cases/{case}/take-in", data=self.form(f"/cases/{case}"), files={"copy": ("c.note", copy)})

    def open(self, case):
        return self.agree(f"/cases/{case}/open", self.form(f"/cases/{case}"))


def hidden(text):
    """Name to value of the hidden fields of the first form that has a version, or of all."""
    fields = dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', text))
    return {name: unescape(value) for name, value in fields.items() if name in {"version", "post", "part"}}


def told(response):
    """What a page says, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.text)).split())


def signed_case(desk, clerk, *names, number="12/0417"):
    """A case whose request was sent and signed."""
    case = clerk.new_case(number=number)
    response = clerk.send(case)
    assert response.status_code == 303, told(response)
    response = clerk.take_in(case, desk.countersign(case, *(names or ("judge", "dpo"))))
    assert response.status_code == 303, told(response)
    return case


def short_case(desk, clerk, *, number="12/0417"):
    """A case whose opening found more than the request allows."""
    case = clerk.new_case(number=number)
    assert clerk.send(case, max_records="3").status_code == 303
    clerk.take_in(case, desk.countersign(case, "judge", "dpo"))
    assert clerk.open(case).status_code == 303
    desk.settle()
    return case


def amend(clerk, case, **changes):
    """Write the amendment that raises the limit of a case's request, sign and send it."""
    path = f"/cases/{case}/amend"
    return clerk.agree_from(f"{path}/challenge", f"{path}/send", clerk.form(path) | MORE | changes)


def order_of_three():
    """An order that needs three requests, asks for what is not held, and says something to people."""
    times, other = ((("2016-09-01T00:00:00Z", f"2016-09-0{last}T23:59:59Z"),) for last in (2, 1))
    return form1(
        evidence(data=TRAFFIC + CONTENT, ranges=times),
        evidence(2, value="+33612345679", ranges=other),
        evidence(3, "EMAIL", "a@corp.example", ranges=times),
        evidence(4, "IPV_4", "192.0.2.1", ranges=times),
        more="<f:SectionM><f:Text>Only outgoing calls.</f:Text></f:SectionM>",
    )


def day(text):
    return dt.date.fromisoformat(text)

"""A custodian's page with everything on it, for what is looked at in a browser."""

import datetime as dt

from authenticator import Authenticator
from browsing import add_authenticator, open_page
from clerking import Bench
from coffer.authority.authorization import parse_authorization
from coffer.authority.ordered import Urgency
from coffer.custodian.people import Away
from custodian_page import Page
from emergencies import begin, close, draw
from holds import begun
from world import ordered

NAMES = ("M. Judge", "B. Second", "L. Third")
BASIS = "Art. 60-1 CPP, case 12/0417, order of 8 January 2013"
COURT = "Court of Appeal, investigating section"


class Story:
    """judge, with three people of whom two must agree. M. Judge is whoever sits at the browser."""

    def __init__(self, world, name="judge"):
        self.world = world
        self.bench = Bench.opened(world, name)

    def begin(self, origin):
        """The application at this origin; ``code`` invites M. Judge."""
        bench, now = self.bench, self.world.now
        bench.clerks.set_site(origin, now)
        codes = [bench.clerks.invite(name, now)[1] for name in NAMES]
        self.code = codes[0]
        for ordinal, code in ((2, codes[1]), (3, codes[2])):
            bench.keys[ordinal] = Authenticator(origin)
            bench.enroll(code, bench.keys[ordinal])
        bench.clerks.require(2, now)
        self.page = Page.of(self.world, bench, origin=origin)
        return self.page.app

    def ask(self, *, days=1, **changes):
        """A request of the last days, which waits."""
        last = dt.date.fromisoformat(self.world.today)
        first = last - dt.timedelta(days=days - 1)
        note = self.world.request(days=[(first.isoformat(), last.isoformat())], **{"authority": COURT} | changes)
        self.bench.take(note)
        return note

    def opened(self, records):
        """The index of an opening in an emergency, which must be ratified."""
        order = ordered(self.world.now, urgency=Urgency.EMERGENCY)
        note = self.ask(ordered=order, kinds="call", authority="Police of the Canton")
        index = begin(self.world, parse_authorization(note, "note"))
        draw(self.world, index, records)
        close(self.world, index, records)
        return index

    def fill(self):
        """Requests in every state, and somebody away."""
        bench, now = self.bench, self.world.now
        before = self.ask(days=30, basis=BASIS, kinds="call,text,email", max_records=5_000)
        bench.clerks.refuse(bench.commitment(before), 2, "scope", now)
        self.asked = self.ask(days=5, basis=BASIS, kinds="call,text", max_records=500, person="A. Example")
        self.shared = self.ask(
            days=2,
            subjects=["tel:+33612345678", "tel:+33698765432"],
            kinds="text",
            max_records=200,
            authority="Public prosecutor",
        )
        bench.agree(self.shared, 2)
        self.long = self.ask(
            subjects=[f"tel:+336123456{n:02}" for n in range(20)],
            authority="Amtsgericht Musterstadt, Abteilung fuer Strafsachen, Ermittlungsrichterin der "
            "Schwerpunktstaatsanwaltschaft fuer Wirtschaftsstrafsachen",
            basis="; ".join(["Paragraph 100g StPO"] * 20),
            purpose="Donaudampfschifffahrtsgesellschaftskapitaensversicherungsbetrug" * 3,
        )
        self.hold = begun(self.world, days=[(self.world.today, self.world.today)], kinds="call,text", authority=COURT)
        bench.machine.folder.holds.wait(self.hold, bench.service.sync(), now, bench.service.keys)
        if self.world.state().roster.emergency is not None:
            self.emergency = self.opened(9)
        bench.clerks.set_away(3, Away(since=now, until=now + dt.timedelta(days=5), stand_in=2), now)
        self.page.attendant.look()


def enter(chromium, story, origin, **options):
    """A browser in which M. Judge follows the invitation's link and makes a passkey."""
    page = open_page(chromium, **options)
    add_authenticator(page)
    page.goto(f"{origin}/enroll#{story.code}")
    page.get_by_label("What you call this passkey").fill("my telephone")
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url(f"{origin}/passkeys")
    return page

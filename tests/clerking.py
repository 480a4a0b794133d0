"""A custodian on its own machine with people who have passkeys.

bench = Bench.make(world, "judge", people=2, required=2)
bench.agree(note, 1); bench.agree(note, 2)
bench.clerks.countersigned(bench.commitment(note), bench.now)
"""

import os
import shutil
from dataclasses import dataclass, field

from authenticator import Authenticator
from coffer.authority.authorization import parse_authorization
from coffer.custodian.approvals import Ratification
from coffer.custodian.machine.clerks import Clerks
from coffer.custodian.machine.folder import Machine
from coffer.custodian.service import CustodianService
from coffer.notes.note import parse_note
from coffer.passkeys.challenges import Challenges
from elsewhere import Elsewhere
from world import PASSPHRASE

SITE = "https://judge.example:8444"


@dataclass
class Bench:
    world: Elsewhere
    name: str
    machine: Machine
    service: CustodianService
    clerks: Clerks
    keys: dict[int, Authenticator] = field(default_factory=dict)

    @classmethod
    def make(cls, world, name="judge", *, people=2, required=2, count=None, algorithm="ES256"):
        bench = cls.opened(world, name)
        bench.clerks.set_site(SITE, world.now)
        for number in range(1, people + 1):
            ordinal, code = bench.clerks.invite(f"Person {number}", world.now)
            bench.keys[ordinal] = Authenticator(SITE, count=count, algorithm=algorithm)
            bench.enroll(code, bench.keys[ordinal])
        bench.clerks.require(required, world.now)
        return bench

    @classmethod
    def opened(cls, world, name="judge"):
        machine = world.machine(name)
        service = machine.service(PASSPHRASE, log=world.vault.log, clock=world.clock, uptime=world.uptime)
        return cls(world, name, machine, service, Clerks(machine, service, Challenges(os.urandom), os.urandom))

    def another_process(self):
        """The same custodian, as a second process sees it."""
        other = type(self).opened(self.world, self.name)
        other.keys = self.keys
        return other

    @property
    def now(self):
        return self.world.now

    def enroll(self, code, key, **faults):
        options = self.clerks.begin_enrolment(code, self.now)
        return self.clerks.finish_enrolment(code, key.register(options, **faults), "key", self.now)

    def sign_in(self, key, **faults):
        return self.clerks.finish_sign_in(b"v", key.sign(self.clerks.begin_sign_in(b"v", self.now), **faults), self.now)

    @staticmethod
    def commitment(note):
        return parse_authorization(note, "note").commitment

    def take(self, note):
        """The note waits in the inbox, as the desk sends it."""
        self.machine.requests.take(parse_note(note, "note", has_letters=True), self.service.keys, self.now, os.urandom)
        return self.commitment(note)

    def request(self, **changes):
        """A fresh request of the desk, which waits."""
        note = self.world.request(days=[(self.world.today, self.world.today)], **changes)
        self.take(note)
        return note

    def begin(self, note, ordinal):
        return self.clerks.begin_approval(self.commitment(note), ordinal, self.now)

    def agree(self, note, ordinal, *, key=None, **faults):
        answer = (key or self.keys[ordinal]).sign(self.begin(note, ordinal), **faults)
        return self.clerks.approve(self.commitment(note), ordinal, answer, self.now)

    def ratify(self, index, ordinal):
        """A person ratifies what was opened at this entry."""
        debt = self.service.state.debts[index]
        about = Ratification(commitment=debt.authorization, intent=index)
        answer = self.keys[ordinal].sign(self.clerks.begin_approval(about, ordinal, self.now))
        return self.clerks.approve(about, ordinal, answer, self.now)

    def file(self, name):
        return self.machine.path / name

    def in_force(self):
        return self.machine.folder.approvals(self.service.keys)


def copied(world, path):
    """The same world with folders of its own, to be changed by one test."""
    shutil.copytree(world.path, path)
    again = world.reopen_at(path)
    machines = {name: path / "machines" / name for name in world.names}
    return Elsewhere(
        path=path, vault=again.vault, outside=again.outside, disk=again.disk, names=world.names, machines=machines
    )

"""Founding the demonstration as docs/operating.md has it: each step is a command of its party."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from coffer.cli.demonstration.household import Household
from coffer.cli.demonstration.plan import (
    CLERKS,
    CUSTODIANS,
    DESK,
    MARK,
    OPERATOR,
    ORDER,
    ORIGIN,
    RETENTION_DAYS,
    RULES,
    Plan,
    busiest,
    order_xml,
)
from coffer.disk import Disk
from coffer.errors import MalformedInput, Unavailable

INVITATIONS: Final = "invitations.txt"
_WEEK: Final = 7
Say = Callable[[str], None]


class Founding:
    """One demonstration in the making. ``say``: tells people which step is done and which commands do it."""

    def __init__(self, folder: Path, plan: Plan, household: Household, say: Say) -> None:
        self._folder, self._plan, self._household, self._say = folder, plan, household, say
        self._disk = Disk()

    def found(self) -> None:
        """All steps. Servers that a step needs are left running."""
        self._write_passphrases()
        self._say("1. Four custodians make their keys, each in its own folder; the vault is founded on their rule.")
        self._each(self._init_custodian)
        self._found_vault()
        self._say("2. The public window opens. Each custodian pins the vault, and makes keys for the month.")
        serve_vault(self._household, self._plan)
        self._each(self._join)
        self._say("3. Each custodian serves, a process of its own, with a page for its own people.")
        self._disk.write(self._folder / "vault/custodians.toml", self._plan.addresses().encode("ascii"))
        serve_custodians(self._household, self._plan)
        self._coffer("sync", "vault")
        self._say(f"4. A month of {self._plan.records:,} records of invented people, sealed while they are read.")
        self._ingest()
        self._say("5. An order arrives, and everybody is invited.")
        self._write_order()
        self._write_invitations()
        self._disk.write(self._folder / MARK, self._plan.format())

    def _coffer(self, *arguments: str, quiet: bool = False) -> str:
        if not quiet:
            self._say(f"   $ coffer {' '.join(_quoted(word) for word in arguments)}")
        return self._household.run(arguments)

    def _each(self, act: Callable[[str], object]) -> None:
        """The same step by each custodian, at once, as on machines of their own."""
        with ThreadPoolExecutor(len(CUSTODIANS)) as pool:
            for _ in pool.map(act, CUSTODIANS):
                pass  # an error is raised here

    def _write_passphrases(self) -> None:
        for name in CUSTODIANS:
            self._disk.write(self._folder / f"{name}.passphrase", secrets.token_hex(16).encode("ascii"), private=True)

    def _init_custodian(self, name: str) -> None:
        listen = self._plan.service(name).removeprefix("http://")
        self._coffer("custodian", "init", name, "--name", name, "--listen", listen, *_passphrase(name))

    def _found_vault(self) -> None:
        keys = [word for name in CUSTODIANS for word in ("--custodian-keys", f"{name}/{name}.pub")]
        rules = [word for rule in RULES for word in ("--rule", rule)]
        days = ["--retention-days", str(RETENTION_DAYS), "--late-days", str(RETENTION_DAYS)]
        self._coffer("init", "vault", "--origin", ORIGIN, *keys, *rules, *days, "--tally", "epsilon=0.1")
        roster = self._disk.read(self._folder / "vault/roster.note")

        def sign(name: str) -> None:
            self._disk.write(self._folder / f"{name}.note", roster)
            self._coffer("custodian", "sign-roster", name, f"{name}.note", "--yes", *_passphrase(name))

        self._each(sign)
        self._coffer("complete", "vault", *(f"{name}.note" for name in CUSTODIANS))

    def _join(self, name: str) -> None:
        plan = self._plan
        self._coffer("custodian", "join", name, "--vault", "vault/vault.toml", "--log", plan.log)
        days = (str(plan.first), str(plan.last))
        self._coffer("custodian", "epoch", name, "--days", *days, *_passphrase(name))
        people = ("custodian", "people", name)
        self._coffer(*people, "site", "--origin", plan.page(name), *_passphrase(name), quiet=True)

    def _ingest(self) -> None:
        plan = self._plan
        days = (str(plan.first), str(plan.last))
        self._coffer("simulate", "traffic", "--country", "FR", "--days", *days, "--records", str(plan.records))
        files = sorted(str(path.relative_to(self._folder)) for path in (self._folder / "traffic").glob("*.csv"))
        self._say("   $ coffer ingest vault --feed traffic/feed.toml traffic/*.csv")
        self._household.run(["ingest", "vault", "--feed", "traffic/feed.toml", *files])
        self._coffer("receipts", "vault")

    def _write_order(self) -> None:
        subject = busiest(self._disk.read(self._folder / "traffic/truths.json"))
        last = self._plan.last
        self._disk.write(self._folder / ORDER, order_xml(subject, last.fromordinal(last.toordinal() - _WEEK + 1), last))

    def _write_invitations(self) -> None:
        lines = []
        for role, name in DESK:
            code = _code(self._coffer("desk", "invite", "vault", "--role", role, "--name", name, quiet=True))
            lines.append(f"{self._plan.desk}  {name} ({role})  {code}")
        for custodian, names in CLERKS.items():
            for name in names:
                words = ("custodian", "people", custodian, "invite", "--name", name, *_passphrase(custodian))
                lines.append(
                    f"{self._plan.page(custodian)}  {name} ({custodian})  {_code(self._coffer(*words, quiet=True))}"
                )
        self._disk.write(self._folder / INVITATIONS, ("\n".join(lines) + "\n").encode("utf-8"), private=True)


class Keeping:
    """What the keepers of the custodians' machines do while the demonstration runs: let passkeys decide.

    How many persons must agree can be said only once somebody has a passkey; until then the terminal decides.
    """

    def __init__(self, folder: Path, household: Household, say: Say) -> None:
        self._household, self._say = household, say
        self._files = {name: folder / name / "people" for name in CUSTODIANS}
        self._sizes = dict.fromkeys(CUSTODIANS, 0)

    def look(self) -> None:
        """Ask for one agreement wherever somebody has a passkey now.

        A file that did not change is not looked at.
        """
        for name, path in list(self._files.items()):
            size = path.stat().st_size if path.is_file() else 0
            if size == self._sizes[name]:
                continue
            self._sizes[name] = size
            try:
                self._household.run(["custodian", "people", name, "require", "--number", "1", *_passphrase(name)])
            except Unavailable:
                continue  # nobody has a passkey yet
            del self._files[name]
            self._say(
                f"$ coffer custodian people {name} require --number 1   (its people decide by passkey from now on)"
            )


def serve_vault(household: Household, plan: Plan) -> None:
    """The window and the desk, with the operator's page: one process of the operator."""
    window = ["--window", plan.listen(plan.ports[0]), "--window-origin", plan.window]
    desk = ["--desk", plan.listen(plan.ports[1]), "--desk-origin", plan.desk, "--home", "FR"]
    household.serve({"vault": ["serve", "vault", "--operator", OPERATOR, *window, *desk]})


def serve_custodians(household: Household, plan: Plan) -> None:
    """Each custodian, a process of its own with its own folder."""
    servers = {}
    for name in CUSTODIANS:
        page = plan.page(name)
        listen = plan.listen(int(page.rpartition(":")[2]))
        words = ["custodian", "serve", name, "--plain", "--page", listen, "--page-origin", page]
        servers[name] = [*words, *_passphrase(name)]
    household.serve(servers)


def _passphrase(name: str) -> tuple[str, str]:
    return "--passphrase-file", f"{name}.passphrase"


def _quoted(word: str) -> str:
    return f"'{word}'" if " " in word else word


def _code(printed: str) -> str:
    """The code in what an inviting command printed: ``code  abcd-...``."""
    codes = [line.split() for line in printed.splitlines() if line.startswith("code ")]
    if len(codes) != 1 or len(codes[0]) != 2:
        raise MalformedInput("demonstration: an invitation without a code")
    return codes[0][1]

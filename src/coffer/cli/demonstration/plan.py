"""What the demonstration consists of: parties, people, days, ports, and the order of the first case.

Pure.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from coffer import wire
from coffer.errors import MalformedInput
from coffer.toml import parse_toml

DEMONSTRATION: Final = "COFFER_DEMONSTRATION"
"""The variable by which a process knows that what it shows is invented. It changes nothing else."""
MARK: Final = "demonstration.toml"
"""Only a folder with this file is ever removed."""
FORMAT: Final = "coffer.demonstration/v1"
ORIGIN: Final = "demo.example/vault"
OPERATOR: Final = "Demo Telecom (invented)"
CUSTODIANS: Final = ("judge", "dpo", "regulator", "oversight")
"""The last is the sovereign one: no number of its country opens without it."""
RULES: Final = ("base=2 of judge,dpo,regulator", "FR=2 of judge,dpo,regulator and oversight")
DAYS: Final = 30
RETENTION_DAYS: Final = 40
"""A few days longer than the month, so that something dies within the next days."""
CLERKS: Final = {
    "judge": ("J. Judge",),
    "dpo": ("D. Officer",),
    "regulator": ("R. Regulator",),
    "oversight": ("O. Oversight",),
}
DESK: Final = (("head", "H. Head"), ("clerk", "C. Clerk"), ("operator", "O. Operator"), ("auditor", "A. Auditor"))
MAX_SHOWN_RECORDS: Final = 400
PORTS: Final = 2 + 2 * len(CUSTODIANS)
MAX_PORT: Final = 65_535
FIRST_PORT: Final = 8_080
ORDER: Final = "order.xml"
_MOST: Final = 500
_NS: Final = "http://uri.etsi.org/02657/v1.28.1#/RetainedData"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """``ports``: of the window, the desk, each custodian's page, each custodian's service.

    ``first``: the first day.
    """

    ports: tuple[int, ...]
    first: dt.date
    records: int

    def __post_init__(self) -> None:
        if len(set(self.ports)) != PORTS or not 1 <= min(self.ports) <= max(self.ports) <= MAX_PORT:
            raise MalformedInput(f"{MARK}: ports: expected {PORTS} different ones")

    @property
    def last(self) -> dt.date:
        """The last day of the month."""
        return self.first + dt.timedelta(days=DAYS - 1)

    @property
    def window(self) -> str:
        """Where people find the window."""
        return f"http://localhost:{self.ports[0]}"

    @property
    def desk(self) -> str:
        """Where people find the desk and the operator's page."""
        return f"http://localhost:{self.ports[1]}"

    def page(self, custodian: str) -> str:
        """Where a custodian's people find its page."""
        return f"http://localhost:{self.ports[2 + CUSTODIANS.index(custodian)]}"

    def service(self, custodian: str) -> str:
        """Where the vault finds a custodian."""
        return f"http://{self.listen(self.ports[2 + len(CUSTODIANS) + CUSTODIANS.index(custodian)])}"

    @property
    def log(self) -> str:
        """Where custodians find the log."""
        return f"http://{self.listen(self.ports[0])}"

    @staticmethod
    def listen(port: int) -> str:
        """A port of this machine and of no other."""
        return f"127.0.0.1:{port}"

    def addresses(self) -> str:
        """The vault's ``custodians.toml``."""
        return "".join(f'[{name}]\nurl = "{self.service(name)}"\n' for name in CUSTODIANS)

    def format(self) -> bytes:
        """The text of ``demonstration.toml``."""
        ports = ", ".join(map(str, self.ports))
        lines = [
            "# Everything in this folder is invented. coffer demo --reset removes it.",
            f'format = "{FORMAT}"',
            f'first = "{self.first}"',
            f"records = {self.records}",
            f"ports = [{ports}]",
        ]
        return ("\n".join(lines) + "\n").encode("ascii")


def parse_plan(raw: bytes, place: str) -> Plan:
    """Inverse of ``Plan.format``; raises ``MalformedInput``."""
    hint = "coffer demo FOLDER --serve --reset makes it anew"
    table = parse_toml(raw, place, hint=hint)
    table.literal("format", FORMAT)
    first, records, ports = table.text("first"), table.get("records", int), table.get("ports", list)
    table.end()
    if not all(isinstance(one, int) for one in ports):
        raise MalformedInput(f"{place}: ports: expected numbers", hint=hint)
    return Plan(ports=tuple(ports), first=wire.parse_day(first, place), records=records)


def month_before(today: dt.date) -> dt.date:
    """The first of the 30 days that end yesterday."""
    return today - dt.timedelta(days=DAYS)


def ports_from(first: int) -> tuple[int, ...]:
    """Ports one after the other."""
    return tuple(range(first, first + PORTS))


def busiest(truths: bytes, country: str = "tel:+33") -> str:
    """The invented French subscriber with most records whose answer can still be read in a minute."""
    subjects: Sequence[Mapping[str, list[object]]] = json.loads(truths)["subjects"]
    fit = [
        (len(one["records"]), str(one["subject"]))
        for one in subjects
        if str(one["subject"]).startswith(country) and len(one["records"]) <= MAX_SHOWN_RECORDS
    ]
    if not fit:
        raise MalformedInput("truths.json: nobody to ask about")
    return max(fit)[1]


def order_xml(subject: str, first: dt.date, last: dt.date) -> bytes:
    """The order of the first case, as an authority's program writes it (ETSI TS 102 657)."""
    usage = "telephonyServiceUsage"
    number = _nested(
        ("telephonyRecord", usage, "partyInformation", "TelephonyPartyInformation", "partyNumber"),
        subject.removeprefix("tel:+"),
    )
    start = ("telephonyRecord", usage, "communicationTime", "startTime")
    bounds = (
        ("equals", number),
        ("greaterThanOrEqualTo", _nested(start, f"{first:%Y%m%d}000000Z")),
        ("lessThanOrEqualTo", _nested(start, f"{last:%Y%m%d}235959Z")),
    )
    constraints = "\n".join(f"<{name}>{what}</{name}>" for name, what in bounds)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- Invented, for the demonstration. -->
<RetainedDataMessage xmlns="{_NS}">
<retainedDataHeader><requestID><countryCode>FR</countryCode><authorisedOrganisationID>DEMO-COURT</authorisedOrganisationID>
<requestNumber>INVENTED-1</requestNumber></requestID><cSPID>demo</cSPID></retainedDataHeader>
<retainedDataPayload><requestMessage><requestPriority>1</requestPriority><requestParameters>
{constraints}
</requestParameters><maxHits>{_MOST}</maxHits></requestMessage></retainedDataPayload>
</RetainedDataMessage>
""".encode("ascii")


def _nested(path: Sequence[str], text: str) -> str:
    return "".join(f"<{name}>" for name in path) + text + "".join(f"</{name}>" for name in reversed(path))

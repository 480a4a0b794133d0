"""Rosters to come and who signs them: all new ones, those that change little, those that wait for somebody gone; absences and objections."""

import base64
import datetime as dt
import re

from coffer.ledger.codes import LEVELS
from coffer.ledger.roster import Roster
from coffer.ledger.rules import Rule
from coffer.ledger.state import State
from differential.grammar import Type, format_time, odd_name
from differential.known import CUSTODIANS, LAST, Known

NUMBERINGS = ("9.0.43", "9.0.43", "9.0.44", "10.1")
NEAR = (
    "retention",
    "waiting",
    "cap",
    "numbering",
    "statistics",
    "emergency",
    "hours",
    "order",
    "join",
    "leave",
    "rule",
    "drop",
    "add",
    "respell",
    "nothing",
)


class Rosters(Known):
    """What a log's next roster, absence or objection may be."""

    def plan_roster(self) -> list[str]:
        """A new roster: of one that changes a little, or of all new ones; who must sign it goes to the scratch."""
        rng, state = self.rng, self.state
        if state is not None and state.in_force is not None and rng.random() < 0.55:
            return self.plan_near(state, state.in_force)
        if state is None or state.in_force is None:
            members = rng.sample(CUSTODIANS, rng.choice([3, 3, 3, 4, 5, 5, 7, 9, 2, 1]))
        else:
            members = list(self.custodians)
            for _ in range(rng.choice([0, 1, 1, 2])):
                if rng.random() < 0.5 and len(members) > 1:
                    members.pop(rng.randrange(len(members)))
                else:
                    members.append(rng.choice([name for name in CUSTODIANS if name not in members] or ["c0"]))
            rng.shuffle(members)
        self.scratch["rules"] = self.rules(members)
        self.plan_emergency(self.rule_over(members) if rng.random() < 0.6 else "", rng.choice(["1", "48", "168"]))
        self.plan_parties()
        self.plan_limits()
        if state is not None and rng.random() < 0.06:
            return self.with_moved_key(members)
        old = self.custodians if rng.random() < 0.9 else rng.sample(self.custodians, len(self.custodians) // 2)
        self.scratch["signers"] = [f"{name}/auth" for name in dict.fromkeys([*members, *old])] or ["desk"]
        return [self.custodian_line(name) for name in members]

    def plan_parties(self) -> None:
        """Ingesters, requesters, and witnesses with a key of either type or of both."""
        rng = self.rng
        self.scratch["ingesters"] = [
            self.vkey(name) for name in rng.choice([["ingester"], ["ingester", "ingester2"], ["ingester2"]])
        ]
        desks = rng.choice([["desk"], ["desk", "desk2"], ["desk", "a/b._-9"]])
        self.scratch["requesters"] = [f"{name} {self.vkey(name)}" for name in desks]
        names = rng.sample(["w1", "w2", "w3"], rng.choice([0, 0, 1, 2, 3]))
        if rng.random() < 0.03:
            names.append(rng.choice(["desk", "ingester", "c0/auth", "w1"]))
        keys = [(name, kind) for name in names for kind in rng.choice([(4,), (6,), (4, 6), (6, 4)])]
        if rng.random() < 0.1:
            rng.shuffle(keys)
        self.scratch["witnesses"] = [self.vkey(name, kind=kind) for name, kind in keys]
        self.scratch["quorum"] = str(rng.choice([0, len(set(names)), rng.randint(0, len(set(names)))]))

    def odd_quorum(self) -> str:
        """More than there are names, though not more than there are keys."""
        lines = self.scratch["witnesses"]
        most = len({line.partition("+")[0] for line in lines})
        return self.rng.choice([str(most), str(most + 1), str(len(lines)), str(len(lines) + 1), "-1", "00", ""])

    def plan_emergency(self, expression: str, hours: str) -> None:
        """The lines of an emergency rule; none for an empty expression."""
        self.scratch["emergency"] = [expression] if expression else []
        self.scratch["hours"] = [hours] if expression else []

    def plan_limits(self) -> None:
        """Numbers and numbering, each of any value."""
        rng = self.rng
        self.scratch |= {
            "retention": rng.choice(["1", "2", "365", "36499", "36500"]),
            "waiting": rng.choice(["1", "1", "2", "7", "30", "3649", "3650"]),
            "cap": rng.choice(["1", "2", "256", "65534", "65535"]),
            "numbering": rng.choice(NUMBERINGS),
            "statistics": rng.choice(LEVELS),
        }

    def plan_near(self, state: State, old: Roster) -> list[str]:  # noqa: PLR0912 - one branch a change
        """The roster in force with one thing or two changed, signed by all but a few: consents and absences decide."""
        rng, scratch = self.rng, self.scratch
        self.plan_parties()
        members, rules = list(old.names), {name: rule.expression for name, rule in old.rules.items()}
        limits = {"retention": old.retention_days, "waiting": old.waiting_days, "cap": old.cell_cap}
        scratch |= {"numbering": old.numbering, "statistics": old.statistics}
        urgent, hours = ("", 48) if old.emergency is None else (old.emergency.expression, old.emergency.ratify_hours)
        newcomers: list[str] = []
        for what in rng.sample(NEAR, rng.choice([1, 1, 1, 2, 3])):
            if what in limits:
                most = {"retention": 36_500, "waiting": 3_650, "cap": 65_535}[what]
                limits[what] = min(max(limits[what] + rng.choice([-1, 1]), 1), most)
            elif what == "numbering":
                scratch["numbering"] = rng.choice(NUMBERINGS)
            elif what == "statistics":
                scratch["statistics"] = rng.choice(LEVELS)
            elif what == "emergency":
                urgent = "" if urgent and rng.random() < 0.3 else self.rule_over(members)
            elif what == "hours":
                hours = min(max(hours + rng.choice([-1, 1]), 1), 168)
            elif what == "order":
                rng.shuffle(members)
            elif what == "join" and len(members) < 9:
                newcomers = rng.sample([name for name in CUSTODIANS if name not in members], 1)
                members = [*newcomers, *members] if rng.random() < 0.3 else [*members, *newcomers]
            elif what == "leave" and len(members) > 3:
                gone = rng.choice(list(state.absences) if state.absences and rng.random() < 0.8 else members)
                members = [name for name in members if name != gone]
            elif what == "rule":
                changed = rng.choice(list(rules))
                rules[changed] = self.rule_over(members)
            elif what == "drop" and len(rules) > 1:
                rules.pop(rng.choice(list(rules)[1:]))
            elif what == "add":
                rules.setdefault(rng.choice(["AT", "CH", "ZM"]), self.rule_over(members))
            elif what == "respell":
                name = rng.choice(list(rules))
                rules[name] = self.respelt(old.rules[name] if name in old.rules else old.rules["base"])
        named = set(members)
        rules = {
            name: text if set(re.findall("[a-z][a-z0-9-]*", text)) - {"of", "and"} <= named else self.rule_over(members)
            for name, text in rules.items()
        }
        is_known = set(re.findall("[a-z][a-z0-9-]*", urgent)) - {"of", "and"} <= named
        self.plan_emergency(urgent if is_known else "", str(hours))
        scratch["rules"] = [f"{name} {rules[name]}" for name in ["base", *sorted(set(rules) - {"base"})]]
        scratch |= {name: str(value) for name, value in limits.items()}
        scratch["signers"] = self.most_of(state, old) + [f"{name}/auth" for name in newcomers]
        return [self.old_line(old, name) if old.custodian(name) else self.custodian_line(name) for name in members]

    def old_line(self, old: Roster, name: str) -> str:
        custodian = next(c for c in old.custodians if c.name == name)
        req = base64.b64encode(custodian.req).decode()
        return f"{name} {custodian.auth.format()} {custodian.resp.format()} {req}"

    def most_of(self, state: State, old: Roster) -> list[str]:
        """The keys in force, but those of whoever is said to be gone, or of one or two others, often of whom a rule must have."""
        rng = self.rng
        needed = [
            name
            for rule in old.rules.values()
            for name in rule.indispensable
            if name not in old.rules["base"].indispensable
        ]
        left_out = {name for name in state.absences if rng.random() < 0.85}
        for _ in range(rng.choice([0, 0, 0, 1, 2] if left_out else [0, 1, 1, 1, 2])):
            left_out.add(rng.choice(needed if needed and rng.random() < 0.8 else list(old.names)))
        return [self.signer_of(c.auth) for c in old.custodians if c.name not in left_out] or ["stranger"]

    def rule_over(self, members: list[str]) -> str:
        return self.rules(members)[0].removeprefix("base ")

    def respelt(self, rule: Rule) -> str:
        """The same clauses with the names in another order: to the letter it is another rule."""
        members, needed = list(rule.members), list(rule.indispensable)
        self.rng.shuffle(members)
        self.rng.shuffle(needed)
        return f"{rule.threshold} of {','.join(members)}" + (f" and {','.join(needed)}" if needed else "")

    # --- absences ----------------------------------------------------------------------------------------------------------------------------------

    def time_of_waiting(self, kind: Type) -> str:
        """At the edge of seven days; of a roster also at the end of the time to object."""
        rng, state = self.rng, self.state
        assert state is not None
        if kind.name.startswith("roster/") and state.absences and rng.random() < 0.85:
            absence = rng.choice(list(state.absences.values()))
            since = min(absence.since, LAST - dt.timedelta(days=4_000))
            end = since + dt.timedelta(days=absence.waiting_days, seconds=rng.choice([-1, 0, 0, 1, 3_600]))
            return format_time(max(end, self.newest - dt.timedelta(days=6)))
        if state.in_force is not None and rng.random() < 0.15:
            return format_time(
                min(state.in_force.time, LAST - dt.timedelta(seconds=1)) + dt.timedelta(seconds=rng.choice([0, 1]))
            )
        return format_time(self.newest - dt.timedelta(days=7, seconds=rng.choice([-1, 0, 1])))

    def plan_absence(self) -> str:
        """Of a custodian in force, signed by all the others, or by all but one."""
        rng, state = self.rng, self.state
        if state is None or state.in_force is None:
            return "c0"
        roster = state.in_force
        name = rng.choice(roster.names if rng.random() < 0.95 else self.custodians_known)
        others = [self.signer_of(c.auth) for c in roster.custodians if c.name != name]
        if rng.random() < 0.1:
            others.append(f"{name}/auth")
        elif others and rng.random() < 0.1:
            others.pop(rng.randrange(len(others)))
        self.scratch["signers"] = others or ["stranger"]
        return name

    def plan_objection(self) -> str:
        """Against an absence that stands, one that stood, or what is none."""
        rng, state = self.rng, self.state
        if state is None or state.in_force is None or not state.absences:
            return str(rng.choice(state.absence_indexes or [0, 1]) if state is not None else 0)
        absence = rng.choice(list(state.absences.values()))
        named = state.in_force.custodian(absence.custodian if rng.random() < 0.85 else rng.choice(self.custodians))
        key = named and (named.auth if rng.random() < 0.9 else named.resp)
        self.scratch["signers"] = [self.signer_of(key) if key else "stranger"]
        return str(absence.index if rng.random() < 0.85 else rng.choice([*state.absence_indexes, absence.index + 1]))

    # --- lines of a roster -------------------------------------------------------------------------------------------------------------------------

    def with_moved_key(self, members: list[str]) -> list[str]:
        """A key of the roster in force in another role: its holder signs in the one or the other."""
        rng, moved = self.rng, self.rng.choice(members)
        signers = [f"{name}/auth" for name in dict.fromkeys([*members, *self.custodians])]
        if moved in self.custodians and len(members) > 1:
            members = [name for name in members if name != moved]
            self.scratch["rules"] = self.rules(members)
            self.scratch["ingesters"] = [self.ring[f"ingester={moved}/auth"].vkey(1)]
            if rng.random() < 0.3:
                self.scratch["requesters"] = [f"desk {self.ring[f'desk={moved}/resp'].vkey(1)}"]
            other = f"ingester={moved}/auth"
        else:
            other = "ingester"
        lines = [self.custodian_line(name) for name in members]
        if other == "ingester":
            words = lines[members.index(moved)].split(" ")
            lines[members.index(moved)] = " ".join([words[0], self.ring[f"{moved}/auth=ingester"].vkey(1), *words[2:]])
            self.scratch["ingesters"] = [self.vkey("ingester2")]
        own = f"{moved}/auth" if other != "ingester" else f"{moved}/auth=ingester"
        signers = [name for name in signers if name != f"{moved}/auth"]
        self.scratch["signers"] = [*signers, *rng.choice([[own], [other], [own, other]])]
        return lines

    def rules(self, members: list[str]) -> list[str]:
        rng, found = self.rng, []
        for name in ["base", *sorted(rng.sample(["DE", "FR", "IN", "ZA"], rng.choice([0, 0, 1, 2])))]:
            quota = rng.randint(2, max(2, (len(members) + 1) // 2))
            chosen = rng.sample(members, rng.randint(min(2 * quota - 1, len(members)), len(members)))
            needed = rng.sample(members, rng.choice([0, 0, 1, min(2, len(members))]))
            found.append(f"{name} {quota} of {','.join(chosen)}" + (f" and {','.join(needed)}" if needed else ""))
        return found

    def custodian_line(self, name: str) -> str:
        sealing = self.sealing[CUSTODIANS.index(name)] if self.rng.random() < 0.99 else self.rng.choice(self.sealing)
        return f"{name} {self.vkey(f'{name}/auth')} {self.vkey(f'{name}/resp')} {sealing}"

    def odd_custodian(self) -> str:
        rng, name = self.rng, self.rng.choice(CUSTODIANS)
        words = self.custodian_line(name).split(" ")
        at = rng.randrange(6)
        if at == 0:
            words[0] = odd_name(16)(self)
        elif at == 1:
            words[1], words[2] = words[2], words[1]
        elif at in (2, 3):
            words[at - 1] = self.odd_vkey()
        elif at == 4:
            words[3] = rng.choice(
                [words[3][:-1], words[3] + "=", words[3][:-4], base64.b64encode(rng.randbytes(1_215)).decode()]
            )
        else:
            words.append("x")
        return " ".join(words)

    def odd_rule(self) -> str:
        rng, members = self.rng, self.custodians or ["c0", "c1", "c2"]
        some = ",".join(members)
        return rng.choice(
            [
                f"base 1 of {some}",
                f"base 9 of {some}",
                f"base 10 of {some}",
                f"base 02 of {some}",
                f"base 2 of {some},{members[0]}",
                f"base 2 of {some},",
                f"base 2 of ,{some}",
                f"base 2 of {some} and {members[0]},{members[0]}",
                f"base 2 of {some} and nobody",
                f"base 2 of {some} and ",
                "base",
                f"base 2  of {some}",
                f"fr 2 of {some}",
                f"FRA 2 of {some}",
                f"AA 2 of {some}",
                f"ZZ 2 of {some}",
                f"base 2 of {some} and {members[0]}",
                f"base {len(members) // 2 + 1} of {some}",
                f"base {(len(members) + 1) // 2} of {some}",
                f"base 0 of {some}",
                f"base 2 Of {some}",
            ]
        )

    def odd_vkey(self) -> str:
        """Of another role, of another type, with another id, or spelt otherwise."""
        rng = self.rng
        name = rng.choice(list(self.ring))
        good = self.ring[name].vkey(rng.choice([1, 1, 4, 2, 6]))
        head, key_id, rest = good.split("+", 2)
        return rng.choice(
            [
                good,
                f"{head}+{key_id}+{rest[:-1]}",
                f"{head}+{key_id.upper()}+{rest}",
                f"{head}+00000000+{rest}",
                f"{head}x+{key_id}+{rest}",
                f"{head}+{rest}",
                f"{head}+{key_id}+{rest} ",
                f"{head}+{key_id}+{rest}=",
                f"+{key_id}+{rest}",
            ]
        )

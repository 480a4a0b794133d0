"""What the terminal tells: who is invited where, and the first case in five minutes."""

from pathlib import Path

from coffer.cli.demonstration.plan import CUSTODIANS, ORDER, Plan


def told(plan: Plan, invitations: str, folder: Path) -> str:
    """The addresses, the invitations, and the tour."""
    lines = [
        "",
        "Everything here is invented: people, records, orders, authorities.",
        "",
        "The pages, on this machine only:",
    ]
    lines += [f"  public window     {plan.window}", f"  desk              {plan.desk}"]
    lines += [f"  operator          {plan.desk}/operator   (sign in as the operator)"]
    lines += [f"  {name:<17} {plan.page(name)}" for name in CUSTODIANS]
    lines += ["", "Invitations, each for one passkey, within 72 hours (also in invitations.txt):"]
    lines += [f"  {line}" for line in invitations.splitlines()]
    lines += ["  A code works once. Whoever has made a passkey signs in with it; --reset begins anew with other codes."]
    judge, dpo, oversight = (plan.page(name) for name in ("judge", "dpo", "oversight"))
    lines += [
        "",
        "The first case, in five minutes. A browser keeps one passkey for each person; use one window for all.",
        f"  1. {plan.window}: what is kept of the month, and what was opened of it: nothing yet.",
        f"  2. {plan.desk}: C. Clerk's code makes a passkey. New request, choose {folder / ORDER},",
        "     write any case number and authority, then any purpose and person; sign and send. The desk says who must",
        "     sign, and shows four check words for each.",
        f"  3. {judge}: J. Judge reads the request as the judge's own machine parsed it, compares the",
        "     words, approves with a passkey. One signature is not enough.",
        f"  4. {dpo}: D. Officer approves. Still not enough: the number is French.",
        f"  5. {oversight}: O. Oversight, the sovereign custodian, approves.",
        f"  6. {plan.desk}: everybody needed has signed. Open, look at the rows, make the package, download it.",
        f"  7. {plan.window}: the opening stands in the log, without a name. Drop the package at",
        f"     {plan.window}/answer: your browser proves it, and sends nothing.",
        "",
        "",
    ]
    return "\n".join(lines)

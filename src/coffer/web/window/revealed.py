"""The revealed authorizations as JSON, for readers who look themselves up in their own browser. Pure.

It is made from the log alone, and it is the same for everybody: who fetches it says nothing about whom they look for.
"""

from coffer import wire
from coffer.ledger.entries import Commitment, RevealedLine
from coffer.translog.checkpoint import TreeHead
from coffer.web.window.reading import Known

FORMAT = "coffer.revealed/v1"


def revealed_document(known: Known, head: TreeHead) -> dict[str, object]:
    """Every authorization of which the log shows something (``docs/formats/report.md``, "Revealed")."""
    shown: dict[Commitment, dict[int, tuple[int, RevealedLine]]] = {}
    hidden: dict[Commitment, set[int]] = {}
    for index, body in known.state.reveals:
        for line in body.lines:
            if line.line is None:
                hidden.setdefault(body.authorization, set()).add(line.index)
            else:
                shown.setdefault(body.authorization, {})[line.index] = (index, line)
    used = {opening.intent.authorization for opening in known.state.openings.values()}
    authorizations = [
        {
            "authorization": name.hex(),
            "entries": sorted({index for index, _ in lines.values()}),
            "openings": [o.index for o in known.state.openings.values() if o.intent.authorization == name],
            "hidden": len(hidden.get(name, set()) - lines.keys()),
            "lines": [line.line for _, (_, line) in sorted(lines.items())],
        }
        for name, lines in shown.items()
    ]
    return {
        "format": FORMAT,
        "origin": known.state.origin,
        "size": head.size,
        "root": wire.format_base64(head.root),
        "openings": len(known.state.openings),
        "authorizations_used": len(used),
        "authorizations": authorizations,
    }

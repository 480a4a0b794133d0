"""A roster's witnesses and quorum as a policy file, which programs for other logs read too. Pure.

Source: C2SP tlog-policy; ``docs/formats/proof.md``, "Policy".
"""

from coffer.ledger.roster import Roster
from coffer.notes.cosign import ED25519_COSIGNATURE
from coffer.notes.keys import VerifyKey


def format_tlog_policy(roster: Roster, log_key: VerifyKey) -> bytes:
    """The policy that demands of a checkpoint what this roster does, but for its age.

    The names are numbers, since a witness's own could be a word of the form. A witness with a key of each type is a
    group of which any key will do, so that it counts once.
    """
    lines = [f"log {log_key.format()}"]
    names = []
    for number, witness in enumerate(roster.witness_names, 1):
        keys = [key for key in roster.witnesses if key.name == witness]
        names.append(f"w{number}")
        if len(keys) == 1:
            lines.append(f"witness w{number} {keys[0].format()}")
            continue
        kinds = {key: "ed25519" if key.kind == ED25519_COSIGNATURE else "ml-dsa-44" for key in keys}
        lines += [f"witness w{number}-{kind} {key.format()}" for key, kind in kinds.items()]
        lines.append(f"group w{number} any " + " ".join(f"w{number}-{kind}" for kind in kinds.values()))
    if roster.quorum:
        lines += [f"group witnesses {roster.quorum} {' '.join(names)}", "quorum witnesses"]
    else:
        lines.append("quorum none")
    return "".join(f"{line}\n" for line in lines).encode("ascii")

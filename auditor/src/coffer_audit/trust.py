"""The values that an audit takes on trust: the log's key and the first roster's hash. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from coffer_audit.errors import Findings
from coffer_audit.notes import VerifyKey, parse_vkey
from coffer_audit.wire import parse_hex


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """The log's key and the genesis that an audit takes on trust, and which of them the caller pinned."""

    key: VerifyKey
    genesis: str
    pinned_key: bool
    pinned_genesis: bool


def decide_trust(stated: dict[str, str], log_key: str | None, genesis: str | None, findings: Findings) -> Trust:
    """Prefer the values that the caller pinned to those of the folder, and report differences.

    `stated`: origin, log and genesis, as far as the folder states them.
    """
    key = parse_vkey(log_key or stated["log"], "log key")
    root = parse_hex(genesis or stated["genesis"], 32, "genesis")
    for name, pinned in (("log", log_key), ("genesis", genesis)):
        if pinned and stated.get(name, pinned) != pinned:
            findings.violate("PIN", f"{name}: found another in the folder than the one pinned")
    if stated.get("origin", key.name) != key.name:
        findings.violate("PIN", "origin: found another in the folder than the name of the log's key")
    return Trust(key=key, genesis=root, pinned_key=bool(log_key), pinned_genesis=bool(genesis))

"""A vault or a log folder, read to its end and replayed (docs/formats/vault.md)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from coffer_audit.errors import Findings, MalformedInput, Unavailable
from coffer_audit.log.folder import LogCopy, read_log
from coffer_audit.notes import parse_vkey
from coffer_audit.trust import Trust, decide_trust
from coffer_audit.validity.state import State, replay
from coffer_audit.vault.witnesses import Witnesses, count_witnesses, verify_quorum
from coffer_audit.wire import KEY_NAME, hash_of, parse_hex, parse_match, read_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A vault read to its end; `witnesses` is None if the roster names none."""

    trust: Trust
    log: LogCopy
    state: State
    findings: Findings
    witnesses: Witnesses | None


def _parse_vault_toml(raw: bytes) -> dict[str, str]:
    try:
        values = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise MalformedInput("vault.toml: found no TOML, expected format, origin, log, genesis") from error
    if set(values) != {"format", "origin", "log", "genesis"} or not all(isinstance(v, str) for v in values.values()):
        raise MalformedInput("vault.toml: found other keys, expected format, origin, log, genesis")
    if values["format"] != "coffer.vault/v1":
        raise MalformedInput("vault.toml format: found another, expected coffer.vault/v1")
    parse_match(KEY_NAME, values["origin"], "vault.toml origin", "an origin")
    parse_vkey(values["log"], "vault.toml log")
    parse_hex(values["genesis"], 32, "vault.toml genesis")
    return values


def open_vault(folder: Path, log_key: str | None, genesis: str | None) -> tuple[Audited, bool]:
    """Read the log of a vault folder or of a log folder.

    The flag tells whether there is a vault around the log.
    """
    findings = Findings()
    if not folder.is_dir():
        raise Unavailable(f"{str(folder)!a}: found no folder, expected a vault or a log")
    is_vault = (folder / "vault.toml").is_file()
    is_log = not is_vault and (folder / "checkpoint").is_file() and (folder / "tile").is_dir()
    if not is_vault and not is_log:
        raise MalformedInput(
            f"{str(folder)!a}: found neither vault.toml nor checkpoint and tile/, expected a vault or a log"
        )
    places = [folder / "vault.toml"] if is_vault else [folder.resolve().parent / "vault.toml", folder / "../vault.toml"]
    if toml := next((place for place in places if place.is_file()), None):
        stated = _parse_vault_toml(read_file(toml, 1 << 16))
    elif log_key:
        stated = {}
    else:
        raise MalformedInput(
            "log folder: found no vault.toml beside it, expected a log key",
            hint="give --log-key VKEY and --genesis HEX, as the vault publishes them",
        )
    log_folder = folder / "log" if is_vault else folder
    if not genesis and "genesis" not in stated:  # take the hash of entry 0, which can show only consistency
        probe = read_log(log_folder, parse_vkey(log_key or "", "log key"), Findings())
        stated["genesis"] = (
            hash_of("roster", probe.entries[0].partition(b"\n\n")[0] + b"\n").hex() if probe.entries else "0" * 64
        )
    trust = decide_trust(stated, log_key, genesis, findings)
    log = read_log(log_folder, trust.key, findings)
    state = replay(trust.key.name, trust.genesis, enumerate(log.entries))
    if not state.rosters:
        findings.violate("R1", "log: found no valid genesis at entry 0, expected the pinned one", entry=0)
    for index, code, message in state.invalid:
        tell = findings.warn if index in state.accidents else findings.violate
        tell(code, f"{message}; the entry has no effect", entry=index)
    for index, message in state.told_gone:
        findings.warn("ABSENCE", message, entry=index)
    if state.unlisted:
        findings.violate("LIMIT", f"log: found {state.unlisted} further entries without effect, expected none")
    with findings.guard("QUORUM"):
        verify_quorum(log.checkpoint, state)
    witnesses = count_witnesses(log.checkpoint, state)
    return Audited(trust=trust, log=log, state=state, findings=findings, witnesses=witnesses), is_vault

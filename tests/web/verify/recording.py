"""A pytest plugin that keeps every answer and log that tests give to coffer-audit, whole or tampered.

    COFFER_RECORD=FOLDER python -m pytest -p web.verify.recording tests/audit tests/attacks ...

Each is copied into FOLDER/<n>/given, with its pins and its verdict in FOLDER/<n>/case.json.
"""

import functools
import json
import os
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path

import coffer_audit.cli
from coffer_audit.errors import AuditError

FOLDER = Path(os.environ["COFFER_RECORD"])
MAX_BYTES = 1 << 25
NUMBERS = count()


def _keep(kind, place, pins, clean):
    at = FOLDER / f"{os.getpid()}-{next(NUMBERS)}"
    size = sum(path.stat().st_size for path in [place, *place.rglob("*")] if path.is_file())
    case = {"kind": kind, "path": str(at / "given"), "pins": pins, "clean": clean, "size": size}
    case["test"] = os.environ.get("PYTEST_CURRENT_TEST", "")
    at.mkdir(parents=True)
    if size > MAX_BYTES:
        case["kind"] = "too large"
    elif place.is_dir():
        shutil.copytree(place, at / "given")
    elif place.is_file():
        shutil.copy(place, at / "given")
    else:
        case["kind"] = "nothing there"
    (at / "case.json").write_text(json.dumps(case))


def _recorded_answer(audit):
    @functools.wraps(audit)
    def wrapped(path, log_key, genesis, vault):
        pins = {"log": log_key or "", "genesis": genesis or ""}
        clean = False
        with suppress(AuditError):  # without the vault, as the browser sees it
            clean = not audit(path, log_key, genesis, None).findings.violations
        _keep("answer", Path(path), pins, clean)
        return audit(path, log_key, genesis, vault)

    return wrapped


def _recorded_vault(audit):
    @functools.wraps(audit)
    def wrapped(folder, log_key, genesis, **more):
        audited = None
        try:
            audited = audit(folder, log_key, genesis, **more)
            return audited
        finally:
            log = Path(folder) / "log" if (Path(folder) / "vault.toml").is_file() else Path(folder)
            if audited is not None:
                pins = {"log": audited.trust.key.text, "genesis": audited.trust.genesis}
                _keep("log", log, pins, None)

    return wrapped


coffer_audit.cli.audit_answer = _recorded_answer(coffer_audit.cli.audit_answer)
coffer_audit.cli.audit_vault = _recorded_vault(coffer_audit.cli.audit_vault)

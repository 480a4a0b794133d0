"""A pytest plugin that keeps every answer and log that tests give to coffer-audit, whole or tampered.

    COFFER_RECORD=FOLDER python -m pytest -p web.verify.recording tests/audit tests/attacks ...

Each is copied into FOLDER/<n>/given, with its pins and what the auditor found in FOLDER/<n>/case.json. The log that an
answer is compared with is copied into FOLDER/<n>/vault; the same answer without it is a case of its own. Only tests
that can reach coffer-audit are run: those whose code, or that of a fixture or function of the tests that they use,
names its entry point.
"""

import functools
import inspect
import json
import os
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import CodeType

import coffer_audit.cli
from coffer_audit.errors import AuditError
from web.verify.compared import NOTHING, found_of

TESTS = str(Path(__file__).parents[2])
FOLDER = Path(os.environ["COFFER_RECORD"])
MAX_BYTES = 1 << 25
NUMBERS = count()


def _names_of(code):
    """The names that some code and the functions within it use."""
    inner = [_names_of(one) for one in code.co_consts if isinstance(one, CodeType)]
    return set(code.co_names).union(*inner)


def _reaches_auditor(function, seen):
    """Whether a function of the tests, or one that it names, names the entry point of coffer-audit."""
    function = inspect.unwrap(function)
    if function is coffer_audit.cli.main:
        return True
    code = getattr(function, "__code__", None)
    if code is None or not code.co_filename.startswith(TESTS) or function in seen:
        return False
    seen.add(function)
    known = [function.__globals__[name] for name in _names_of(code) if name in function.__globals__]
    return any(_reaches_auditor(one, seen) for one in known if inspect.isfunction(one))


def pytest_collection_modifyitems(config, items):
    """Leave out the tests that give nothing to coffer-audit."""

    def is_wanted(item):
        fixtures = [one.func for some in item._fixtureinfo.name2fixturedefs.values() for one in some]
        return any(_reaches_auditor(one, set()) for one in [item.function, *fixtures])

    config.hook.pytest_deselected(items=[item for item in items if not is_wanted(item)])
    items[:] = [item for item in items if is_wanted(item)]


def _copy(place, target):
    """Copy a file or folder of at most so many bytes; False if it is larger or not there."""
    size = sum(path.stat().st_size for path in [place, *place.rglob("*")] if path.is_file())
    if size > MAX_BYTES or not place.exists():
        return False
    (shutil.copytree if place.is_dir() else shutil.copy)(place, target)
    return True


def _keep(kind, place, pins, expected, vault=None):
    """Keep a case; `expected`: what coffer-audit found, None if that is to be asked later."""
    at = FOLDER / f"{os.getpid()}-{next(NUMBERS)}"
    at.mkdir(parents=True)
    case = {"kind": kind, "path": str(at / "given"), "pins": pins, "expected": expected}
    case["test"] = os.environ.get("PYTEST_CURRENT_TEST", "")
    is_whole = _copy(place, at / "given")
    if vault is not None:
        case["vault"] = str(at / "vault")
        is_whole = is_whole and _copy(vault, at / "vault")
    if is_whole:
        (at / "case.json").write_text(json.dumps(case))


def _log_of(folder):
    """The log that a window would serve of a vault, or of a log."""
    return folder / "log" if (folder / "vault.toml").is_file() else folder


def _recorded_answer(audit):
    def found_without_log(*given):
        with suppress(AuditError):
            return found_of(audit(*given, None).findings)
        return NOTHING

    @functools.wraps(audit)
    def wrapped(path, log_key, genesis, vault):
        pins, expected = {"log": log_key or "", "genesis": genesis or ""}, NOTHING
        if vault is not None:
            _keep("answer", Path(path), pins, found_without_log(path, log_key, genesis))
        try:
            audited = audit(path, log_key, genesis, vault)
            expected = found_of(audited.findings)  # the caller adds to the findings
            return audited
        finally:
            _keep("answer", Path(path), pins, expected, None if vault is None else _log_of(Path(vault)))

    return wrapped


def _recorded_vault(audit):
    @functools.wraps(audit)
    def wrapped(folder, log_key, genesis, **more):
        audited = audit(folder, log_key, genesis, **more)
        pins = {"log": audited.trust.key.text, "genesis": audited.trust.genesis}
        _keep("log", _log_of(Path(folder)), pins, None)
        return audited

    return wrapped


os.fsync = lambda _descriptor: None  # no test of these asks what outlives a crash, and it takes a third of the time
coffer_audit.cli.audit_answer = _recorded_answer(coffer_audit.cli.audit_answer)
coffer_audit.cli.audit_vault = _recorded_vault(coffer_audit.cli.audit_vault)

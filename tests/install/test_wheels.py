"""Both distributions, built as wheels and run beside the packages that they name: nothing more is needed, and nothing else is there."""

import datetime as dt
import functools
import http.server
import importlib.util
import re
import shutil
import threading
import tomllib
from pathlib import Path

import pytest
from bare import ROOT, SOURCES, Bare, build_wheel, requirements_of

from coffer.cli import main
from coffer.cli.commands import LISTED
from coffer.ledger.tlog_policy import format_tlog_policy
from coffer.notes.note import sign_note
from coffer.procedures.retire import run_retirement
from coffer_audit.cli import PLACES
from known_answers.folder import VECTORS
from world import PASSPHRASE, World

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("pip") is None, reason="no pip here: no wheel can be built"),
]

DRAWING = {"altair", "vl-convert-python"}
HEAVY = DRAWING | {"typst", "opendp"}
RULE = "base=2 of judge,dpo,regulator"
LIMITS = ("--retention-days", "36500", "--late-days", "36500")
WEB = {"fastapi", "httpx", "uvicorn"}


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheels")
    return {name: build_wheel(name, folder) for name in SOURCES}


@pytest.fixture(scope="session")
def bare(wheels, tmp_path_factory):
    """A function that gives the environment of a distribution with some extras."""

    @functools.cache
    def make(name, *extras):
        return Bare.make(tmp_path_factory.mktemp("bare") / "venv", wheels[name], extras)

    return make


@pytest.fixture(scope="session")
def opened(tmp_path_factory):
    """A vault in which something was opened, its answer, and the letter of its notice."""
    world = World.make(tmp_path_factory.mktemp("opened"))
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    note = world.authorize(by=("judge", "dpo"), secret_until=dt.date(2016, 9, 30))
    world.write_answer(world.open(note))
    world.now = dt.datetime(2016, 10, 1, tzinfo=dt.UTC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("coffer.cli.console.system_clock", world.clock)
        assert main.run(["notices", str(world.vault.path), "--write", str(world.path / "letters")]) == 0
    return world


@pytest.fixture
def served(opened):
    """The address of the log, over plain http."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(opened.vault.path / "log"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_auditor_names_cryptography_alone(wheels, bare):
    needed = [one.name for one in requirements_of(wheels["surecoffer-audit"]) if one.marker is None]
    assert needed == ["cryptography"], "an extra brings the rest"
    assert bare("surecoffer-audit").needed <= {"cryptography", "cffi", "pycparser"}


def agreements_of(vault, folder):
    """A file of agreements by a vector's passkeys, signed by a custodian of this vault."""
    shown = (VECTORS / "approvals" / "agreements-by-two.txt").read_bytes().partition(b"\n\n")[2]
    text = shown.partition(b"\n\n")[0].decode() + "\n"
    text = re.sub("^origin: .*$", f"origin: {vault.pins.origin}", text, flags=re.MULTILINE)
    path = folder / "approvals.note"
    path.write_bytes(sign_note(text.encode(), vault.custodian("judge").unlock(PASSPHRASE).auth).raw)
    return path


def pins_of(world):
    return ["--log-key", world.vault.pins.log_key.format(), "--genesis", world.vault.pins.genesis.hex()]


def retired(folder):
    """A vault whose only day with records is dead."""
    folder.mkdir()
    world = World.make(folder, retention_days=30)
    world.epoch("2016-09-01", "2016-09-01")
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    world.now = dt.datetime(2016, 10, 1, tzinfo=dt.UTC)
    run_retirement(world.vault, world.custodians(), passphrase=lambda _name: PASSPHRASE)
    return world


def test_auditor_runs_each_of_its_commands_alone(bare, opened, served, tmp_path):
    alone, vault = bare("surecoffer-audit"), opened.vault
    dead = retired(tmp_path / "retired")
    pins = ["--log-key", vault.pins.log_key.format(), "--genesis", vault.pins.genesis.hex()]
    runs = {
        "vault": [vault.path, *pins],
        "answer": [opened.path / "answer", "--vault", served, *pins],
        "notice": [opened.path / "letters", *pins],
        "transparency": [vault.path, "--from", "2016-09-01", "--to", "2016-10-31", *pins],
        "histories": [vault.path, *pins],
        "fetch": [served, tmp_path / "fetched", *pins[:2]],
        "approvals": [agreements_of(vault, tmp_path), "--vault", vault.path, *pins],
        "day": ["2016-09-01", dead.vault.path, "-o", tmp_path / "day.zip", *pins_of(dead)],
        "certificate": [tmp_path / "day.zip", *pins_of(dead)],
        "entry": ["1", dead.vault.path, "-o", tmp_path / "1.tlog-proof", *pins_of(dead)],
        "proof": [tmp_path / "1.tlog-proof", "--policy", tmp_path / "policy"],
    }
    (tmp_path / "policy").write_bytes(format_tlog_policy(dead.state().roster, dead.vault.pins.log_key))
    assert runs.keys() == PLACES.keys()
    for command, words in runs.items():
        done = alone.run("coffer-audit", command, *words)
        assert (done.returncode, done.stderr) == (0, ""), command
        is_clean = (
            "clean, if all of this holds" in done.stdout
            if command in ("approvals", "proof")
            else done.stdout.endswith("clean\n")
        )
        assert command in ("fetch", "day", "entry") or is_clean, command
    tampered = tmp_path / "fetched/tile/entries"
    next(path for path in sorted(tampered.rglob("*")) if path.is_file()).write_bytes(b"\0\1x")
    assert alone.run("coffer-audit", "vault", tmp_path / "fetched", *pins).returncode == 3


def test_auditor_has_no_code_of_the_product(bare):
    alone = bare("surecoffer-audit")
    assert alone.run("python", "-c", "import coffer_audit").returncode == 0
    assert "No module named 'coffer'" in alone.run("python", "-c", "import coffer").stderr
    assert not (alone.folder / "bin/coffer").exists()
    assert not (bare("surecoffer").folder / "bin/coffer-audit").exists()


HELP_OF_EACH = """
from coffer.cli.commands import LISTED
from coffer.cli.main import run
for name in [one.name for one in LISTED]:
    code = run([name, "--help"])
    assert code == 0, name
"""


@pytest.mark.parametrize("extras", [(), ("all",)], ids=lambda extras: "-".join(extras) or "none")
def test_every_command_starts(bare, extras):
    product = bare("surecoffer", *extras)
    done = product.run("coffer", "--version")
    assert (done.returncode, done.stderr) == (0, "")
    done = product.run(
        "python", "-c", HELP_OF_EACH
    )  # one process: a library that is missing is missing for each of them
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("Usage: coffer ") == len(LISTED)


def test_custodians_machine_installs_no_library_that_draws_sets_or_adds_noise(bare):
    machine = bare("surecoffer", "web")
    assert machine.needed & HEAVY == set()
    assert machine.needed >= WEB
    assert bare("surecoffer").needed & (HEAVY | WEB) == set()
    assert bare("surecoffer", "all").needed >= HEAVY | WEB | {"python-pkcs11"}, "the twin"


def made_vault(product, folder, tally):
    """A vault with two days of keys and something to ingest."""
    who = [word for name in ("judge", "dpo", "regulator") for word in ("--custodian", name)]
    days = ["--days", "2016-09-01", "2016-09-02"]
    for words in (
        ["init", "vault", "--origin", "test.example/vault", *who, "--rule", RULE, *LIMITS, "--tally", tally],
        ["epoch", "vault", *days],
        ["simulate", "traffic", "--country", "FR", *days, "--records", "2000"],
    ):
        done = product.run("coffer", *words, cwd=folder)
        assert done.returncode == 0, done.stderr
    return ["ingest", "vault", "--feed", "traffic/feed.toml", *sorted((folder / "traffic").glob("*.csv"))]


def busiest(folder):
    rows = (line.split(",") for line in next(iter(sorted((folder / "traffic").glob("*.csv")))).read_text().splitlines())
    return next(f"tel:{field}" for row in rows for field in row if field.startswith("+33"))


def requested(product, folder):
    """A countersigned note."""
    words = ["request", "vault", "--subject", busiest(folder), "--days", "2016-09-01", "2016-09-02"]
    words += ["--kinds", "call,text", "--max-records", "500", "--authority", "Court", "--basis", "Art. 1"]
    words += ["--purpose", "Theft", "--person", "A. Example", "-o", "request.note"]
    for more in (
        words,
        *(["countersign", "vault", "request.note", "--as", name, "--yes"] for name in ("judge", "dpo")),
    ):
        done = product.run("coffer", *more, cwd=folder)
        assert done.returncode == 0, done.stderr


def test_story_without_extras_ends_in_an_answer_and_says_what_to_install_for_more(bare, tmp_path):
    product = bare("surecoffer")
    done = product.run("coffer", *made_vault(product, tmp_path, "exact"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    requested(product, tmp_path)
    log = (tmp_path / "vault/log/checkpoint").read_bytes()

    def lacks(extra, library, *words):
        done = product.run("coffer", *words, cwd=tmp_path)
        said = f'coffer: library {library}: not installed\ncoffer: hint: pip install "surecoffer[{extra}]"\n'
        assert (done.returncode, done.stderr) == (5, said), words

    lacks("pdf", "typst", "open", "vault", "request.note", "-o", "answer", "--format", "csv,pdf")
    assert (tmp_path / "vault/log/checkpoint").read_bytes() == log, "nothing was opened before the library was missed"
    done = product.run(
        "coffer", "open", "vault", "request.note", "-o", "answer", "--format", "csv,etsi,json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert bare("surecoffer-audit").run("coffer-audit", "answer", tmp_path / "answer").returncode == 0
    days = ["--from", "2016-09-01", "--to", "2016-09-02"]
    lacks("pictures", "altair", "report", "vault", *days, "--png", "report.png")
    lacks("pdf", "typst", "transparency", "vault", "--from", "2016-09-01", "--to", "2030-12-31", "--pdf", "t.pdf")
    lacks("pages", "fastapi", "serve", "vault", "--window", "127.0.0.1:0")
    lacks("web", "fastapi", "witness", "serve", "w", "--listen", "127.0.0.1:0")
    assert not (tmp_path / "report.png").exists()


def test_twin_with_all_extras_the_same_is_made(bare, tmp_path):
    product = bare("surecoffer", "all")
    words = made_vault(product, tmp_path, "epsilon=0.1")
    done = product.run("coffer", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    requested(product, tmp_path)
    days = ["--from", "2016-09-01", "--to", "2016-09-02"]
    for words in (
        ["open", "vault", "request.note", "-o", "answer", "--format", "csv,pdf"],
        ["report", "vault", *days, "--png", "report.png"],
        ["transparency", "vault", "--from", "2016-09-01", "--to", "2030-12-31", "--pdf", "t.pdf"],
    ):
        done = product.run("coffer", *words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "report.png").read_bytes()[:4] == b"\x89PNG"
    assert (tmp_path / "t.pdf").read_bytes()[:5] == b"%PDF-"


def test_ingest_that_must_add_noise_misses_the_library_before_it_seals(bare, tmp_path):
    product = bare("surecoffer")
    words = made_vault(product, tmp_path, "epsilon=0.1")
    log = (tmp_path / "vault/log/checkpoint").read_bytes()
    done = product.run("coffer", *words, cwd=tmp_path)
    assert done.returncode == 5
    assert "library opendp: not installed" in done.stderr
    assert 'pip install "surecoffer[tally]"' in done.stderr
    assert (tmp_path / "vault/log/checkpoint").read_bytes() == log
    assert list((tmp_path / "vault").rglob("*.rows")) == []


KERNELS = "from coffer import kernels; print(kernels.lines is not None, kernels.sealing is not None)"


def test_wheel_that_is_built_without_a_compiler_works_without_kernels(bare, tmp_path):
    wheel = build_wheel("surecoffer", tmp_path, CC="false")
    product = Bare.make(tmp_path / "venv", wheel)
    assert product.run("python", "-c", KERNELS).stdout == "False False\n"
    done = product.run("coffer", *made_vault(product, tmp_path, "exact"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("cc") is None, reason="no compiler here")
def test_twin_wheel_that_is_built_with_a_compiler_has_kernels(bare):
    assert bare("surecoffer").run("python", "-c", KERNELS).stdout == "True True\n"


def test_metadata_of_both_is_told_apart_and_neither_needs_the_other():
    main_project, auditor = (
        tomllib.loads((Path(folder) / "pyproject.toml").read_text())["project"] for folder in SOURCES.values()
    )
    assert main_project["scripts"].keys() == {"coffer"}
    assert auditor["scripts"].keys() == {"coffer-audit"}
    assert not any("surecoffer" in text for text in [*main_project["dependencies"], *auditor["dependencies"]])
    assert (ROOT / "LICENSE").read_bytes() == (ROOT / "auditor/LICENSE").read_bytes()

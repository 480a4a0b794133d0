"""Whoever delivers files into the folder where commands are run gets no code run, and no look into the memory of the processes that read them.

The folder holds a module of every name that Python or a library of ours has; each notes that it was run, then fails. The twin names the folder on purpose
(``PYTHONPATH``, by absolute path), and there the same files are run.
"""

import ast
import ctypes
import multiprocessing
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import coffer
from coffer.children import environment, start
from coffer.guarded import safe_path
from world import World

SOURCES = Path(coffer.__file__).parent
LIBRARIES = ("numpy", "polars", "pyarrow", "opendp", "click", "rich", "cryptography", "idna", "lxml", "typst", "altair")
POISON = """
import os
with open(os.environ["RUN_LIST"], "a") as file:
    file.write(__file__ + "\\n")
raise ImportError("poisoned")
"""
LAUNCHER = """
import sys
if __name__ == "__main__":
    from coffer.cli.entry import main
    from coffer.guarded import guard
    guard()  # as the entry does first
    import coffer.procedures.ingest.run as run_ingest
    run_ingest.PARALLEL_BYTES = 0
    run_ingest.is_fused = lambda _: False  # sealers that are processes
    main()
"""


@pytest.fixture
def drop(tmp_path):
    """The poisoned folder, with a file of records in it."""
    folder = tmp_path / "drop"
    folder.mkdir()
    names = {*sys.stdlib_module_names, *LIBRARIES, "sitecustomize", "usercustomize"} - set(sys.builtin_module_names)
    for name in sorted(names - {"antigravity", "this", "__future__"}):
        (folder / f"{name}.py").write_text(POISON)
    (folder / "pyvenv.cfg").write_text("home = /nowhere\n")
    (folder / "calls.csv").write_text("+33612345678,+33698765432,2016-09-01 10:00:00,60\n" * 50)
    return folder


@pytest.fixture
def world(tmp_path):
    made = World.make(tmp_path / "world", retention_days=36500, late_days=36500)
    made.epoch("2016-09-01", "2016-09-03")
    (tmp_path / "feed.toml").write_text(FEED)
    (tmp_path / "launcher.py").write_text(LAUNCHER)
    return made


FEED = """[feed]
name = "calls"
format = "csv"
home_country = "FR"
time_zone = "UTC"
keep = []
kind = "call"
[csv]
header = false
date_format = "%Y-%m-%d %H:%M:%S"
[columns]
a = 0
b = 1
start = 2
duration_s = 3
"""


def executed(tmp_path, drop, *command, **variables):
    """Which files of the folder were run by a command that is run in it; and how it ended."""
    run_list = tmp_path / "run-list"
    run_list.unlink(missing_ok=True)
    env = os.environ | {"RUN_LIST": str(run_list), "COFFER_PASSPHRASE": "correct horse"} | variables
    done = subprocess.run([sys.executable, *command], cwd=drop, env=env, capture_output=True, text=True, check=False)
    return (run_list.read_text() if run_list.exists() else ""), done


def commands(tmp_path, world):
    vault, feed = str(world.vault.path), str(tmp_path / "feed.toml")
    days = ("--from", "2016-09-01", "--to", "2016-09-02")
    made = {
        "ingest with sealers": ("ingest", vault, "--feed", feed, "calls.csv", "--workers", "2"),
        "ingest": ("ingest", vault, "--feed", feed, "calls.csv", "--workers", "1"),
        "log": ("log", vault),
        "picture": ("report", vault, *days, "--html", "page.html"),
        "pdf": ("transparency", vault, *days, "--pdf", "page.pdf"),
        "feed check": ("feed", "check", "calls.csv", "--country", "FR", "--zone", "UTC"),
        "simulate": ("simulate", "made", "--days", "2016-09-01", "2016-09-02", "--records", "20000", "--workers", "2"),
    }
    return {name: (str(tmp_path / "launcher.py"), *words) for name, words in made.items()}


@pytest.mark.parametrize("name", ["ingest with sealers", "ingest", "log", "picture", "pdf", "feed check", "simulate"])
def test_no_command_and_no_child_runs_what_lies_in_the_folder_where_it_is_run(name, tmp_path, drop, world):
    run, done = executed(tmp_path, drop, *commands(tmp_path, world)[name])
    assert (run, done.returncode) == ("", 0), done.stderr


@pytest.mark.parametrize("name", ["ingest with sealers", "simulate"])
def test_folder_that_is_named_on_purpose_is_run_which_shows_that_the_files_would(name, tmp_path, drop, world):
    for path in drop.glob("*.py"):
        if path.stem not in LIBRARIES:
            path.unlink()
    run, done = executed(tmp_path, drop, *commands(tmp_path, world)[name], PYTHONPATH=str(drop))
    assert str(drop) in run
    assert done.returncode != 0


@pytest.mark.parametrize("given", ["", ".", os.pathsep + "/nowhere", "../drop"])
def test_empty_and_relative_parts_of_pythonpath_are_no_purpose(given, tmp_path, drop, world):
    for path in drop.glob("*.py"):  # what Python itself reads at its start is not in our hands then
        if path.stem not in LIBRARIES:
            path.unlink()
    command = commands(tmp_path, world)["ingest with sealers"]
    run, done = executed(tmp_path, drop, *command, PYTHONPATH=given)
    assert (run, done.returncode) == ("", 0), done.stderr


@pytest.mark.parametrize("flags", [["-P"], [], ["-E"]], ids=["safe-path", "plain", "no-environment"])
@pytest.mark.parametrize("module", ["coffer", "coffer_audit"])
def test_module_that_is_run_by_name_runs_no_library_of_the_folder(flags, module, tmp_path, drop, world):
    if flags != ["-P"]:  # python -m itself reads from the current folder before our first line
        for path in drop.glob("*.py"):
            if path.stem not in (*LIBRARIES, "pickle", "ctypes", "multiprocessing", "argparse", "json"):
                path.unlink()
    words = ("log", str(world.vault.path)) if module == "coffer" else ("vault", str(world.vault.path))
    run, done = executed(tmp_path, drop, *flags, "-m", module, *words)
    assert (run, done.returncode) == ("", 0), done.stderr


def test_sealing_process_cannot_be_looked_into_leaves_no_core_and_has_no_passphrase(monkeypatch):
    monkeypatch.setenv("COFFER_PASSPHRASE_JUDGE", "correct horse")
    assert looked_into(start) == (0, (0, 0), None)
    unguarded = lambda target, args, name: _started(multiprocessing.get_context("spawn"), target, args, name)  # noqa: E731
    assert looked_into(unguarded)[0] == 1, "the twin: an exec makes a process dumpable again"


def _started(context, target, args, name):
    process = context.Process(target=target, args=args, name=name, daemon=True)
    process.start()
    return process


def looked_into(start_it):
    ours, theirs = multiprocessing.Pipe()
    with environment():
        process = start_it(_say_what_it_is, (theirs,), name="looked-into")
    found = ours.recv()
    process.join()
    return found


def _say_what_it_is(pipe):
    pipe.send(
        (
            ctypes.CDLL(None).prctl(3, 0, 0, 0, 0),
            resource.getrlimit(resource.RLIMIT_CORE),
            os.environ.get("COFFER_PASSPHRASE_JUDGE"),
        )
    )


def test_variables_are_as_before_once_children_are_started(monkeypatch):
    monkeypatch.setenv("COFFER_PASSPHRASE", "correct horse")
    before = dict(os.environ)
    with environment(OMP_NUM_THREADS="1"):
        assert "COFFER_PASSPHRASE" not in os.environ
        assert os.environ["OMP_NUM_THREADS"] == "1"
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("path", "given", "has_first", "expected"),
    [
        (["", "/lib"], "", True, ["/lib"]),
        (["/drop", "/lib"], "", True, ["/lib"]),
        (["/drop", "/lib"], "", False, ["/drop", "/lib"]),
        (["/bin", "/lib"], "", True, ["/bin", "/lib"]),
        (["/bin", "/drop", "/lib"], ":/x", True, ["/bin", "/lib"]),
        (["/bin", "/drop", "/lib"], "/drop", True, ["/bin", "/drop", "/lib"]),
        (["/bin", "/drop/sub", "/lib"], "sub", True, ["/bin", "/lib"]),
        (["lib", "/lib"], "", False, ["/lib"]),
        (["/lib", "__editable__.x.__path_hook__"], "", False, ["/lib", "__editable__.x.__path_hook__"]),
    ],
)
def test_safe_path(path, given, has_first, expected):
    assert safe_path(path, given, "/drop", has_first=has_first) == expected


def test_only_one_module_starts_processes():
    """Any other way would have to be guarded again."""
    barred = {"multiprocessing", "subprocess", "concurrent.futures.process"}
    found = {}
    for path in sorted(SOURCES.rglob("*.py")):
        tree = ast.parse(path.read_text())
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        names |= {f"{node.module}.{alias.name}" for node in froms for alias in node.names} | {n.module for n in froms}
        starters = {"os.fork", "os.posix_spawn", "os.system", "concurrent.futures.ProcessPoolExecutor"}
        calls = {
            f"os.{n.attr}"
            for n in ast.walk(tree)
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "os"
        }
        if (names & barred) | ((names | calls) & starters):
            found[str(path.relative_to(SOURCES))] = True
    assert list(found) == ["children.py"]

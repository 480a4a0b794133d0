"""Mutation tester: change one thing in a room's source, and name the changes that no test notices.

    python scripts/mutate.py src/coffer/ledger --mutants 20 --seed 1
    python scripts/mutate.py src/coffer/segments/rows.py --tests tests/property/test_formats.py tests/test_vectors.py

A change is one of these: a comparison (``<`` becomes ``<=``, ``==`` becomes ``!=``, ``in`` becomes ``not in``), a
boolean (``and`` becomes ``or``, ``not`` is dropped, ``True`` becomes ``False``), a constant (one more), a return
(``None`` instead of the value), a statement (a call, a raise or an assignment in place is removed). ``--seed`` decides
which of all possible changes are tried, so that a run can be repeated.

The tests are those given, or each test file that imports a module of the room by name; slow ones are left out. They
must pass on the unchanged source first. A mutant is killed when a test fails, or when the tests take longer than
``--timeout`` seconds. A survivor is printed as ``file:line: kind: before -> after``. Either a test is missing, or the
change makes no difference; only a person can decide which. The program ends with 0 whether or not mutants survive, and
with 2 if the tests fail on the unchanged source.

Everything happens in a copy of the tracked and untracked files in a temporary folder: the work tree is never written
to.
"""

import argparse
import ast
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
UNCHANGED_S = 3600
"""The tests must pass on the unchanged source within this time. With longer tests twenty mutants would take days."""
SHOWN = 100
"""Characters that are printed of each side of a change. The line is named, so more is not needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change. ``start`` and ``end``: the bytes of the file that ``after`` replaces."""

    path: Path
    line: int
    kind: str
    start: int
    end: int
    before: str
    after: str

    def applied(self, raw: bytes) -> bytes:
        return raw[: self.start] + self.after.encode() + raw[self.end :]

    def format(self) -> str:
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        return f"{self.path}:{self.line}: {self.kind}: {before[:SHOWN]} -> {after[:SHOWN]}"


def mutants_of(raw: bytes, path: Path) -> list[Mutant]:
    """Every possible change of a file, in the order of the file."""
    starts = [0]
    for line in raw.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    made = []
    for node in _code(ast.parse(raw)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[node.end_lineno - 1] + node.end_col_offset
        before = raw[start:end].decode()
        for kind, after in _changes(node):
            if not _is_same(before, after):
                made.append(
                    Mutant(path=path, line=node.lineno, kind=kind, start=start, end=end, before=before, after=after)
                )
    return sorted(made, key=lambda mutant: (mutant.start, mutant.end, mutant.after))


def _code(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """The nodes that may be changed.

    Annotations, decorators and docstrings are left out, and parts of f-strings, whose places Python 3.11 does not tell.
    """
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or isinstance(child, ast.JoinedStr):
                continue
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                continue  # a docstring, of a module or of a constant
            if isinstance(child, ast.expr | ast.stmt):
                yield child
            yield from _code(child)


def _changes(node: ast.expr | ast.stmt) -> Iterator[tuple[str, str]]:
    """The kind of each change of a node, and its new text."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            for at, operator in enumerate(ops):
                changed = [*ops[:at], COMPARISONS[type(operator)](), *ops[at + 1 :]]
                yield "comparison", _written(ast.Compare(left=left, ops=changed, comparators=comparators))
        case ast.BoolOp(op=operator, values=values):
            other = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield "boolean", _written(ast.BoolOp(op=other, values=values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield "boolean", _written(operand)
        case ast.Constant(value=bool(value)):
            yield "boolean", str(not value)
        case ast.Constant(value=int(value)):
            yield "constant", str(value + 1)
        case ast.Return(value=ast.expr()):
            yield "return", "return None"
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.AugAssign():
            yield "statement", "pass"


def _written(node: ast.expr) -> str:
    return f"({ast.unparse(ast.fix_missing_locations(node))})"


def _is_same(before: str, after: str) -> bool:
    return before in {after, after.strip("()")}


def tests_of(root: Path, room: Path) -> list[Path]:
    """The test files that import a module of the room by name."""
    wanted = module_of(root, room)
    return [
        path
        for path in sorted((root / "tests").rglob("test_*.py"))
        if any(name == wanted or name.startswith(f"{wanted}.") for name in _imported(ast.parse(path.read_bytes())))
    ]


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def package_folder(root: Path, path: Path) -> Path:
    """The folder from which the package of ``path`` is imported."""
    folder = (root / path).parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return folder


def module_of(root: Path, path: Path) -> str:
    parts = (root / path).relative_to(package_folder(root, path)).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def copy_tree(root: Path, folder: Path) -> None:
    """Copy the files that git tracks or would track."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=root, check=True, capture_output=True).stdout
    for name in filter(None, listed.decode().split("\0")):
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, folder / name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The copy of the tree, in which the tests run."""

    folder: Path
    sources: Path
    tests: tuple[str, ...]
    scratch: Path

    def environment(self) -> dict[str, str]:
        # No bytecode: Python would take a mutant of the same size and second for the file before it.
        paths = {"PYTHONPATH": str(self.sources), "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(self.scratch)}
        return dict(os.environ) | paths

    def imports_from(self, module: str) -> Path:
        """The file that a test would import; it must be in the copy."""
        code = f"import importlib; print(importlib.import_module({module!r}).__file__)"
        words = [sys.executable, "-c", code]
        printed = subprocess.run(words, cwd=self.folder, env=self.environment(), check=True, capture_output=True)
        return Path(printed.stdout.decode().strip())

    def run(self, timeout_s: float) -> tuple[str, str]:
        """``passed``, ``failed`` or ``timed out``, and the output of the tests."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        words = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow", "-p", "no:cacheprovider", *self.tests]
        with (self.scratch.parent / "output").open("w+b") as output:
            process = subprocess.Popen(
                words,
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code: int | None = process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                code = None
            finally:
                _end_session(process)
            output.seek(0)
            said = output.read().decode("utf-8", "replace")
        return ("timed out" if code is None else "passed" if code == 0 else "failed"), said


def _end_session(process: subprocess.Popen[bytes]) -> None:
    """End the tests and every program that they started and left running."""
    with contextlib.suppress(ProcessLookupError):  # they have all ended by themselves
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tried(bench: Bench, mutant: Mutant, timeout_s: float) -> str:
    """The outcome of the tests for one mutant; the copy is restored afterwards."""
    path = bench.folder / mutant.path
    raw = path.read_bytes()
    changed = mutant.applied(raw)
    ast.parse(changed)  # any test would kill a change that does not parse
    path.write_bytes(changed)
    try:
        return bench.run(timeout_s)[0]
    finally:
        path.write_bytes(raw)


def main(words: Sequence[str], root: Path = Path(__file__).parent.parent) -> int:
    parser = argparse.ArgumentParser(description="name the changes of a room that no test notices")
    parser.add_argument("room", type=Path, help="a folder or file of the sources, as seen from the project's folder")
    parser.add_argument("--tests", nargs="+", help="test files (default: those that import a module of the room)")
    parser.add_argument("--mutants", type=int, default=20, help="how many changes are tried")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=float, help="seconds for one mutant (default: 30 and three times the tests)")
    options = parser.parse_args(words)
    room = (root / options.room).resolve().relative_to(root.resolve())
    paths = sorted((root / room).rglob("*.py")) if (root / room).is_dir() else [root / room]
    every = [mutant for path in paths for mutant in mutants_of(path.read_bytes(), path.relative_to(root))]
    tests = tuple(options.tests or (str(path.relative_to(root)) for path in tests_of(root, room)))
    if not every or not tests:
        parser.error(f"{room}: {len(every)} possible changes, {len(tests)} test files")
    chosen = random.Random(options.seed).sample(every, min(options.mutants, len(every)))
    with tempfile.TemporaryDirectory(prefix="mutate-") as made:
        folder = Path(made).resolve() / "copy"
        copy_tree(root.resolve(), folder)
        sources = package_folder(folder, paths[0].relative_to(root))
        bench = Bench(folder=folder, sources=sources, tests=tests, scratch=folder.parent / "scratch")
        return report(bench, room, chosen, every, options.timeout)


def report(bench: Bench, room: Path, chosen: list[Mutant], every: list[Mutant], timeout_s: float | None) -> int:
    imported = bench.imports_from(module_of(bench.folder, chosen[0].path))
    if not imported.is_relative_to(bench.folder):
        raise RuntimeError(f"{imported}: the tests would import another copy than the one that is changed")
    begun = time.monotonic()
    outcome, said = bench.run(UNCHANGED_S)
    took_s = time.monotonic() - begun
    if outcome != "passed":
        print(f"{said[-3000:]}\nthe tests do not pass unchanged: {outcome}")
        return 2
    limit_s = timeout_s or 30 + 3 * took_s
    print(
        f"{room}: {len(chosen)} of {len(every)} possible changes, {len(bench.tests)} test files, {took_s:.0f} s unchanged"
    )
    counts = {"failed": 0, "timed out": 0, "passed": 0}
    for mutant in sorted(chosen, key=lambda one: (one.path, one.start)):
        outcome = tried(bench, mutant, limit_s)
        counts[outcome] += 1
        if outcome == "passed":
            print(f"survives: {mutant.format()}", flush=True)
    print(f"killed {counts['failed']}, timed out {counts['timed out']}, survive {counts['passed']}")
    return 0


if __name__ == "__main__":
    # After a signal neither the copy nor the tests that run in it may remain.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))

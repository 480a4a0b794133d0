"""Virtual environments that hold a wheel, the packages that its metadata names, and nothing else.

    bare = Bare.make(folder, wheel, extras=("web",))
    bare.run("coffer", "--version")

The packages are not fetched: links lead to the installed ones, and only to those.
"""

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent.parent
SOURCES = {"surecoffer": ROOT, "surecoffer-audit": ROOT / "auditor"}


BUILT = ("*.egg-info", "__pycache__", "*.so", "*.c")
"""What building leaves in the tree."""


def build_wheel(name: str, folder: Path, *, level: str = "-O3", **environment: str) -> Path:
    """The wheel of a copy of the sources, so that nothing is left in the tree.

    ``level``: how far the compiler optimises. ``environment``: more variables.
    """
    copy = folder / f"{name}-source"
    copy.mkdir()
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(SOURCES[name] / part, copy)
    project = copy / "pyproject.toml"
    project.write_text(project.read_text().replace('"-O3"', f'"{level}"'))
    shutil.copytree(SOURCES[name] / "src", copy / "src", ignore=shutil.ignore_patterns(*BUILT))
    words = ["wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", *words, str(copy)], check=True, env=os.environ | environment)
    (wheel,) = folder.glob(f"{name.replace('-', '_')}-*.whl")
    return wheel


def requirements_of(wheel: Path) -> list[Requirement]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        fields = BytesHeaderParser().parsebytes(archive.read(name))
    return [Requirement(text) for text in fields.get_all("Requires-Dist", [])]


def closure(requirements: Iterable[Requirement], extras: Iterable[str] = ()) -> set[str]:
    """The names of all distributions that these need here, in turn."""
    names: set[str] = set()
    waiting = [(requirement, tuple(extras)) for requirement in requirements]
    seen = set()
    while waiting:
        requirement, own = waiting.pop()
        applies = requirement.marker is None or any(
            requirement.marker.evaluate({"extra": extra}) for extra in (*own, "")
        )
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if not applies or key in seen:
            continue
        seen.add(key)
        names.add(key[0])
        texts = distribution(key[0]).requires or []
        waiting += [(Requirement(text), tuple(requirement.extras)) for text in texts]
    return names


def link_packages(names: Iterable[str], folder: Path) -> None:
    folder.mkdir()
    for name in names:
        found = distribution(name)
        tops = {Path(file).parts[0] for file in found.files or [] if ".." not in Path(file).parts}
        for top in tops - {"__pycache__"}:
            (folder / top).symlink_to(Path(str(found.locate_file(top))))


@dataclass(frozen=True)
class Bare:
    """``needed``: the distributions beside the wheel's own."""

    folder: Path
    needed: frozenset[str]

    @classmethod
    def make(cls, folder: Path, wheel: Path, extras: Iterable[str] = ()) -> "Bare":
        venv.create(folder, symlinks=True, with_pip=False)
        python = folder / "bin/python"
        words = ["install", "--quiet", "--no-deps", "--no-index", str(wheel)]
        subprocess.run([sys.executable, "-m", "pip", "--python", str(python), *words], check=True)
        needed = closure(requirements_of(wheel), extras) - {"surecoffer"}
        link_packages(needed, folder / "needed")
        version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        (folder / "lib" / version / "site-packages/needed.pth").write_text(f"{folder / 'needed'}\n")
        return cls(folder=folder, needed=frozenset(needed))

    def run(self, command: str, *words: object, cwd: Path | None = None) -> subprocess.CompletedProcess:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COFFER"))}
        return subprocess.run(
            [self.folder / "bin" / command, *map(str, words)],
            cwd=cwd or self.folder,
            env=environment | {"COFFER_PASSPHRASE": "correct horse battery staple"},
            capture_output=True,
            text=True,
            check=False,
        )

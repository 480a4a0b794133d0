"""The container file, as far as it can be read without an engine: nothing here builds it."""

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "deploy/Containerfile").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
KNOWN = {"FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER", "VOLUME", "STOPSIGNAL", "ENTRYPOINT", "CMD"}


def instructions():
    """Each instruction with its text, continued lines joined, by stage."""
    whole = re.sub(r"\\\n\s*", "", "".join(line for line in TEXT.splitlines(keepends=True) if line[:1] != "#"))
    stages = []
    for line in filter(None, whole.splitlines()):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, rest))
    return stages


BUILD, FINAL = instructions()


def of(stage, word):
    return [rest for name, rest in stage if name == word]


def test_every_instruction_is_one_and_both_stages_have_a_python_that_the_product_takes():
    assert {word for stage in (BUILD, FINAL) for word, _ in stage} <= KNOWN
    (first,), (last,) = of(BUILD, "FROM"), of(FINAL, "FROM")
    image, _, name = first.partition(" AS ")
    assert (image, name) == (last, "build")
    version = re.fullmatch(r"python:(\d+\.\d+)-slim-bookworm", image)[1]
    assert Version(version) in SpecifierSet(PROJECT["requires-python"])


@pytest.mark.parametrize("command", of(BUILD, "RUN") + of(FINAL, "RUN"))
def test_every_command_is_one_of_the_shell(command):
    done = subprocess.run(["sh", "-n", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_copied_is_there_and_not_ignored():
    copied = [name for rest in of(BUILD, "COPY") for name in rest.split()[:-1]]
    assert len(copied) == 5
    assert [name for name in copied if not (ROOT / name).exists()] == []
    lines = (ROOT / ".containerignore").read_text().splitlines()
    assert lines[0] == "*"
    assert {line[1:] for line in lines if line.startswith("!")} == set(copied)
    assert of(FINAL, "COPY") == ["--from=build /opt/coffer /opt/coffer"]


def test_it_runs_the_command_as_nobody_else_and_ends_as_services_do():
    (script,) = PROJECT["scripts"]
    assert json.loads(of(FINAL, "ENTRYPOINT")[0]) == [f"/opt/coffer/bin/{script}"]
    assert json.loads(of(FINAL, "CMD")[0]) == ["--help"]
    (user,) = of(FINAL, "USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert of(FINAL, "STOPSIGNAL") == ["SIGTERM"]
    assert "PYTHONSAFEPATH=1" in of(FINAL, "ENV")[0]
    assert not re.search(r"PASSPHRASE|PASSWORD|TOKEN|SECRET", TEXT, re.IGNORECASE)


def test_every_requirement_of_the_product_is_pinned_by_the_lock():
    (pattern,) = re.findall(r"grep -oE '([^']+)' requirements\.lock > pins\.txt", TEXT)
    lock = (ROOT / "requirements.lock").read_text()
    pins = dict(match.split("==") for match in re.findall(pattern.removeprefix("^"), lock))
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *extras["build"]]
    inner = Requirement(extras["all"][0]).extras
    wanted += [one for name in inner for one in extras[name]]
    assert len(wanted) > 25
    for text in wanted:
        one = Requirement(text)
        assert Version(pins[canonicalize_name(one.name)]) in one.specifier, text

"""What is audited cannot take more memory than docs/procedures/auditing.md says: measured in a process with a limit on its memory."""

import resource
import subprocess
import sys

import pytest

from coffer_audit.answer.package import MAX_MANIFEST_BYTES
from coffer_audit.errors import MalformedInput
from coffer_audit.wire import MAX_JSON, verify_json_shape
from world import World
from zips import format_zip

LIMIT_BYTES = 1_600 << 20
"""Address space: half a gibibyte for Python, its libraries and the answer, and what 32 MiB of JSON unfold to."""


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    world = World.make(tmp_path_factory.mktemp("answer"))
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    return world.write_answer(world.open(world.authorize()))


def audited(path, limit=LIMIT_BYTES):
    """Exit code and stderr of coffer-audit under a limit of its address space."""
    done = subprocess.run(
        [sys.executable, "-m", "coffer_audit", "answer", str(path)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    return done.returncode, done.stderr


def keys(count):
    return ",".join(f'"{n:010d}":1' for n in range(count))


SHAPES = {
    "nested lists": '{"cells":[' + "[]," * 25_000_000 + "[]]}",
    "empty lists": '{"cells":[' + "[]," * 11_000_000 + "[]]}",
    "small objects": '{"cells":[' + "{}," * 11_000_000 + "{}]}",
    "numbers": '{"cells":[' + "7," * 16_000_000 + "7]}",
    "deep lists": '{"cells":' + "[" * 1_000_000 + "]" * 1_000_000 + "}",
    "keys": "{" + keys(2_300_000) + "}",
}
ALLOWED = {
    "objects of 64 bytes": '{"cells":[' + ('{"' + "k" * 57 + '":1},') * 500_000 + "{}]}",
    "keys of 16 bytes": "{" + ",".join(f'"{n:012d}":1' for n in range(1_900_000)) + "}",
    "values of 10 bytes": '{"cells":[' + ",".join(f"0.{n:07d}" for n in range(3_300_000)) + "]}",
    "strings": '{"cells":[' + ",".join(f'"{n:07d}"' for n in range(3_300_000)) + "]}",
}


@pytest.mark.parametrize("name", SHAPES)
def test_json_that_unfolds_is_refused_within_bounded_memory(answer, name):
    with pytest.raises(MalformedInput, match=r"answer\.json: found [0-9]+ "):
        verify_json_shape(SHAPES[name].encode(), MAX_JSON, "answer.json")
    (answer / "answer.json").write_text(SHAPES[name])
    code, said = audited(answer)
    assert (code, "Traceback" in said, "Memory" in said) == (2, False, False), said


@pytest.mark.parametrize("name", ALLOWED)
def test_largest_json_of_each_shape_that_is_parsed_stays_within_bounded_memory(answer, name):
    assert MAX_JSON * 0.85 < len(ALLOWED[name]) <= MAX_JSON
    verify_json_shape(ALLOWED[name].encode(), MAX_JSON, "answer.json")
    (answer / "answer.json").write_text(ALLOWED[name])
    code, said = audited(answer)
    assert (code, "Traceback" in said, "Memory" in said) == (2, False, False), said


def test_twin_the_honest_answer_is_audited_within_the_same_memory(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n")
    assert audited(world.write_answer(world.open(world.authorize())))[0] == 0


def test_manifest_of_short_lines_is_refused_within_bounded_memory(tmp_path):
    path = tmp_path / "package.zip"
    path.write_bytes(format_zip([("MANIFEST", b"a\n" * (MAX_MANIFEST_BYTES // 2)), ("answer.json", b"{}")]))
    code, said = audited(path, 512 << 20)
    assert code == 2
    assert "MANIFEST: found" in said

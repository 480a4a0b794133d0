"""The kernels under the sanitizers for addresses and undefined behaviour, while the comparisons run (slow)."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from bare import ROOT, build_wheel

from coffer import kernels

COMPARISONS = [
    "tests/property/test_sealing_ways.py",
    "tests/property/test_reading_ways.py",
    "tests/property/test_quoting.py",
]
SANITIZED = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -g"


def libraries():
    """What a sanitized module needs loaded before Python; empty where the compiler has none."""
    if shutil.which("gcc") is None:
        return []
    named = (
        subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    )
    return [name for name in named if Path(name).is_absolute()]


@pytest.fixture(scope="module")
def sanitized(tmp_path_factory):
    """A function that runs Python with the sanitized kernels."""
    if kernels.sealing is None or len(libraries()) < 2:
        pytest.skip("no kernels here, or a compiler without sanitizers")
    folder = tmp_path_factory.mktemp("sanitized")
    # Compiling with sanitizers takes three times as long at -O3, which hides more from them.
    flags = {"CFLAGS": SANITIZED, "LDFLAGS": "-fsanitize=address,undefined"}
    wheel = build_wheel("surecoffer", folder, level="-O1", **flags)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "product")

    def run(*words):
        environment = os.environ | {
            "LD_PRELOAD": " ".join(libraries()),
            "ASAN_OPTIONS": "detect_leaks=0",  # Python itself leaks what lives as long as the process
            "PYTHONPATH": str(folder / "product"),
            "PYTHONMALLOC": "malloc",  # so that the sanitizer sees each block of memory
        }
        return subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )

    run.product = folder / "product"
    return run


@pytest.mark.slow
def test_comparisons_run_clean_under_the_sanitizers(sanitized):
    found = sanitized("-c", "from coffer import kernels; print(kernels.sealing.__file__)").stdout
    assert found.startswith(str(sanitized.product))
    paths = f"pythonpath={sanitized.product} auditor/src tests tests/attacks tests/desk tests/install"
    words = ["-q", "-x", "-p", "no:cacheprovider", "-o", paths, "-m", "not slow", "--hypothesis-profile=explore"]
    done = sanitized("-m", "pytest", *words, *COMPARISONS)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4_000:]
    assert "skipped" not in done.stdout


@pytest.mark.slow
def test_twin_sanitizer_stops_a_program_that_writes_beside_an_array(sanitized, tmp_path):
    (tmp_path / "wrong.c").write_text("void wrong(char *p, long n) { p[n] = 1; }\n")
    library = tmp_path / "wrong.so"
    flags = ["-shared", "-fPIC", *SANITIZED.split()]
    subprocess.run(["gcc", *flags, str(tmp_path / "wrong.c"), "-o", str(library)], check=True)
    call = f"import ctypes; p = ctypes.create_string_buffer(64); ctypes.CDLL({str(library)!r}).wrong(p, ctypes.c_long({{}}))"
    done = sanitized("-c", call.format(100_000))
    assert done.returncode != 0
    assert "AddressSanitizer" in done.stderr
    assert sanitized("-c", call.format(3)).returncode == 0

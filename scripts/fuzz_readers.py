"""Fuzz a reader with atheris for some seconds.

It may raise only MalformedInput, and may neither lose a source record nor leak content.

    pip install atheris
    python scripts/fuzz_readers.py kannel 60        # or all 60

The seeds are the invented files of the tests. Atheris writes a failure as crash-... into the current folder.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from coffer.errors import MalformedInput
from source_files import ALL_CASES, CANARY, is_every_line_told, read


def fuzz(name: str, seconds: int) -> None:
    import atheris  # noqa: PLC0415 - optional

    seed = ALL_CASES[name].data

    def one(data: bytes) -> None:
        size = 1 + data[0] * 4 if data else 1
        try:
            found = read(ALL_CASES[name], [data[1:]], size=max(size, len(data) // 20 + 1))
        except MalformedInput as error:
            if CANARY in str(error):
                raise RuntimeError("content in a message") from error
            return
        if CANARY in repr([one.parsed.batch.to_pylist() for one in found]) + repr(found):
            raise RuntimeError("content in a result")
        if not is_every_line_told(name, data[1:], found):
            raise RuntimeError("a line was lost")

    # Only our own code is instrumented; Polars and Arrow are not Python code.
    atheris.instrument_all()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "seed").write_bytes(b"\xff" + seed)
        options = [f"-max_total_time={seconds}", f"-max_len={2 * len(seed)}", "-timeout=20", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], folder, *options], one)
        atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("reader", choices=(*sorted(ALL_CASES), "all"), metavar="READER", help="a case's name, or all")
    parser.add_argument("seconds", type=int, help="for each")
    options = parser.parse_args()
    if options.reader != "all":
        fuzz(options.reader, options.seconds)
        return
    for name in sorted(ALL_CASES):
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, __file__, name, str(options.seconds)], check=True)


if __name__ == "__main__":
    main()

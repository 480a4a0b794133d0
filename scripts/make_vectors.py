"""Write the known-answer vectors: ``scripts/make_vectors.py [--check] [folder]``.

The folder is tests/vectors by default, and the makers are tests/known_answers/<kind>/make.py. ``--check`` writes
nothing, names each file that differs from the makers' output, and ends with 1 if there is one. HPKE draws its own
randomness, so the script keeps an HPKE vector as long as it opens; it makes a missing or damaged one anew and names it.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from known_answers.folder import VECTORS
from known_answers.kinds import COUNTS, differences, made, write


def main(words: list[str]) -> int:
    parser = argparse.ArgumentParser(description="make the known-answer vectors")
    parser.add_argument("folder", nargs="?", type=Path, default=VECTORS)
    parser.add_argument("--check", action="store_true", help="compare with the folder, write nothing")
    options = parser.parse_args(words)
    files, made_anew = made()
    for path in made_anew:
        print(f"{path}: made anew, the kept one does not open")
    told = differences(files, options.folder)
    print("".join(f"{line}\n" for line in told), end="")
    if options.check:
        return int(bool(told))
    write(files, options.folder)
    print(f"{sum(COUNTS.values())} vectors in {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

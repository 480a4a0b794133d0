"""Make the vault that later releases must open.

``make_release_vault.py 0.2.0`` writes tests/vaults/0.2.0.zip.
"""

import argparse
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from world import World

MADE = (2016, 9, 5, 12, 0, 0)


def main(release: str) -> None:
    target = ROOT / "tests" / "vaults" / f"{release}.zip"
    if target.exists():
        sys.exit(f"{target.name}: exists already: a released vault is never made anew")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world = World.make(folder)
        world.epoch("2016-09-01", "2016-09-03")
        line = "+33612345678,+33698765432,2016-09-0{} 1{}:00:00,6{}\n"
        world.ingest(line.format(1, 0, 0) + line.format(2, 0, 0), name="first.csv")
        note = world.authorize()
        (folder / "request.note").write_bytes(note)
        world.open(note)
        world.ingest(line.format(1, 1, 1), name="second.csv")
        (folder / "second.csv").unlink()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.name.endswith("lock"):
                    info = zipfile.ZipInfo(str(path.relative_to(folder)), MADE)
                    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
                    made.writestr(info, path.read_bytes())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", help="such as 0.2.0")
    main(parser.parse_args().release)

"""Make the world map and the table of countries from three npm packages.

The ordinary npm client fetches the packages. Writes into src/coffer/pictures/data, each file named for the version from
which it was made:

    countries-110m-<version>.json   shapes of Natural Earth at 1:110 million as TopoJSON: the file of world-atlas
    countries-<version>.csv         code,numeric,en,fr: ISO 3166 alpha-2, ISO 3166 numeric (empty if none), CLDR names
    README.md                       sources, versions, licences and hashes

A territory has a line if the map draws it, or if a numbering plan names it, since the tally can then count it.

Run: .venv/bin/python scripts/make_map.py
"""

import csv
import hashlib
import json
import subprocess
import tarfile
import tempfile
from pathlib import Path

SOURCE = Path(__file__).parent.parent / "src/coffer"
DATA = SOURCE / "pictures/data"
ATLAS, CORE, NAMES = "world-atlas@2.0.2", "cldr-core@48.2.0", "cldr-localenames-full@48.2.0"
SHORT = {"HK", "MO", "PS"}
"""Territories whose short name is the one that newspapers print."""
KOSOVO = {"Kosovo": "XK"}
"""Kosovo has no ISO number; numbering plans and the CLDR use the code XK."""
README = """# Map and names of countries

Made by `scripts/make_map.py`; do not edit.

| file | from | licence | SHA-256 |
|---|---|---|---|
{rows}

- **Shapes**: [Natural Earth](https://www.naturalearthdata.com) 4.1.0, 1:110 million, public domain, as packaged in the npm
  package world-atlas (ISC, `LICENSE-world-atlas.txt`). The file is that of the package, byte for byte.
  Natural Earth draws boundaries as they are held, not as they are claimed.
- **Names and codes**: Unicode CLDR (npm packages cldr-core and cldr-localenames-full), copyright 2004-2026 Unicode, Inc.;
  its licence is in `LICENSE-CLDR.txt`.
- Three shapes have no ISO number: Kosovo is XK; Somaliland is drawn with Somalia, whose calling code it uses; Northern
  Cyprus has no code of its own and stays grey.
- Antarctica is in the file and is not drawn.
"""


def fetch(package: str, folder: Path) -> dict[str, bytes]:
    done = subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, capture_output=True, text=True)
    with tarfile.open(folder / done.stdout.split()[-1]) as archive:
        return {
            member.name.removeprefix("package/"): archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive
            if member.isfile()
        }


def territories(names: dict[str, bytes], language: str) -> dict[str, str]:
    document = json.loads(names[f"main/{language}/territories.json"])
    labels = document["main"][language]["localeDisplayNames"]["territories"]
    return labels | {code: labels[f"{code}-alt-short"] for code in SHORT}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        atlas, core, names = (fetch(package, Path(folder)) for package in (ATLAS, CORE, NAMES))
    shapes = atlas["countries-110m.json"]
    mappings = json.loads(core["supplemental/codeMappings.json"])["supplemental"]["codeMappings"]
    english, french = territories(names, "en"), territories(names, "fr")
    # A code without a name is a former one (TP for East Timor) and has the same number as its successor.
    numeric = {code: entry["_numeric"] for code, entry in mappings.items() if code in english and "_numeric" in entry}
    alpha = {number: code for code, number in numeric.items()}
    drawn = {
        alpha[shape["id"]] if "id" in shape else KOSOVO.get(shape["properties"]["name"])
        for shape in json.loads(shapes)["objects"]["countries"]["geometries"]
    }
    plan = next((SOURCE / "identity/data").glob("regions-*.csv")).read_text("ascii").splitlines()
    codes = sorted({code for code in drawn if code} | {line.split(",")[0] for line in plan[1:]})
    version = ATLAS.split("@")[1], NAMES.split("@")[1]
    for old in DATA.glob("countries-*"):
        old.unlink()
    DATA.mkdir(parents=True, exist_ok=True)
    map_file, table_file = DATA / f"countries-110m-{version[0]}.json", DATA / f"countries-{version[1]}.csv"
    map_file.write_bytes(shapes)
    with table_file.open("w", newline="", encoding="utf-8") as file:
        lines = [(code, numeric.get(code, ""), english[code], french[code]) for code in codes]
        csv.writer(file, lineterminator="\n").writerows([("code", "numeric", "en", "fr"), *lines])
    (DATA / "LICENSE-CLDR.txt").write_bytes(names["LICENSE"])
    (DATA / "LICENSE-world-atlas.txt").write_bytes(atlas["LICENSE"])
    described = [(map_file, ATLAS, "public domain, ISC"), (table_file, f"{CORE}, {NAMES}", "Unicode-3.0")]
    rows = [
        f"| `{path.name}` | {package} | {licence} | `{hashlib.sha256(path.read_bytes()).hexdigest()}` |"
        for path, package, licence in described
    ]
    (DATA / "README.md").write_text(README.format(rows="\n".join(rows)), encoding="utf-8")
    print(f"{len(lines)} countries and territories, {len(drawn - {None})} of them drawn")


if __name__ == "__main__":
    main()

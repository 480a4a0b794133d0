"""How many source records a second each reader takes on one core: the invented files of the tests, made long.

    POLARS_MAX_THREADS=1 python bench/readers.py [RECORDS]

Keys of calls differ from copy to copy, so that joining has its work to do; CUCM rows get the 129 columns of a real file. Figures are source
records by CPU time, with identities, canonical records and accounting, without files, sealing or processes.
"""

import re
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from source_files import CASES, CUCM_NAMES, counts, read  # noqa: E402 - the tests' folder is no package

KEYS = {
    "asterisk": rb"17954568",
    "cucm": rb"1,1,1",
    "freeswitch-json": rb"[ab]-\d",
    "freeswitch-xml": rb"[ab]-\d",
    "kamailio": rb"c\d@x",
    "twilio-calls": rb"CA\d",
}
SLOW = ("freeswitch-json", "freeswitch-xml")


def lengthen(name, records):
    """Many copies of a case's data, each with other keys."""
    case = CASES[name]
    data = case.data
    heading = b""
    if name in ("cucm", "twilio-calls", "twilio-messages"):
        heading, data = data.split(b"\n", 1)
        heading += b"\n"
    if name == "cucm":
        data = data.split(b"\n", 1)[1]
        wide = 129 - len(CUCM_NAMES)
        heading = heading.rstrip(b"\n") + b"".join(b',"other%d"' % n for n in range(wide)) + b"\n"
        data = data.replace(b"\n", b',"",0' * (wide // 2) + b"\n")
    if name.startswith("freeswitch"):
        data = data.replace(b"SECRET", b"x" * 700)
    copies = max(1, records // case.records)
    key = KEYS.get(name)
    if key is None:
        return heading + data * copies, copies * case.records
    template = re.sub(key, lambda match: match[0] + b"%(n)08d", data.replace(b"%", b"%%"))
    return heading + b"".join(template % {b"n": n} for n in range(copies)), copies * case.records


def main():
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    print(f"{'format':16} {'records':>9} {'B each':>7} {'records/s':>10}")
    for name in sorted(CASES):
        if name in ("kamailio-sqlite", "parquet"):
            continue
        data, records = lengthen(name, wanted // 25 if name in SLOW else wanted)
        begun = time.process_time()
        found = read(CASES[name], [data])
        spent = time.process_time() - begun
        assert counts(found)[0] == records, (name, counts(found), records)
        print(f"{name:16} {records:9,} {len(data) // records:7} {records / spent:10,.0f}")


if __name__ == "__main__":
    main()

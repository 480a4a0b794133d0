"""Throws changed files at a reader with atheris, for some seconds: only MalformedInput may come out, and nothing may be lost or leak.

    pip install atheris
    python scripts/fuzz_readers.py kannel 60        # or all 60

Seeds are the invented files of the tests. A failure is written by atheris as crash-... in the current folder.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).parent.parent / "tests"
sys.path[:0] = [str(TESTS), str(TESTS / "records" / "readers")]

from cdr_writing import framed, record, stamp
from fold_reading import WINDOW, make_feed
from fold_reading import read as read_fold

from coffer.errors import MalformedInput
from coffer.identity.numbering import home_plan
from coffer.identity.readings import Habits
from coffer.records.readers.mail import exchange, exim, postfix
from coffer.records.readers.port import Reader
from coffer.records.readers.threegpp import ber
from source_files import CANARY, CASES, counts, read

CALL = record(
    "mo", imsi="262011234567890", msisdn="491701234567", calling="491701234567", called="493055500", entity="491770000001",
    answer=stamp("261123100000"), duration=42, cause=0, reference=b"\0\1",
)  # fmt: skip
FOLDS: dict[str, tuple[bytes, Callable[[], Reader]]] = {
    "ber": (
        framed([CALL, CALL]),
        lambda: ber.BerReader(make_feed(habits=Habits(home=home_plan("DE", "fuzz"))), WINDOW),
    ),
    "exchange": (
        b"#Fields: date-time,event-id,message-id,recipient-address,message-subject,sender-address,return-path\r\n"
        b"2026-11-23T10:00:00.123Z,RECEIVE,<m@x>,b@y.example," + CANARY.encode() + b",a@x.example,a@x.example\r\n"
        b"2026-11-23T10:00:01.123Z,DELIVER,<m@x>,b@y.example," + CANARY.encode() + b",a@x.example,a@x.example\r\n",
        lambda: exchange.ExchangeReader(make_feed(), WINDOW),
    ),
    "exim": (
        b'2026-11-23 10:00:00 1xVYQR-0004xz-2m <= a@x.example U=a P=local S=9 T="' + CANARY.encode() + b'"\n'
        b"2026-11-23 10:00:01 1xVYQR-0004xz-2m => b@y.example R=dns T=smtp\n2026-11-23 10:00:01 1xVYQR-0004xz-2m Completed\n",
        lambda: exim.EximReader(make_feed(), WINDOW),
    ),
    "postfix": (
        b"Nov 23 10:00:00 mx postfix/smtpd[7]: 4jYDB64xy6zCHdY: client=c[192.0.2.7]\n"
        b"Nov 23 10:00:00 mx postfix/cleanup[7]: 4jYDB64xy6zCHdY: warning: header Subject: " + CANARY.encode() + b"\n"
        b"Nov 23 10:00:00 mx postfix/qmgr[7]: 4jYDB64xy6zCHdY: from=<a@x.example>, size=9, nrcpt=1 (queue active)\n"
        b"Nov 23 10:00:01 mx postfix/smtp[7]: 4jYDB64xy6zCHdY: to=<b@y.example>, relay=none, delay=1, dsn=2.0.0, status=sent (ok)\n"
        b"Nov 23 10:00:01 mx postfix/qmgr[7]: 4jYDB64xy6zCHdY: removed\n",
        lambda: postfix.PostfixReader(make_feed(), WINDOW),
    ),
}


def read_case(name: str, data: bytes, size: int) -> tuple[int, int, int, int]:
    """Read, kept, rejected and merged source records."""
    if name in CASES:
        return counts(read(CASES[name], [data], size=size))
    outcome = read_fold(FOLDS[name][1], [data], cut=size, framing="bytes" if name == "ber" else "lines")
    if CANARY in outcome.shown:
        raise RuntimeError("content in a result")
    merged = sum(found.total() for found in outcome.merged.values())
    return outcome.read, len(outcome.rows), len(outcome.rejects), merged


def fuzz(name: str, seconds: int) -> None:
    import atheris  # noqa: PLC0415 - optional

    seed = CASES[name].data if name in CASES else FOLDS[name][0]

    def one(data: bytes) -> None:
        size = 1 + data[0] * 4 if data else 1
        try:
            records, kept, rejected, merged = read_case(name, data[1:], max(size, len(data) // 20 + 1))
        except MalformedInput as error:
            if CANARY in str(error):
                raise RuntimeError("content in a message") from error
            return
        if records != kept + rejected + merged:
            raise RuntimeError("a source record was lost")

    # Polars and Arrow are not instrumented: what is followed is how our own code turns.
    atheris.instrument_all()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "seed").write_bytes(b"\xff" + seed)
        options = [f"-max_total_time={seconds}", f"-max_len={2 * len(seed)}", "-timeout=20", "-print_final_stats=1"]
        atheris.Setup([sys.argv[0], folder, *options], one)
        atheris.Fuzz()


def main() -> None:
    if len(sys.argv) != 3 or sys.argv[1] not in (*CASES, *FOLDS, "all"):
        sys.exit(__doc__)
    if sys.argv[1] != "all":
        fuzz(sys.argv[1], int(sys.argv[2]))
        return
    for name in sorted({*CASES, *FOLDS}):
        print(f"== {name}", flush=True)
        subprocess.run([sys.executable, __file__, name, sys.argv[2]], check=True)


if __name__ == "__main__":
    main()

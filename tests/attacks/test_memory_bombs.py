"""Small files that unfold to gigabytes: each is read within bounds, rejected line by line, or refused in words.

Each is read in a process of its own that the system stops at ``LIMIT`` of address space, as a full machine would; what it held at most is measured.
"""

import gzip
import io
import json
import subprocess
import sys
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from world import FEED

LIMIT = 6 * 2**30
"""Of addresses, of which the libraries' threads alone take 2 GiB; each bomb takes more without its bound."""
GOOD = b"+33612345678,+33698765432,2016-09-01 10:00:00,60\n"
ZERO_BLOCK = ((131_072 << 3) | 2).to_bytes(3, "little")
PARQUET = FEED.replace('"csv"', '"parquet"').replace("[csv]\nheader = false", "[parquet]")
READ = """
import datetime as dt, json, resource, sys
from coffer.errors import CofferError
from coffer.procedures.ingest.feed_check import check_files
from coffer.records.feed import parse_feed
{prelude}
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
try:
    (report,) = check_files([sys.argv[1]], parse_feed(sys.argv[2], "feed.toml"), dt.datetime(2016, 9, 5, tzinfo=dt.UTC))
    found = {{"kept": report.kept, "rejected": dict(report.rejected), "skipped": dict(report.skipped)}}
except CofferError as error:
    found = {{"error": f"{{type(error).__name__}}: {{error.message}}"}}
(peak,) = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
found["mib"] = int(peak) // 1024  # getrusage would tell what the process held that started this one
print(json.dumps(found))
"""


def read(place, feed=FEED, prelude=""):
    """What a file gives, and how many MiB its reading held at most."""
    command = [sys.executable, "-c", READ.format(limit=LIMIT, prelude=prelude), str(place), feed]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr[-2_000:]
    return json.loads(done.stdout)


def zeros(blocks):
    """A zstd frame of so many blocks of 128 KiB of one letter, 4 bytes each."""
    last = ((131_072 << 3) | 3).to_bytes(3, "little")
    return b"\x28\xb5\x2f\xfd\x00\x38" + (ZERO_BLOCK + b"a") * (blocks - 1) + last + b"a"


@pytest.fixture
def written(tmp_path):
    def write(name, raw):
        (tmp_path / name).write_bytes(raw)
        return tmp_path / name

    return write


def test_line_ends_without_end_are_counted_and_take_no_gigabytes(written):
    """Packed as far as a file may unfold, and plain."""
    for name, raw in (
        ("newlines.csv.gz", gzip.compress(GOOD + b"\n" * (63 << 20), 9)),
        ("newlines.csv", GOOD + b"\r\n\n" * (21 << 20)),
    ):
        found = read(written(name, raw))
        lines = raw.count(b"\n") - 1 if name.endswith("csv") else 63 << 20
        assert (found["kept"], found["rejected"], found["skipped"]) == (1, {}, {"empty-line": lines})
        assert found["mib"] < 1_000


def packed(count):
    """Gzip of one record and many mebibytes of line ends, each of which packs to a thousandth."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb") as file:
        file.write(GOOD)
        for _ in range(count):
            file.write(b"\n" * 2**20)
    return out.getvalue()


def test_a_small_packed_file_that_unfolds_to_gigabytes_is_refused_early(written):
    raw = packed(400)
    assert len(raw) < 500_000
    found = read(written("bomb.csv.gz", raw))
    most = max(64 << 20, 200 * len(raw))
    assert found["error"].startswith(
        f"MalformedInput: bomb.csv.gz: unfolds to more than {most:,} bytes, expected at most 200 times"
    )


def test_a_packed_file_just_below_the_bound_is_read(written):
    """The twin: one mebibyte less than it may unfold to."""
    found = read(written("dense.csv.gz", packed(63)))
    assert (found["kept"], found["skipped"]) == (1, {"empty-line": 63 << 20})


FREESWITCH = FEED.replace('"csv"', '"freeswitch-json"').split("[csv]")[0].replace('kind = "call"\n', "")
CALL = (
    b'{"core-uuid":"1","variables":{"uuid":"%d","direction":"inbound","start_uepoch":"1472724000000000","billsec":"9",'
    b'"caller_id_number":"+33612345678","destination_number":"+33698765432"}}\n'
)


@pytest.mark.parametrize("part", [b'\n{"x":[', b'\n{"x":[' + b"1," * 500], ids=["short", "long"])
def test_a_record_in_which_thousands_could_begin_costs_each_byte_a_few_times(written, part):
    """One mebibyte of it took 40 seconds when each beginning was tried to the end; what follows it is still read."""
    damaged = part * ((1 << 20) // len(part))
    started = time.monotonic()
    found = read(written("cdr.json", CALL % 1 + damaged + b"\n" + CALL % 2), FREESWITCH)
    assert (found["kept"], set(found["rejected"])) == (2, {"bad-record"})
    assert time.monotonic() - started < 30


def test_a_value_of_gigabytes_within_a_record_is_never_built(written):
    found = read(written("cdr.json", CALL % 1 + b'{"x":[' + b"[]," * (8 << 20) + b"0]}\n" + CALL % 2), FREESWITCH)
    assert (found["kept"], found["rejected"]) == (2, {"row-too-long": 1})
    assert found["mib"] < 1_000


def test_a_whole_record_of_many_lines_is_read(written):
    """The twin: an object of which inner ones begin lines, too, and which ends."""
    inner = b'{"core-uuid":"1","callflow":[' + b'\n{"profile_index":"1"},' * 5_000 + b"\n{}]," + CALL.partition(b",")[2]
    found = read(written("cdr.json", inner % 1 + inner % 2), FREESWITCH)
    assert (found["kept"], found["rejected"]) == (2, {})


def test_lines_of_one_letter_are_counted_and_take_no_gigabytes(written):
    found = read(written("letters.csv.gz", gzip.compress(GOOD + b"a\n" * (2 << 20), 9)))
    assert (found["kept"], found["rejected"]) == (1, {"wrong-column-count": 2 << 20})
    assert found["mib"] < 2_000


def test_lines_of_one_letter_in_columns_of_fixed_width_take_no_gigabytes(written):
    places = "\n".join(f'c{n} = "{n + 1}-{n + 9}"' for n in range(12))
    columns = 'a = "c0"\nb = "c1"\nstart = ["c2", "c3"]\nend = ["c4", "c5"]\nforwarded = "c6"\n'
    fixed = '[fixed]\nblank = ["40"]\ndate_format = "%Y-%m-%d %H:%M:%S"\n[fixed.places]\n'
    feed = FEED.replace('"csv"', '"fixed"').split("[csv]")[0] + f"{fixed}{places}\n[columns]\n{columns}"
    found = read(written("letters.txt.gz", gzip.compress(b"a\n" * (2 << 20), 9)), feed)
    assert (found["kept"], found["rejected"]) == (0, {"bad-time": 2 << 20})
    assert found["mib"] < 512


def test_line_ends_within_quotes_and_around_them_take_no_gigabytes(written):
    """A cell of megabytes of them is one row, which is too long; those behind it are empty lines."""
    raw = GOOD + b'"' + b"\n" * (8 << 20) + b'"\n' + b"\n" * (15 << 20) + GOOD
    found = read(written("quoted.csv.gz", gzip.compress(raw, 9)))
    assert (found["kept"], found["rejected"]) == (2, {"row-too-long": 1})
    assert found["mib"] < 1_500


def test_a_line_without_end_is_refused_before_it_is_unpacked(written):
    raw = zstandard.ZstdCompressor().compress(GOOD) + zeros(16_000)
    assert len(raw) < 70_000
    found = read(written("zeros.csv.zst", raw))
    assert found["error"].startswith("MalformedInput: zeros.csv.zst: line 2: no line end in 16,777,216 bytes")
    assert found["mib"] < 1_000


def test_ordinary_lines_packed_as_tightly_are_read(written):
    """The twin: the same packing of lines that end."""
    found = read(written("many.csv.zst", zstandard.ZstdCompressor(level=19).compress(GOOD * 200_000)))
    assert (found["kept"], found["rejected"]) == (200_000, {})


def table(rows, **columns):
    out = io.BytesIO()
    whole = {
        "a": pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["+33612345678"])),
        "b": pa.array(["+33698765432"] * rows),
        "s": pa.array([1472724000 * 10**6] * rows, pa.timestamp("us", tz="UTC")),
        "d": pa.array([60] * rows),
    }
    pq.write_table(pa.table(whole | columns), out, compression="zstd")
    return out.getvalue()


def test_one_long_value_that_a_dictionary_names_many_times_is_rejected_with_its_rows(written):
    """64 MiB named 100,000 times would be 6 TiB."""
    rows = 100_000
    long = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["9" * (64 << 20)]))
    raw = table(rows, a=long)
    assert len(raw) < 1 << 20
    found = read(written("dictionary.parquet", raw), PARQUET)
    assert (found["kept"], found["rejected"]) == (0, {"row-too-long": rows})
    assert found["mib"] < 1_500


def test_a_dictionary_of_ordinary_values_is_read(written):
    found = read(written("dictionary.parquet", table(100_000)), PARQUET)
    assert (found["kept"], found["rejected"]) == (100_000, {})


def test_a_row_group_that_unfolds_to_gigabytes_is_refused_before_it_is_unpacked(written):
    values = pa.array([f"{n:03d}" + "9" * (8 << 20) for n in range(20)])
    out = io.BytesIO()
    rows = len(values)
    whole = {"a": values, "b": ["+33698765432"] * rows, "s": [1472724000] * rows, "d": [60] * rows}
    pq.write_table(pa.table(whole), out, compression="zstd", use_dictionary=False)
    assert len(out.getvalue()) < 2 << 20
    place = written("group.parquet", out.getvalue())
    bound = "import coffer.records.readers.mapped.parquet as parquet; parquet.MAX_GROUP_BYTES = {} << 20"
    found = read(place, PARQUET, bound.format(128))
    assert "a row group that unfolds to 167," in found["error"]
    found = read(place, PARQUET, bound.format(256))
    assert found["rejected"] == {"row-too-long": 20}


def test_one_row_a_hundred_million_times_is_refused_before_it_is_counted(written):
    rows = 2_000_000
    nothing = pa.nulls(rows, pa.string())
    raw = table(
        rows, a=nothing, b=nothing, s=pa.nulls(rows, pa.timestamp("us", tz="UTC")), d=pa.nulls(rows, pa.int64())
    )
    found = read(written("rows.parquet", raw), PARQUET)
    assert f"a Parquet file of {len(raw):,} bytes that unfolds to {rows:,} rows" in found["error"]

"""The same records, sealed with kernels and without: whatever is opened is the same."""

import csv
import random
from contextlib import contextmanager, nullcontext

import pytest

from coffer import kernels
from coffer.authority.authorization import MAX_SUBJECTS
from coffer.vault.stored import tally_keys
from world import World, feed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(kernels.lines is None, reason="no kernels here: no compiler, or COFFER_PURE is 1"),
]

SUBJECTS = 1_000
AT_ONCE = MAX_SUBJECTS
FEED = """
[feed]
name = "calls"
format = "csv"
home_country = "FR"
time_zone = "Europe/Paris"
keep = ["cell"]
kind = { column = "kind", values = { voice = "call", sms = "text" } }
[csv]
header = true
date_format = "%Y-%m-%d %H:%M:%S"
[columns]
a = "a"
b = "b"
forwarded = "f"
start = "start"
duration_s = "s"
a_cell = "cell"
"""


def lines(rng, people):
    """Calls among people, as switches write them: in several spellings, forwarded, withheld, dialled, in two kinds."""
    yield "kind,a,b,f,start,s,cell\n"
    for _ in range(20_000):
        a, b = rng.choice(people), rng.choice([*people, "112", "3900", "+4930901820"])
        a = rng.choice([a, a, a, a.replace("+33", "0"), a.replace("+33", "0033"), ""])
        forwarded = rng.choice(people) if rng.random() < 0.05 else ""
        kind = rng.choice(["voice", "voice", "sms"])
        start = (
            f"2016-09-0{rng.randint(1, 3)} {rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}"
        )
        cell = rng.choice(["", "208-01-1234-5678", "208-10-77-1"])
        yield f"{kind},{a},{b},{forwarded},{start},{rng.choice(['', '0', '61', '7200'])},{cell}\n"


@contextmanager
def pure():
    """As where no kernel was compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "lines", None)
        patch.setattr(kernels, "sealing", None)
        yield


def vault(folder, text, ways):
    """A vault of these records, and what its ingest said and counted."""
    folder.mkdir()
    world = World.make(folder, tally="exact")
    world.epoch("2016-08-31", "2016-09-03")
    with ways:
        summary = world.ingest(text, by=feed(FEED))
    return world, summary, [world.vault.objects.read(key) for key in tally_keys(summary.batch)]


def rows(world, subjects):
    """Every row of the answer about these people."""
    days = [("2016-08-31", "2016-09-03")]
    note = world.authorize(subjects=subjects, days=days, kinds="call,text", max_records=100_000)
    return sorted(csv.reader(world.open(note).records_csv.decode().splitlines()))


def test_a_thousand_people_are_answered_alike_whichever_way_their_records_were_sealed(tmp_path):
    rng = random.Random(33)
    people = [f"+336{rng.randrange(10**8):08d}" for _ in range(3_000)]
    text = "".join(lines(rng, people))
    asked = [f"tel:{number}" for number in rng.sample(people, SUBJECTS - AT_ONCE)]
    asked += [f"tel:+337{rng.randrange(10**8):08d}" for _ in range(AT_ONCE)]
    quick, said, tally = vault(tmp_path / "kernels", text, nullcontext())
    slow, expected, exact = vault(tmp_path / "pure", text, pure())
    assert (said.rows, said.files, tally) == (expected.rows, expected.files, exact)
    opened = 0
    for start in range(0, SUBJECTS, AT_ONCE):
        subjects = sorted(asked[start : start + AT_ONCE])
        answered = rows(quick, subjects)
        assert answered == rows(slow, subjects)
        opened += len(answered) - 1
    assert opened > 10_000

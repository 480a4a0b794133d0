"""A stranger writes a text with a row of a table in it, and the table's export quotes the text: no record comes of that row.

The twin reads the same bytes as lines (``quote = ""``), and there the forged row is a record: so the attack would work.
"""

import gzip

import pytest

from coffer import kernels
from coffer.procedures.ingest import sources
from coffer.procedures.ingest.decide import quoting_remarks
from coffer.procedures.ingest.run import run_ingest
from world import feed

A, B, VICTIM, FRAMED = "+33612345678", "+33698765432", "+33611111111", "+33622222222"
FORGED = f"k9,{VICTIM},{FRAMED},2016-09-01 11:00:00,x"
TEXT = f'k1,{A},{B},2016-09-01 10:00:00,"hello ""you""\r\n{FORGED}\n\n{FORGED}\n"\n'
NEXT = f"k2,{B},{A},2016-09-01 12:00:00,hi\n"
LATER = f"k3,{B},{A},2016-09-01 13:00:00,hi\n"
FEED = """
[feed]
name = "texts"
format = "csv"
home_country = "FR"
time_zone = "UTC"
kind = "text"
[csv]
header = false
date_format = "%Y-%m-%d %H:%M:%S"
{own}
[columns]
a = 1
b = 2
start = 3
{more}
"""
QUOTED = feed(FEED.format(own="", more=""))
LINES = feed(FEED.format(own='quote = ""', more=""))
JOINED = feed(FEED.format(own="", more="[join]\nkey = 0"))
SLOW = feed(FEED.format(own='encoding = "latin-1"', more=""))


def counts(summary):
    return [(file.read, file.kept, dict(file.rejected), dict(file.skipped)) for file in summary.files]


def records_of(world, number):
    note = world.authorize(subjects=[f"tel:{number}"], kinds="text", max_records=10_000, is_hub=True)
    return world.open(note).records


@pytest.fixture(params=["kernels", "pure"])
def way(request, monkeypatch):
    if request.param == "pure":
        monkeypatch.setattr(kernels, "lines", None)
    elif kernels.lines is None:
        pytest.skip("no kernels here")


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("by", [QUOTED, JOINED, SLOW], ids=["each row", "joined rows", "slow"])
def test_row_within_a_quoted_text_is_no_record(world, by):
    assert counts(world.ingest(TEXT + NEXT, by=by)) == [(2, 2, {}, {"continued-line": 4})]
    assert (records_of(world, A), records_of(world, VICTIM), records_of(world, FRAMED)) == (2, 0, 0)


@pytest.mark.usefixtures("way")
def test_row_within_a_text_would_be_a_record_where_lines_are_rows(world):
    (count,) = counts(world.ingest(TEXT + NEXT, by=LINES))
    assert count[1] == 4
    assert (records_of(world, VICTIM), records_of(world, FRAMED)) == (2, 2)


@pytest.mark.parametrize("packed", [False, True], ids=["places", "bytes"])
def test_text_that_lies_across_chunks_forges_nothing(world, monkeypatch, packed):
    monkeypatch.setattr(sources, "CHUNK_BYTES", 2_000)
    monkeypatch.setattr(sources, "CACHED_BYTES", 50)
    text = "".join(TEXT.replace("10:00:00", f"10:{n // 60:02d}:{n % 60:02d}") + NEXT for n in range(100))
    raw = gzip.compress(text.encode()) if packed else text
    name = "texts.csv.gz" if packed else "texts.csv"
    assert counts(world.ingest(raw, by=QUOTED, name=name)) == [(200, 200, {}, {"continued-line": 400})]
    assert (records_of(world, B), records_of(world, VICTIM)) == (200, 0)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("by", [QUOTED, JOINED], ids=["each row", "joined rows"])
@pytest.mark.parametrize("cut", [1, 2, len(FORGED) + 3, 2 * len(FORGED) + 4])
def test_file_that_ends_within_a_quoted_text_gives_no_row_of_it_and_its_row_is_read_once_when_it_goes_on(
    world, by, cut
):
    first, whole = NEXT + TEXT[:-cut], NEXT + TEXT + LATER
    (count,) = counts(world.ingest(first, by=by, name="texts.csv"))
    is_whole = cut == 1  # only the line end is missing
    lost = 1 + first.count(FORGED)  # nobody knows yet whether those lines are text, so each counts as lost
    assert count[:3] == ((2, 2, {}) if is_whole else (1 + lost, 1, {"cut-off": lost}))
    (later,) = world.ingest(whole, by=by, name="texts.csv").files
    assert (later.kept, later.rejected.total(), later.is_warned) == (1 if is_whole else 2, 0, False)
    assert (records_of(world, A), records_of(world, VICTIM)) == (3, 0)


@pytest.mark.parametrize("by", [QUOTED, JOINED], ids=["each row", "joined rows"])
def test_file_that_grows_is_read_up_to_its_last_whole_row(world, by):
    """A watch says where a line ends; that line may be within a text whose writer is not done."""
    path, kept = world.path / "texts.csv", []
    content = NEXT + TEXT + LATER
    for until in [place + 1 for place, byte in enumerate(content) if byte == "\n"]:
        path.write_text(content[: until + 3], newline="")
        summary = run_ingest(
            world.vault, by, [str(path)], on_progress=lambda **_: None, on_rejects=lambda _name, _rejects: None,
            until={str(path): until},
        )  # fmt: skip
        (file,) = summary.files
        assert not file.rejected
        kept.append(file.kept)
    assert kept == [1, 0, 0, 0, 0, 1, 1]
    assert (records_of(world, A), records_of(world, VICTIM)) == (3, 0)


def test_text_that_is_longer_than_a_row_may_be_forges_nothing(world):
    long = TEXT.replace("\n\n", "\n" + f"{FORGED}\n" * 1_500)
    assert counts(world.ingest(NEXT + long, by=QUOTED)) == [(2, 1, {"row-too-long": 1}, {"continued-line": 1503})]
    assert records_of(world, VICTIM) == 0


def test_quote_at_the_beginning_of_a_text_that_is_not_quoted_reads_no_wrong_row(world):
    """An export that quotes nothing: what the quote takes with it is counted line by line."""
    stray = f'k1,{A},{B},2016-09-01 10:00:00,"hello\n' + LATER + f'k4,{A},{B},2016-09-01 10:00:00,say "hi" to\n'
    assert counts(world.ingest(NEXT + stray + NEXT, by=QUOTED)) == [(5, 2, {"wrong-column-count": 3}, {})]


def test_what_another_quote_cut_elsewhere_is_never_sealed_again_without_a_word(world):
    """Read as lines, the first part ended within what is a text by the new feed."""
    path = world.path / "texts.csv"
    for content in (NEXT + TEXT[: TEXT.index("\n") + 1], NEXT + TEXT + LATER):
        path.write_text(content, newline="")
        world.ingest_files([path], by=LINES)
    (again,) = world.ingest_files([path], by=QUOTED).files
    assert again.kept
    assert "some are sealed again" in again.remark
    assert again.is_warned


@pytest.mark.usefixtures("way")
def test_rows_that_two_stray_quotes_hide_are_told(world):
    """In a file that quotes nothing, who writes a text that begins with a quote hides the rows up to the next one.

    Its twin has no such quote.
    """
    for first, hidden in (('"hello', 8), ("hello", 0)):
        texts = {1: first, 10: 'bye"' if hidden else "bye"}
        content = "".join(f"k{n},{A},{B},2016-09-01 10:00:{n:02d},{texts.get(n, 'x')}\n" for n in range(12))
        (file,) = world.ingest(content, by=QUOTED, name=f"{hidden}.csv").files
        assert file.assumed.total() == hidden
        (remark,) = quoting_remarks("x.csv", file.assumed) or [""]
        assert ("8 lines within quotes look like rows" in remark) == bool(hidden)

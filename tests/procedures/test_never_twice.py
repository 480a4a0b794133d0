"""Files that grow, are rotated, truncated or rewritten: each record is sealed once, whatever lines it has on both sides of where a file ended."""

import gzip
import os
import shutil
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from types import SimpleNamespace

import pytest

from coffer.errors import MalformedInput, NotProven
from coffer.procedures.ingest import remember
from coffer.procedures.ingest.prints import Printer
from coffer.procedures.ingest.sources import Content, Run
from coffer.records.feed import parse_feed
from coffer.vault.memory import MAX_LINES, Cost, MemoryKey, Remembered
from coffer_audit.cli import main as audit
from world import feed

HEAD = "a,b,start,s\n"
HEADED = feed(
    '[feed]\nname = "calls"\nformat = "csv"\nhome_country = "FR"\ntime_zone = "UTC"\nkind = "call"\n[csv]\nheader = true\n'
    'date_format = "%Y-%m-%d %H:%M:%S"\n[columns]\na = "a"\nb = "b"\nstart = "start"\nduration_s = "s"\n'
)
POSTFIX = parse_feed(
    '[feed]\nname = "mail"\nformat = "postfix"\nhome_country = "FR"\ntime_zone = "UTC"\n[postfix]\nyear = 2016\n',
    "mail",
)
KAMAILIO = parse_feed('[feed]\nname = "sip"\nformat = "kamailio"\nhome_country = "FR"\ntime_zone = "UTC"\n', "sip")


def line(n, day=1):
    return f"+3361234{n:04d},+33698765432,2016-09-0{day} 10:{n // 60 % 60:02d}:{n % 60:02d},{n + 1}\n"


def lines(*numbers):
    return "".join(map(line, numbers))


def counted(summary):
    return [(file.read, file.kept, file.duplicate) for file in summary.files]


def sealed(world, subject="tel:+33698765432", kinds="call"):
    """What an opening finds: the rows without the subject."""
    answer = world.open(world.authorize(subjects=[subject], kinds=kinds, max_records=10_000, is_hub=True))
    return sorted(row.partition(",")[2] for row in answer.records_csv.decode().splitlines()[1:])


def rows(*numbers):
    return [f"call,in,tel:+3361234{n:04d},2016-09-01T10:00:{n:02d}Z,{n + 1},true,," for n in numbers]


def test_a_file_one_line_longer_gives_one_record(world):
    world.ingest(lines(1, 2, 3), name="Master.csv")
    later = world.ingest(lines(1, 2, 3, 4), name="Master.csv")
    assert counted(later) == [(4, 1, 3)]
    assert (later.files[0].remark, later.files[0].is_warned) == ("goes on where it was read before", False)
    assert sealed(world) == rows(1, 2, 3, 4)
    assert audit(["vault", str(world.vault.path)]) == 0


JSONL = feed(
    '[feed]\nname = "calls"\nformat = "jsonl"\nhome_country = "FR"\ntime_zone = "UTC"\nkind = "call"\n[jsonl]\n'
    'date_format = "%Y-%m-%d %H:%M:%S"\n[columns]\na = "a"\nb = "b"\nstart = "start"\nduration_s = "s"\n'
)
OBJECT = '{"a": "+33612340001", "b": "+33698765432", "start": "2016-09-01 10:00:01", "s": 2}\n'


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "BOM"])
@pytest.mark.parametrize(("by", "text"), [(feed(), line(1)), (JSONL, OBJECT)], ids=["csv", "jsonl"])
def test_empty_lines_before_the_first_record_are_skipped_like_all_others(world, by, text, mark):
    (file,) = world.ingest(mark + "\n\r\n" + text, by=by).files
    assert (file.read, file.kept, file.skipped["empty-line"]) == (1, 1, 2)
    assert sealed(world) == rows(1)


def test_a_header_is_found_behind_titles_and_its_columns_are_asked_for(world):
    (file,) = world.ingest("\nReport\n" + HEAD + lines(1), by=HEADED).files
    assert (file.read, file.kept) == (1, 1)
    with pytest.raises(MalformedInput, match="line 3: no column 'start' for start"):
        world.ingest("\nReport\n" + HEAD.replace("start", "begin") + lines(2), by=HEADED, name="other.csv")


def test_a_return_within_the_first_line_is_said_to_be_one(world):
    with pytest.raises(MalformedInput, match="line 1: not one row of CSV") as found:
        world.ingest(line(1).rstrip() + "\r" + lines(2, 3))
    assert found.value.hint.startswith("does a CR stand within it?")
    assert counted(world.ingest(line(1) + line(2).rstrip() + "\r" + lines(3, 4))) == [(3, 2, 0)]


def test_a_file_that_grows_every_night_gives_each_line_once(world):
    for night in range(1, 6):
        assert counted(world.ingest(lines(*range(3 * night)), name="Master.csv")) == [(3 * night, 3, 3 * night - 3)]
    assert counted(world.ingest(lines(*range(15)), name="Master.csv")) == [(15, 0, 15)]
    assert sealed(world) == rows(*range(15))


def test_the_header_of_a_file_that_grows_stays_its_header(world):
    assert counted(world.ingest(HEAD + lines(1, 2), by=HEADED)) == [(2, 2, 0)]
    assert counted(world.ingest(HEAD + lines(1, 2, 3), by=HEADED)) == [(3, 1, 2)]
    rejects = world.ingest(HEAD + lines(1, 2, 3) + "none,none,none,none\n" + line(4), by=HEADED)
    assert counted(rejects) == [(5, 1, 3)]
    assert sealed(world) == rows(1, 2, 3, 4)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_rotated_file_goes_on_under_its_new_name(world, pack):
    world.ingest(lines(1, 2), name="calls.log")
    (world.path / "calls.log.1").write_bytes(pack(lines(1, 2, 3).encode()))
    (world.path / "calls.log").write_text(lines(4))
    summary = world.ingest_files([world.path / "calls.log.1", world.path / "calls.log"])
    assert counted(summary) == [(3, 1, 2), (1, 1, 0)]
    assert sealed(world) == rows(1, 2, 3, 4)
    assert world.ingest_files([world.path / "calls.log.1"]).entries == ()


def test_a_file_that_was_copied_and_truncated_loses_and_doubles_nothing(world):
    path = world.path / "calls.log"
    world.ingest(lines(1, 2), name=path.name)
    path.write_text(lines(1, 2, 3))
    shutil.copy(path, world.path / "calls.log.1")
    with path.open("r+") as file:
        file.truncate(0)
        file.write(lines(4))
    summary = world.ingest_files([world.path / "calls.log.1", path])
    assert counted(summary) == [(3, 1, 2), (1, 1, 0)]
    assert summary.files[1].is_warned
    assert summary.files[1].remark.startswith("was truncated since it was read before")
    assert sealed(world) == rows(1, 2, 3, 4)


def test_a_rewritten_file_is_said_and_taken_as_new(world):
    world.ingest(lines(1, 2, 3), name="calls.log")
    path = world.path / "calls.log"
    with path.open("r+") as file:
        file.write(lines(5, 2, 3, 6))
    (file,) = world.ingest_files([path]).files
    assert (file.kept, file.is_warned) == (4, True)
    assert file.remark == "was rewritten since it was read before: all of it is taken as new"


def test_another_file_of_the_same_name_is_new_without_a_warning(world):
    world.ingest(lines(1, 2, 3), name="calls.log")
    (world.path / "calls.log").rename(world.path / "away")
    (file,) = world.ingest(lines(4), name="calls.log").files
    assert (file.kept, file.is_warned) == (1, False)


def test_an_old_copy_of_a_file_is_known(world):
    world.ingest(lines(1, 2), name="calls.log")
    world.ingest(lines(1, 2, 3), name="calls.log")
    assert world.ingest(lines(1, 2), name="copy.log").entries == ()
    assert counted(world.ingest(lines(1, 2, 3, 4), name="other.log")) == [(4, 1, 3)]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_last_line_without_its_end_is_sealed_once_when_only_the_end_was_missing(world, end):
    whole = lines(1, 2).replace("\n", end)
    world.ingest(whole.removesuffix(end), name="calls.log")
    assert counted(world.ingest(whole + line(3).replace("\n", end), name="calls.log")) == [(3, 1, 2)]
    assert sealed(world) == rows(1, 2, 3)


def test_a_last_line_that_was_cut_is_sealed_again_whole_and_said(world):
    world.ingest(lines(1) + line(20)[:-2], name="calls.log")  # 2 of 21 seconds
    (file,) = world.ingest(lines(1, 20, 3), name="calls.log").files
    assert (file.kept, file.duplicate, file.is_warned) == (2, 1, True)
    assert file.remark.startswith("the last line was not whole when the file was read before")


def test_the_same_file_grown_within_one_run(world):
    for name, text in (("old.csv", lines(1, 2)), ("new.csv", lines(1, 2, 3)), ("same.csv", lines(1, 2, 3))):
        (world.path / name).write_text(text)
    summary = world.ingest_files([world.path / name for name in ("old.csv", "new.csv", "same.csv")])
    assert counted(summary) == [(2, 2, 0), (3, 1, 2), (3, 0, 3)]
    assert sealed(world) == rows(1, 2, 3)


def test_several_copies_of_a_known_file_in_one_run_are_all_known(world):
    """The longer one begins with the shorter one of this run, and is remembered as a whole."""
    world.ingest(lines(1), name="old.csv")
    world.ingest(lines(1, 2), name="old.csv")
    (world.path / "a.csv").write_text(lines(1))
    (world.path / "b.csv").write_text(lines(1, 2))
    assert world.ingest_files([world.path / "a.csv", world.path / "b.csv"]).entries == ()


def test_many_chunks_and_a_compressed_copy_go_on_at_the_right_line(world, monkeypatch):
    monkeypatch.setattr("coffer.procedures.ingest.sources.CHUNK_BYTES", 4096)
    world.ingest(HEAD + lines(*range(40)), by=HEADED, name="calls.csv")
    grown = HEAD + lines(*range(55)) + "junk\n" + lines(*range(55, 60))
    rejected = []
    from coffer.procedures.ingest.run import run_ingest

    for name, raw in (("calls.csv", grown.encode()), ("calls.csv.gz", gzip.compress((grown + line(0, 2)).encode()))):
        (world.path / name).write_bytes(raw)
        run_ingest(
            world.vault,
            HEADED,
            [str(world.path / name)],
            on_progress=lambda **_: None,
            on_rejects=lambda _name, found: rejected.extend(found.lines.tolist()),
        )
    assert rejected == [57]
    assert len(sealed(world)) == 61


def test_with_as_new_a_known_file_is_sealed_again(world):
    world.ingest(lines(1), name="a.csv")
    assert world.ingest_files([world.path / "a.csv"]).entries == ()
    assert counted(world.ingest_files([world.path / "a.csv"], as_new=True)) == [(1, 1, 0)]


def test_each_feed_reads_a_file_once_whatever_other_feeds_read_of_it(world):
    """One file may hold what several feeds keep: what one of them sealed says nothing of the others' records."""
    world.ingest(lines(1), name="a.csv")
    assert counted(world.ingest(lines(1), name="a.csv", by=feed(name="others"))) == [(1, 1, 0)]
    assert counted(world.ingest(lines(1), name="b.csv", by=feed(name="more"))) == [(1, 1, 0)]
    assert world.ingest(lines(1), name="a.csv").entries == ()
    assert world.ingest(lines(1), name="a.csv", by=feed(name="others")).entries == ()


# -- events that go on after the place where a file ended -----------------------------------------------------------------


def mail(qid, *, to="b@example.org", day=1, minute=0):
    stamp = f"Sep  {day} 10:{minute:02d}:"
    return {
        "client": f"{stamp}00 mx postfix/smtpd[1]: {qid}: client=host[192.0.2.1]\n",
        "id": f"{stamp}00 mx postfix/cleanup[1]: {qid}: message-id=<{qid}@example.org>\n",
        "from": f"{stamp}01 mx postfix/qmgr[1]: {qid}: from=<a@example.org>, size=1, nrcpt=1 (queue active)\n",
        "deferred": f"{stamp}02 mx postfix/smtp[1]: {qid}: to=<{to}>, relay=none, delay=1, delays=0/0/0/0, dsn=4.0.0, status=deferred (later)\n",
        "sent": f"{stamp}30 mx postfix/smtp[1]: {qid}: to=<{to}>, relay=r[192.0.2.2]:25, delay=30, delays=0/0/0/0, dsn=2.0.0, status=sent (ok)\n",
        "removed": f"{stamp}31 mx postfix/qmgr[1]: {qid}: removed\n",
    }


ORDER = ("client", "id", "from", "sent", "removed")


def mails(world):
    return sealed(world, subject="mailto:b@example.org", kinds="email")


@pytest.mark.parametrize("cut", range(len(ORDER) + 1))
@pytest.mark.parametrize("is_rotated", [False, True], ids=["grown", "rotated"])
def test_one_mail_with_lines_on_both_sides_is_one_record_wherever_the_file_ended(world, cut, is_rotated):
    """Other mails are whole before, whole after, and begun before and ended after."""
    first, spanning, last = mail("AAAAAAAAAA"), mail("BBBBBBBBBB", minute=1), mail("CCCCCCCCCC", minute=2)
    before = "".join(first[key] for key in ORDER) + "".join(spanning[key] for key in ORDER[:cut])
    after = "".join(spanning[key] for key in ORDER[cut:]) + "".join(last[key] for key in ORDER)
    one = world.ingest(before, by=POSTFIX, name="maillog")
    if is_rotated:
        (world.path / "maillog").rename(world.path / "maillog.1")
        (world.path / "maillog").write_text(after)
        two = world.ingest_files([world.path / "maillog.1", world.path / "maillog"], by=POSTFIX)
    else:
        two = world.ingest(before + after, by=POSTFIX, name="maillog")
    assert sum(file.kept for summary in (one, two) for file in summary.files) == 3
    assert two.overtaken == 0
    assert [row.split(",")[3] for row in mails(world)] == [f"2016-09-01T10:0{n}:00Z" for n in range(3)]
    assert {"mailto:a@example.org" in row for row in mails(world)} == {True}
    again = world.ingest_files(sorted(world.path.glob("maillog*"), reverse=True), by=POSTFIX)
    assert again.entries == ()
    assert {file.read == file.kept + file.rejected.total() + file.duplicate for file in two.files} == {True}


def test_a_mail_that_was_deferred_when_the_file_ended_is_told_anew_and_counted_as_overtaken(world):
    one = mail("AAAAAAAAAA")
    before = "".join(one[key] for key in ("client", "id", "from", "deferred"))
    assert world.ingest(before, by=POSTFIX, name="maillog").files[0].kept == 1
    later = world.ingest(before + one["sent"] + one["removed"], by=POSTFIX, name="maillog")
    assert (later.files[0].kept, later.overtaken) == (1, 1)
    answer = world.open(world.authorize(subjects=["mailto:b@example.org"], kinds="email"))
    assert [row.split(",")[6:] for row in answer.records_csv.decode().splitlines()[1:]] == [
        ["false", "", "overtaken"],
        ["true", "", ""],
    ]
    assert (answer.records, answer.repeated_records) == (2, 1)


@pytest.mark.parametrize("ends_open", [True, False])
def test_what_was_assumed_of_new_lines_is_told_where_a_file_goes_on(world, ends_open):
    """Whether or not a mail was open where the file ended."""
    by = parse_feed('[feed]\nname = "mail"\nformat = "postfix"\nhome_country = "FR"\ntime_zone = "UTC"\n', "mail")
    one, two = mail("AAAAAAAAAA"), mail("BBBBBBBBBB", minute=1)
    before = "".join(one[key] for key in (("client", "id", "from", "deferred") if ends_open else ORDER))
    (first,) = world.ingest(before, by=by, name="maillog").files
    (later,) = world.ingest(before + "".join(two[key] for key in ORDER), by=by, name="maillog").files
    assert (first.assumed["year 2016"], later.kept, later.assumed["year 2016"]) == (
        len(before.splitlines()),
        1,
        len(ORDER),
    )


def call(n, *, start=10):
    ids = f"from_tag=f{n};to_tag=t{n};call_id=c{n}@sip.example;code=200;reason=OK;src_user=+3361234{n:04d};dst_user=+33698765432"
    stamp = 1472724000 + 60 * n + start
    head = "Sep  1 10:00:00 sip kamailio[1]: NOTICE: acc [acc.c:279]: acc_log_request(): ACC: transaction answered: "
    return (
        f"{head}timestamp={stamp};method=INVITE;{ids}\n",
        f"{head}timestamp={stamp + 30};method=BYE;{ids}\n",
    )


def test_a_call_that_went_on_when_the_file_ended_is_told_anew_with_its_duration(world):
    (whole_a, whole_b), (began, ended) = call(1), call(2)
    (after_a, after_b) = call(3)
    one = world.ingest(whole_a + whole_b + began, by=KAMAILIO, name="sip.log")
    two = world.ingest(whole_a + whole_b + began + ended + after_a + after_b, by=KAMAILIO, name="sip.log")
    assert (one.files[0].kept, two.files[0].kept, two.overtaken) == (2, 2, 1)
    answer = world.open(world.authorize(subjects=["tel:+33698765432"], kinds="call"))
    rows = [row.split(",") for row in answer.records_csv.decode().splitlines()[1:]]
    assert [(row[3][-4:], row[5], row[-1]) for row in rows] == [
        ("0001", "30", ""),
        ("0002", "", "overtaken") if not rows[1][5] else ("0002", rows[1][5], "overtaken"),
        ("0002", "30", ""),
        ("0003", "30", ""),
    ]
    assert (answer.records, answer.repeated_records) == (4, 1)


def test_a_bye_alone_after_the_place_is_merged_and_gives_no_second_call(world):
    (a, b), (c, d) = call(1), call(2)
    world.ingest(a + b, by=KAMAILIO, name="sip.log")
    two = world.ingest(a + b + c + d, by=KAMAILIO, name="sip.log")
    assert (two.files[0].kept, two.overtaken) == (1, 0)
    assert len(sealed(world)) == 2


def forge(world, **changes):
    """What a thief of the operator's keys may write: the newest line of the memory with other places."""
    *others, last = world.vault.ingested.lines(world.state())
    key = world.vault.ingested.key()
    world.vault.ingested.path.write_bytes(key.seal([*others, last, replace(last, **changes)], os.urandom))


@pytest.mark.parametrize("places", [{"start": 30}, {"start": len(line(1))}, {"start": 30, "is_torn": True}])
def test_a_forged_place_in_the_memory_makes_no_ingest_read_half_a_line_or_one_twice(world, places):
    """Where the honest line is gone, the file is read whole; where it is there, it counts."""
    text = lines(1, 2, 3)
    world.ingest(text, name="a.csv")
    forge(world, **places)
    assert counted(world.ingest(text + lines(4), name="a.csv")) == [(4, 1, 3)]
    key, (first, *rest) = world.vault.ingested.key(), world.vault.ingested.lines(world.state())
    world.vault.ingested.path.write_bytes(key.seal([replace(one, **places) for one in (first, *rest)], os.urandom))
    (file,) = world.ingest(text + lines(4), name="a.csv").files
    assert (file.read, file.rejected.total()) == (4, 0)
    assert file.kept == 4


def test_the_honest_places_of_a_hole_that_was_withdrawn_count(world):
    """The twin: the middle of a file was withdrawn, and only that is sealed again."""
    world.ingest(lines(1), name="a.csv")
    middle = world.ingest(lines(1, 2), name="a.csv")
    world.ingest(lines(1, 2, 3), name="a.csv")
    kept = [one for one in world.vault.ingested.lines(world.state()) if one.batch != middle.batch]
    world.vault.ingested.path.write_bytes(world.vault.ingested.key().seal(kept, os.urandom))
    assert counted(world.ingest(lines(1, 2, 3), name="a.csv")) == [(3, 1, 2)]


FREESWITCH = parse_feed(
    '[feed]\nname = "fs"\nformat = "freeswitch-json"\nhome_country = "FR"\ntime_zone = "UTC"\n', "fs"
)


def test_the_memory_does_not_tell_how_long_a_file_read_as_a_whole_is(world):
    """Of many such formats a file is one call."""
    record = (
        '{"core-uuid":"1","variables":{"uuid":"%s","start_uepoch":"1472724000000000","billsec":"9",'
        '"caller_id_number":"+33612345678","destination_number":"+33698765432"}}'
    )
    for uuid in ("a1", "b22", "c333"):
        world.ingest(record % uuid, name=f"{uuid}.json", by=FREESWITCH)
        assert world.ingest(record % uuid, name="copy.json", by=FREESWITCH).entries == ()
    remembered = world.vault.ingested.lines(world.state())
    assert [(one.start, one.end, one.is_whole) for one in remembered] == [(0, 256, True)] * 3


# -- the memory itself ---------------------------------------------------------------------------------------------------


def test_a_memory_ahead_of_the_log_is_ignored(world):
    """A kill after the memory was written and before the log: the batch does not exist, and its files are read again."""
    log = world.path / "log-before"
    shutil.copytree(world.vault.path / "log", log)
    world.ingest(lines(1, 2), name="a.csv")
    ahead = world.vault.ingested.path.read_bytes()
    shutil.rmtree(world.vault.path / "log")
    log.rename(world.vault.path / "log")
    again = world.reopen()
    assert again.vault.ingested.path.read_bytes() == ahead
    assert counted(again.ingest(lines(1, 2), name="a.csv")) == [(2, 2, 0)]


def test_a_memory_that_is_gone_or_changed_never_hides_a_record(world):
    world.ingest(lines(1), name="a.csv")
    path = world.vault.ingested.path
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(NotProven, match="ingested: was changed, or is another vault's"):
        world.ingest(lines(1), name="a.csv")
    path.unlink()
    assert counted(world.ingest(lines(1), name="a.csv")) == [(1, 1, 0)]


def test_lines_are_forgotten_when_their_days_are_too_late_to_be_ingested_again(world):
    import datetime as dt

    world.ingest(lines(1), name="a.csv")
    assert len(world.vault.ingested.lines(world.state())) == 1
    world.now += dt.timedelta(days=31)
    world.epoch("2016-10-01", "2016-10-06")
    world.ingest(lines(1).replace("2016-09-01", "2016-10-05"), name="b.csv")
    assert [line.last_day for line in world.vault.ingested.lines(world.state())] == [dt.date(2016, 10, 5)]


def test_size_of_the_memory_tells_no_number_of_files_and_no_name_is_in_it(world):
    key = world.vault.ingested.key()
    one = Remembered(
        batch=bytes(16),
        feed="calls",
        chain=bytes(8),
        name=key.name("Master.csv"),
        start=0,
        end=10**9,
        is_torn=False,
        is_whole=False,
        salt=bytes(16),
        memory_kib=1024,
        print=1,
        before=0,
        inode=(1, 2),
        last_day=world.now.date(),
    )
    assert len({len(key.seal([one] * n, os.urandom)) for n in (0, 1, 10, 20)}) == 1
    assert key.unseal(key.seal([one] * 3, os.urandom), "x") == [one] * 3
    assert len(key.unseal(key.seal([one] * (MAX_LINES + 2), os.urandom), "x")) == MAX_LINES
    with pytest.raises(NotProven, match="another vault's"):
        MemoryKey(key._secret, "another.example/vault").unseal(key.seal([one], os.urandom), "x")
    assert b"Master" not in key.seal([one], os.urandom)


def test_fingerprints_end_with_the_ingest_that_wanted_them(world):
    """Ctrl-C while thousands of them are made: nobody waits for the others."""
    printer = Printer(world.vault.ingested.key(), Cost(memory_kib=1_024))
    content = Content(hash=bytes(32), size=9, lines=1, is_torn=False, marks={})
    parts = [(content, Run(start=0, end=9, first_line=1, is_known=False))] * 3
    with printer.stopping():
        assert len({one.whole for one in printer.prints_of(parts, os.urandom)}) == 3, "each has a salt of its own"
    with suppress(KeyboardInterrupt), printer.stopping():
        raise KeyboardInterrupt
    with pytest.raises(CancelledError, match=r"^$"):
        printer.prints_of(parts, os.urandom)


@pytest.fixture
def grown(world, monkeypatch):
    """A log of lines of one length, sealed line by line: each of its ends is a line's end in any other such log."""
    monkeypatch.setattr(remember, "TRIED", 3)
    path = world.path / "log.csv"
    for count in range(1, 8):
        path.write_text(lines(*range(100, 100 + count)))
        world.ingest_files([path])
    return path


def test_a_log_that_was_begun_anew_goes_on_after_many_ends_of_the_one_before(world, grown):
    grown.rename(grown.with_name("log.csv.1"))
    for count in (1, 2, 9):
        grown.write_text(lines(*range(300, 300 + count)))
        summary = world.ingest_files([grown])
    assert (summary.files[0].kept, summary.files[0].known) == (7, 2)
    assert not summary.files[0].is_warned


def test_each_chain_is_tried_by_its_longest_place_first():
    chains = [
        SimpleNamespace(chain=chain, end=end) for chain, end in (("a", 9), ("a", 8), ("b", 7), ("a", 6), ("b", 5))
    ]
    ordered = [(line.chain, line.end) for line in remember._chain_by_chain(chains)]
    assert ordered == [("a", 9), ("b", 7), ("a", 8), ("b", 5), ("a", 6)]

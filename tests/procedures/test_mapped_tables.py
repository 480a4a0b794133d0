"""Tables that a feed maps, through a whole ingest: joined legs, files in UTF-16, presets found by a header."""

from coffer_audit.cli import main as audit
from world import feed

HEAD = "id,start,a,b,s,word\n"
LEGS = feed(
    '[feed]\nname = "calls"\nformat = "csv"\nhome_country = "FR"\ntime_zone = "UTC"\nkind = "call"\n[csv]\nheader = true\n'
    'date_format = "%Y-%m-%d %H:%M:%S"\n[columns]\na = "a"\nb = "b"\nstart = "start"\nduration_s = "s"\n'
    'answered = { column = "word", values = { ok = true, none = false } }\n[join]\nkey = "id"\n'
)
FOUND = feed('[feed]\nname = "calls"\nhome_country = "FR"\ntime_zone = "UTC"\n')
CALLER, OTHER, REACHED = "+33612345678", "+33611111111", "+33698765432"


def leg(key, second, called, seconds, word):
    return f"{key},2016-09-01 10:00:{second:02d},{CALLER},{called},{seconds},{word}\n"


def told(summary):
    return [(file.read, file.kept, file.duplicate, dict(file.merged), file.rejected.total()) for file in summary.files]


def sealed(world):
    answer = world.open(world.authorize(subjects=[f"tel:{CALLER}"], kinds="call", max_records=10_000, is_hub=True))
    return sorted(",".join(row.split(",")[2:7]) for row in answer.records_csv.decode().splitlines()[1:])


def test_legs_of_one_call_are_sealed_once_and_as_they_are_when_the_file_goes_on(world):
    first = HEAD + leg("1", 0, OTHER, 0, "none") + leg("2", 5, REACHED, 9, "ok")
    assert told(world.ingest(first, by=LEGS, name="legs.csv")) == [(2, 2, 0, {}, 0)]
    later = world.ingest(
        first + leg("3", 9, OTHER, 0, "none") + leg("3", 9, REACHED, 7, "ok"), by=LEGS, name="legs.csv"
    )
    assert told(later) == [(4, 1, 3, {"leg": 1}, 0)]
    assert later.overtaken == 0
    assert sealed(world) == [
        "out,tel:+33611111111,2016-09-01T10:00:00Z,0,false",
        "out,tel:+33698765432,2016-09-01T10:00:05Z,9,true",
        "out,tel:+33698765432,2016-09-01T10:00:09Z,7,true",
    ]
    assert audit(["vault", str(world.vault.path)]) == 0


def test_a_leg_that_comes_in_a_later_ingest_is_told_as_overtaken(world):
    first = HEAD + leg("1", 0, OTHER, 0, "none")
    world.ingest(first, by=LEGS, name="legs.csv")
    later = world.ingest(first + leg("1", 3, REACHED, 7, "ok"), by=LEGS, name="legs.csv")
    assert (later.overtaken, sum(file.kept for file in later.files)) == (1, 1)


def test_a_table_in_utf_16_is_sealed_and_known_again(world):
    text = (HEAD.replace("id,", "") + leg("", 0, REACHED, 9, "ok").removeprefix(",")).encode("utf-16")
    by = feed(
        '[feed]\nname = "calls"\nformat = "csv"\nhome_country = "FR"\ntime_zone = "UTC"\nkind = "call"\n[csv]\nheader = true\n'
        'date_format = "%Y-%m-%d %H:%M:%S"\n[columns]\na = "a"\nb = "b"\nstart = "start"\nduration_s = "s"\n'
    )
    assert told(world.ingest(text, by=by)) == [(1, 1, 0, {}, 0)]
    (again,) = world.ingest(text, by=by).files
    assert (again.is_known, again.kept) == (True, 0)
    assert sealed(world) == ["out,tel:+33698765432,2016-09-01T10:00:00Z,9,true"]


def test_files_of_two_presets_are_read_in_one_ingest_by_a_feed_that_names_neither(world):
    head = "calldate,clid,src,dst,dcontext,channel,dstchannel,lastapp,lastdata,duration,billsec,disposition,amaflags,accountcode,uniqueid,userfield"
    row = f"2016-09-01 10:00:00,x,{CALLER},{REACHED},x,SIP/1,SIP/2,Dial,,42,12,ANSWERED,3,,1.1,"
    plain, linked = world.path / "a.csv", world.path / "b.csv"
    plain.write_text(f"{head}\n{row}\n")
    linked.write_text(f"{head},linkedid\n{row},9.9\n{row.replace('ANSWERED', 'BUSY').replace(',12,', ',0,')},9.9\n")
    summary = world.ingest_files([plain, linked], by=FOUND)
    assert [file.reason for file in summary.files] == [
        "the header of preset freepbx",
        "the header of preset freepbx-linked",
    ]
    assert [(file.kept, dict(file.merged)) for file in summary.files] == [(1, {}), (1, {"leg": 1})]


def test_a_last_leg_without_a_line_end_is_sealed_once_when_the_file_goes_on(world):
    first = HEAD + leg("1", 0, OTHER, 3, "ok") + leg("2", 5, REACHED, 9, "ok").removesuffix("\n")
    assert told(world.ingest(first, by=LEGS, name="legs.csv")) == [(2, 2, 0, {}, 0)]
    later = world.ingest(first + "\n" + leg("3", 9, REACHED, 7, "ok"), by=LEGS, name="legs.csv")
    assert (told(later)[0][1], later.overtaken) == (1, 0)
    assert len(sealed(world)) == 3

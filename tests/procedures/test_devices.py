"""An order for a handset or a SIM, end to end: rows are also written under IMEI and IMSI and name the own number."""

import csv
import json
from contextlib import contextmanager, nullcontext

import pytest

import holds
from coffer import kernels
from coffer.authority.authorization import parse_authorization
from coffer.disclosure.answer import answer_files
from coffer.disclosure.etsi import EtsiHeader, format_etsi
from coffer.disclosure.pdf import PdfStyle, pdf_document
from coffer.disclosure.records_json import format_json
from coffer.disclosure.verified import verify_disclosure
from coffer.errors import MalformedInput, Refused
from coffer.identity.identifier import IdentityType
from coffer.ledger.rules import implies
from coffer.procedures.ingest.indexing import rules_not_found
from coffer.procedures.opening.found_by import found_types, verify_found
from coffer.procedures.supersede import supersede
from coffer.vault.stored import tally_keys
from coffer_audit.answer.audit import audit_answer
from world import NOW, World, feed

HANDSET, OTHER = "imei:490154203237518", "imei:356938035643809"
SIM = "imsi:208011234567890"
FEED = """
[feed]
name = "cells"
format = "csv"
home_country = "FR"
time_zone = "UTC"
keep = ["cell", "imei", "imsi"]
index = ["number", "imsi", "imei"]
imei_without_check = true
kind = "call"
[csv]
header = false
date_format = "%Y-%m-%d %H:%M:%S"
[columns]
a = 0
b = 1
start = 2
duration_s = 3
forwarded = 4
a_imei = 5
a_imsi = 6
b_imei = 7
b_imsi = 8
"""
# The handset as a switch writes it: 14 digits, 15 with a spare 0, IMEISV; under two numbers and two SIMs. Then a call
# that reaches it, a call without a number (an emergency call without a SIM), and values that name no handset.
LINES = """\
+33612345678,+33698765432,2016-09-01 10:00:00,60,,49015420323751,208011234567890,,
+33611111111,+33698765432,2016-09-01 11:00:00,61,,490154203237510,208019999999999,,
+33698765432,+33612345678,2016-09-01 12:00:00,62,,356938035643809,208012222222222,4901542032375177,208011234567890
,112,2016-09-01 13:00:00,63,,490154203237518,,,
+33612345678,+33698765432,2016-09-01 14:00:00,64,,490154203237519,208011234567890,,
+33612345678,+33698765432,2016-09-01 15:00:00,65,,000000000000000,001010123456789,,
0612345678,+33698765432,2016-09-01 16:00:00,66,+33655555555,,,490154203237518,
"""


@contextmanager
def pure():
    """As where no kernel was compiled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "lines", None)
        patch.setattr(kernels, "sealing", None)
        yield


WAYS = [
    pytest.param(nullcontext, marks=pytest.mark.skipif(kernels.lines is None, reason="no kernels here"), id="kernels"),
    pytest.param(pure, id="pure"),
]


def opened(world, *subjects, **changes):
    order = {"subjects": list(subjects), "kinds": "call", "days": [("2016-09-01", "2016-09-02")]} | changes
    answer = world.open(world.authorize(**order))
    return answer, list(csv.DictReader(answer.records_csv.decode().splitlines()))


def violations(world, answer):
    """What the auditor finds wrong with an answer beside its vault."""
    return audit_answer(world.write_answer(answer), None, None, world.vault.path).findings.violations


def said(rows):
    return [(row["number"], row["direction"], row["peer"], row["start_utc"][11:13], row["imei"]) for row in rows]


@pytest.mark.parametrize("way", WAYS)
def test_a_handset_is_answered_with_the_numbers_that_used_it(tmp_path, way):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-02")
    with way():
        summary = world.ingest(LINES, by=feed(FEED))
    assert [(file.read, file.kept) for file in summary.files] == [(7, 7)]
    assert dict(summary.files[0].emptied) == {"a_imei: bad-imei": 2, "a_imsi: bad-imsi": 1}
    answer, rows = opened(world, HANDSET)
    assert said(rows) == [
        ("tel:+33612345678", "out", "tel:+33698765432", "10", "49015420323751"),
        ("tel:+33611111111", "out", "tel:+33698765432", "11", "490154203237510"),
        ("tel:+33612345678", "in", "tel:+33698765432", "12", "4901542032375177"),
        ("", "out", "short:FR/112", "13", "490154203237518"),
        ("tel:+33698765432", "forwarded", "tel:+33655555555", "16", "490154203237518"),
        ("tel:+33698765432", "in", "tel:+33612345678", "16", "490154203237518"),
    ]
    assert violations(world, answer) == []
    _, of_sim = opened(world, SIM)
    assert [(row["number"], row["start_utc"][11:13]) for row in of_sim] == [
        ("tel:+33612345678", hour) for hour in ("10", "12", "14")
    ]
    _, of_number = opened(world, "tel:+33612345678")
    assert [(row["start_utc"][11:13], row["imei"]) for row in of_number] == [
        ("10", "49015420323751"), ("12", "4901542032375177"), ("14", ""), ("15", ""), ("16", ""),
    ]  # fmt: skip
    assert opened(world, OTHER)[1][0]["number"] == "tel:+33698765432"


def test_a_record_counts_once_however_it_is_found(tmp_path):
    """Kept, the tally and the rejects are of records; only rows are more."""
    counts = []
    for name, text in (("indexed", FEED), ("plain", FEED.replace('["number", "imsi", "imei"]', '["number"]'))):
        (tmp_path / name).mkdir()
        world = World.make(tmp_path / name, tally="exact")
        world.epoch("2016-09-01", "2016-09-02")
        summary = world.ingest(LINES, by=feed(text))
        tables = [world.vault.objects.read(key) for key in tally_keys(summary.batch)]
        counts.append((summary.files[0].kept, summary.files[0].read, tables, summary.rows))
    assert counts[0][:3] == counts[1][:3]
    assert (counts[0][3], counts[1][3]) == (15 + 7 + 5, 15)  # by number, handset and SIM


def test_a_record_that_three_lines_of_an_order_find_is_counted_once(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(LINES, by=feed(FEED))
    answer, rows = opened(world, "tel:+33612345678", HANDSET, SIM, persons=["A"] * 3)
    unmarked = [(row["subject"], row["number"], row["start_utc"][11:13]) for row in rows if not row["repeat"]]
    assert len(unmarked) == len({(number, hour) for _, number, hour in unmarked}) + 1 == 9  # both legs of 16 h
    assert {row["repeat"] for row in rows} == {"", "repeated"}
    assert answer.repeated_records == len(rows) - 9
    assert violations(world, answer) == []


def test_files_are_never_sealed_twice_and_batches_are_superseded_as_ever(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-02")
    first = world.ingest(LINES, by=feed(FEED))
    again = world.ingest(LINES, by=feed(FEED))
    assert (again.batch, again.files[0].duplicate) == (None, 7)
    supersede(world.vault, first.batch)
    answer, rows = opened(world, HANDSET)
    assert (rows, answer.superseded_csv.count(b"\n")) == ([], 7)
    assert violations(world, answer) == []


STRICT = (("base", "2 of judge,dpo,regulator"), ("FR", "2 of judge,dpo,regulator and regulator"))
GERMAN = "+4930901820,+33698765432,2016-09-01 17:00:00,67,,490154203237518,,,\n"


def test_a_handset_has_the_strictest_rule(tmp_path):
    """Any number may be used with a handset: it opens as the strictest of them, and twins without it do not."""
    world = World.make(tmp_path, rules=STRICT)
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(LINES + GERMAN, by=feed(FEED))
    with pytest.raises(Refused, match="rule FR"):
        opened(world, HANDSET, by=("judge", "dpo"))
    answer, rows = opened(world, HANDSET, by=("judge", "regulator"))
    assert len(rows) == 7
    assert violations(world, answer) == []
    assert len(opened(world, SIM, by=("judge", "regulator"))[1]) == 3  # a French SIM has the French rule
    assert rules_not_found(feed(FEED), world.state().roster) == ()


BESIDE = (*STRICT[:1], ("DE", "2 of judge,dpo,regulator and dpo"), ("FR", "2 of judge,dpo,regulator and regulator"))


def test_a_handset_is_no_way_round_a_rule_that_none_implies(tmp_path):
    """Neither the German nor the French rule implies the other, so handsets have `base`, and find neither's rows."""
    world = World.make(tmp_path, rules=BESIDE)
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(LINES + GERMAN + GERMAN.replace("+4930901820", "+442079460000"), by=feed(FEED))
    answer, rows = opened(world, HANDSET, by=("judge", "dpo"))
    assert [row["number"] for row in rows] == ["", "tel:+442079460000"]
    assert violations(world, answer) == []
    assert rules_not_found(feed(FEED), world.state().roster) == ("DE", "FR")


@pytest.mark.parametrize("way", WAYS)
def test_columns_are_read_in_the_groups_that_people_write(tmp_path, way):
    """The twins are groups of no IMEI or IMSI: they are emptied and counted."""
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-02")
    good = [("49-015420-323751-8", "208-01-1234567890"), ("49015420 323751 8", "208 011 234567890")]
    bad = [("490-15420-323751-8", "2080-1-1234567890"), ("49-015420 323751-8", "208-011234567890")]
    line = "+33612345678,+33698765432,2016-09-01 {}:00:00,60,,{},{},,\n"
    with way():
        summary = world.ingest("".join(line.format(10 + n, *each) for n, each in enumerate(good + bad)), by=feed(FEED))
    assert dict(summary.files[0].emptied) == {"a_imei: bad-imei": 2, "a_imsi: bad-imsi": 2}
    for subject in (HANDSET, SIM):
        assert [row["start_utc"][11:13] for row in opened(world, subject)[1]] == ["10", "11"]


@pytest.mark.parametrize("way", WAYS)
def test_a_handset_is_no_way_round_the_rule_of_a_sim(tmp_path, way):
    """A withheld number falls under `base`, its French SIM does not. The twin has a SIM of a country without a rule."""
    world = World.make(tmp_path, rules=BESIDE)
    world.epoch("2016-09-01", "2016-09-02")
    line = ",+33698765432,2016-09-01 10:00:00,60,,490154203237518,{},,\n"
    with way():
        world.ingest(line.format("208011234567890") + line.format("234101234567890"), by=feed(FEED))
    _, rows = opened(world, HANDSET, by=("judge", "dpo"))
    assert [row["imsi"] for row in rows] == ["234101234567890"]
    with pytest.raises(Refused, match="rule FR"):
        opened(world, SIM, by=("judge", "dpo"))
    assert len(opened(world, SIM, by=("judge", "regulator"))[1]) == 1


def test_a_sim_that_finds_nothing_still_has_its_rule(tmp_path):
    """The feed finds by handsets alone: the SIM that its rows carry counts."""
    world = World.make(tmp_path, rules=BESIDE)
    world.epoch("2016-09-01", "2016-09-02")
    line = ",+33698765432,2016-09-01 10:00:00,60,,490154203237518,{},,\n"
    text = FEED.replace('"imsi", "imei"]\nimei', '"imei"]\nimei')
    world.ingest(line.format("208011234567890") + line.format(""), by=feed(text))
    assert [row["imsi"] for row in opened(world, HANDSET, by=("judge", "dpo"))[1]] == [""]


def test_strictness_is_that_of_every_set_of_custodians():
    two_of_three = {0b011, 0b101, 0b110}
    assert implies(two_of_three | {0b100}, two_of_three)
    assert not implies(two_of_three, two_of_three | {0b100})
    assert implies({0b001, 0b010, 0b100}, two_of_three)


def test_a_party_on_the_no_index_list_has_no_row_under_its_handset(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-02")
    (world.vault.path / "no-index.txt").write_text("coffer.no-index/v1\n2016-08-01 tel:+33611111111 helpline\n")
    world.ingest(LINES, by=feed(FEED))
    assert "tel:+33611111111" not in {row["number"] for row in opened(world, HANDSET)[1]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("index", 'index = ["imei"]'), "with number among them"),
        (("index", 'index = ["number", "imei", "imei"]'), "with number among them"),
        (("index", 'index = ["number", "cell"]'), "expected a list of number, imsi, imei"),
        (("keep", 'keep = ["imei"]'), "index: imsi is not in keep"),
        (("a_imsi", ""), None),
        (("b_imsi", "local_identities = true"), "Unknown|unknown"),
    ],
)
def test_a_feed_says_by_what_its_rows_are_found(change, message):
    start, line = change
    lines = [line if one.startswith(f"{start} = ") else one for one in FEED.splitlines()]
    if message is None:
        assert feed("\n".join(lines)).index == {"imsi", "imei"}
        return
    with pytest.raises(MalformedInput, match=message):
        feed("\n".join(lines))


def test_a_feed_whose_source_tells_no_device_cannot_be_found_by_it():
    lines = [line for line in FEED.splitlines() if "_imsi" not in line]
    with pytest.raises(MalformedInput, match="index: imsi, which this source does not tell"):
        feed("\n".join(lines))
    with pytest.raises(MalformedInput, match="an e-mail has no imei and no imsi"):
        feed(FEED, kind="email")
    with pytest.raises(MalformedInput, match="rows of local identities are found by these alone"):
        feed(FEED.replace("[csv]", "local_identities = true\n[csv]"))


def test_a_request_for_what_no_feed_is_found_by_is_refused_and_says_so(tmp_path):
    """Else an answer without records would read as if the handset had not been used."""
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(LINES, by=feed(FEED.replace('["number", "imsi", "imei"]', '["number"]')))
    assert found_types(world.vault, world.state()) == frozenset()
    with pytest.raises(Refused, match="subject 1: records of its days are not found by an IMEI: feed cells"):
        world.request(subjects=[HANDSET], days=[("2016-09-01", "2016-09-02")])
    world.ingest("+33612345678,+33698765432,2016-09-02 10:00:00,60\n")
    world.ingest(LINES, by=feed(FEED, name="more"), name="more.csv")
    assert found_types(world.vault, world.state()) == {IdentityType.IMEI, IdentityType.IMSI}
    note = parse_authorization(world.request(subjects=[HANDSET], days=[("2016-09-01", "2016-09-02")]), "request")
    (remark,) = verify_found(world.vault, world.state(), note.terms)
    assert remark == "subject 1: not found by an IMEI in these days: feed calls, cells"
    world.request(
        subjects=[HANDSET], days=[("2016-09-03", "2016-09-03")]
    )  # of days without any records nothing is said


def test_every_form_says_which_number_was_used(tmp_path):
    world = World.make(tmp_path)
    world.epoch("2016-09-01", "2016-09-02")
    world.ingest(LINES, by=feed(FEED))
    disclosure = verify_disclosure(answer_files(opened(world, HANDSET)[0]))
    assert disclosure.rows[0].number == "tel:+33612345678"
    document = pdf_document(disclosure, PdfStyle(language="fr", zone=None), now=NOW)
    table = [dict(zip(document["columns"], row, strict=True)) for row in document["sections"][0]["rows"]]
    assert [row["number"] for row in table] == [
        "+33612345678", "+33611111111", "+33612345678", "", "+33698765432", "+33698765432",
    ]  # fmt: skip
    assert any("Numéro utilisé" in line for line in document["reading"])
    records = json.loads(format_json(disclosure))["records"]
    assert [record["number"] for record in records[2:4]] == ["tel:+33612345678", None]
    header = EtsiHeader(country="FR", organisation="court", request_number="1", csp="x")
    (xml,) = format_etsi(disclosure, header, now=NOW).values()
    assert (xml.count(b"<partyNumber>33612345678<"), xml.count(b"<iMEI>49015420323751<")) == (3, 1)
    plain = verify_disclosure(answer_files(opened(world, "tel:+33612345678")[0]))
    assert "number" not in pdf_document(plain, PdfStyle(language="en", zone=None), now=NOW)["columns"]


def test_a_hold_keeps_a_handset_whose_days_die(tmp_path):
    """Its rule is the same strictest one, and what is opened later still says which number was used."""
    world = World.make(tmp_path, rules=STRICT, retention_days=10)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest(LINES, by=feed(FEED))
    hold = holds.held(world, subjects=[HANDSET])
    assert hold.terms.rules == ("FR",)
    holds.died(world)
    answer = holds.opened(world, hold, subjects=[HANDSET])
    rows = list(csv.DictReader(answer.records_csv.decode().splitlines()))
    assert [row["number"][-4:] for row in rows] == ["5678", "1111", "5678", "", "5432", "5432"]

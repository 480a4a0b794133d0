"""Nothing is disclosed of an answer that is not what the log says was opened."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.disclosure.records_csv import format_records, parse_records
from coffer.disclosure.records_json import format_json
from coffer.disclosure.verified import PinnedLog, verify_disclosure
from coffer.errors import CofferError, MalformedInput, NotProven, Refused
from coffer.notes.keys import Secret, SigningKey
from coffer.notes.note import sign_note

GOLDEN = Path(__file__).parent / "golden"
SUBJECTS = {"tel:+33612345678": 1}


def edited(answer, path, change):
    document = json.loads(answer[path])
    change(document)
    return answer | {path: json.dumps(document).encode()}


def test_an_unchanged_answer_is_disclosed_with_what_it_holds(opened, answer):
    world, _ = opened
    found = verify_disclosure(answer, PinnedLog(log_key=world.vault.pins.log_key, genesis=world.vault.pins.genesis))
    assert (len(found.rows), found.signers, found.devices) == (5, ("judge", "regulator"), ("imei", "imsi"))
    assert found.rows[1].imei == "35693803564380"
    assert found.rows[1].imsi == "208011234567890"
    assert set(found.files) == set(answer)
    assert "612345678" not in repr(found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"tel:+33698765432", b"tel:+33698765433"),
        (b"2016-09-01T22", b"2016-09-01T21"),
        (b",125,", b",126,"),
        (b"208-01-6699", b"208-01-6698"),
        (b"35693803564380", b"35693803564381"),
        (b"\n", b"\r\n"),
    ],
)
def test_answer_with_a_changed_record_is_not_disclosed(answer, old, new):
    assert old in answer["records.csv"]
    with pytest.raises(NotProven, match="D4"):
        verify_disclosure(answer | {"records.csv": answer["records.csv"].replace(old, new, 1)})


def test_answer_with_a_record_removed_or_added_is_not_disclosed(answer):
    lines = answer["records.csv"].splitlines(keepends=True)
    for changed in (lines[:-1], [*lines, lines[-1]]):
        with pytest.raises(NotProven, match="D4"):
            verify_disclosure(answer | {"records.csv": b"".join(changed)})


def test_superseded_records_added_to_an_answer_are_not_disclosed(answer):
    with pytest.raises(NotProven, match="D4"):
        verify_disclosure(answer | {"superseded.csv": answer["records.csv"]})


def test_records_of_another_answer_are_not_disclosed(opened, answer):
    _world, _ = opened
    with pytest.raises(NotProven, match="D4"):
        verify_disclosure(answer | {"evidence/secrets.json": b'{"result_salt": "' + b"00" * 32 + b'"}'})
    assert verify_disclosure(answer)


def test_answer_under_the_authorization_of_another_person_is_not_disclosed(opened, answer):
    world, _ = opened
    other = world.authorize(subjects=["tel:+33698765432"])
    with pytest.raises(NotProven, match="D3"):
        verify_disclosure(answer | {"evidence/authorization.note": other})


def test_answer_whose_countersignatures_were_cut_off_is_not_disclosed(answer):
    note = answer["evidence/authorization.note"]
    cut = re.sub(rb"[^\n]+ regulator/auth [^\n]+\n", b"", note)
    assert cut != note
    with pytest.raises(Refused, match="signed by judge"):
        verify_disclosure(answer | {"evidence/authorization.note": cut})


def test_entry_that_is_not_in_the_log_is_not_disclosed(answer):
    entries = answer["evidence/entries"]
    assert entries.count(b"\nanswers: 2\n") == 1
    with pytest.raises(NotProven, match="not under this root"):
        verify_disclosure(answer | {"evidence/entries": entries.replace(b"\nanswers: 2\n", b"\nanswers: 3\n")})


def test_entry_without_proof_and_proof_without_entry_are_malformed(answer):
    changed = edited(answer, "evidence/proofs.json", lambda d: d.pop(max(d, key=int)))
    with pytest.raises(MalformedInput, match="expected a list of base64"):
        verify_disclosure(changed)
    more = edited(answer, "evidence/proofs.json", lambda d: d.update({"99": []}))
    with pytest.raises(MalformedInput, match="other indexes than evidence/entries has"):
        verify_disclosure(more)


def test_whole_log_signed_by_another_key_is_caught_by_whoever_knows_the_key(opened, answer):
    world, _ = opened
    thief = SigningKey("test.example/vault", Secret(bytes(32), "seed"))
    text = answer["evidence/checkpoint"].partition(b"\n\n")[0] + b"\n"
    forged = edited(answer, "evidence/trust.json", lambda d: d.update(log=thief.verify_key.format()))
    forged["evidence/checkpoint"] = sign_note(text, thief).raw
    known = PinnedLog(log_key=world.vault.pins.log_key, genesis=world.vault.pins.genesis)
    verify_disclosure(forged)  # consistent in itself: that is why the desk's vault is compared
    with pytest.raises(NotProven, match=r"D1.*another log"):
        verify_disclosure(forged, known)
    verify_disclosure(answer, known)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(records=d["records"] - 1),
        lambda d: d.update(answers=3),
        lambda d: d.update(outside_period=1),
        lambda d: d.update(days_opened=[]),
        lambda d: d["cells"][0].update(superseded=True),
        lambda d: d["superseded_batches"].append("ab" * 16),
        lambda d: d["cells"][0].update(outside_period=1) or d.update(outside_period=1),
        lambda d: d["cells"][0].update(records=99),
        lambda d: d["cells"][0].update(status="unconfirmed"),
        lambda d: d["cells"][0].update(day="2016-09-03"),
        lambda d: d["cells"][0].update(segment="00" * 32),
        lambda d: d["cells"][0]["by"].append(d["cells"][0]["by"][0]),
        lambda d: d["cells"][0]["by"].append("stranger"),
        lambda d: d["custodians"].update(judge="no answer"),
        lambda d: d["custodians"].update(stranger="answered"),
        lambda d: d.update(close=d["intent"]),
        lambda d: d.update(draw=None),
        lambda d: d.update(intent=0),
        lambda d: d.update(authorization="00" * 32),
    ],
)
def test_outcome_that_the_log_does_not_bear_out_is_not_disclosed(answer, change):
    with pytest.raises(NotProven, match=r"D[235]"):
        verify_disclosure(edited(answer, "answer.json", change))
    verify_disclosure(edited(answer, "answer.json", lambda d: None))


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(more=1),
        lambda d: d.update(records="5"),
        lambda d: d.update(records=True),
        lambda d: d.update(format="coffer.answer/v1"),
        lambda d: d.update(format="coffer.answer/v2"),
        lambda d: d.update(format="coffer.answer/v3"),
        lambda d: d["cells"][0].update(outside_period=-1),
        lambda d: d["cells"][0].pop("outside_period"),
        lambda d: d.pop("repeated_records"),
        lambda d: d.pop("superseded_batches"),
        lambda d: d["cells"][0].update(by=[1]),
        lambda d: d["cells"][0].update(status="maybe"),
        lambda d: d["cells"].append(1),
    ],
)
def test_outcome_in_another_form_is_malformed(answer, change):
    with pytest.raises(MalformedInput, match=r"answer.json"):
        verify_disclosure(edited(answer, "answer.json", change))


def test_answer_with_a_file_missing_is_malformed(answer):
    for path in ("records.csv", "answer.json", *(p for p in answer if re.fullmatch(r"evidence/[a-z.]+|.*\.note", p))):
        with pytest.raises(CofferError, match=r"no such file|other indexes than"):
            verify_disclosure({name: raw for name, raw in answer.items() if name != path})


@given(data=st.data())
def test_one_changed_byte_of_what_is_disclosed_is_found(opened, data):
    answer = opened[1]
    path = data.draw(st.sampled_from(["records.csv", "evidence/checkpoint", "evidence/authorization.note"]))
    at = data.draw(st.integers(0, len(answer[path]) - 1))
    value = data.draw(st.integers(0, 255).filter(lambda v: v != answer[path][at]))
    changed = answer[path][:at] + bytes([value]) + answer[path][at + 1 :]
    with pytest.raises(CofferError, match=rf"^({re.escape(path)}|answer: D\d|authorization|note): "):
        verify_disclosure(answer | {path: changed})


@given(
    path=st.sampled_from(["answer.json", "evidence/trust.json", "evidence/proofs.json", "evidence/secrets.json"]),
    raw=st.binary(max_size=200) | st.from_regex(rb'\{"[a-z]{0,9}": [\[{0-9"]{0,4}[\]}]?', fullmatch=True),
)
def test_any_bytes_for_a_document_raise_only_families(opened, path, raw):
    with pytest.raises(CofferError, match=rf"^{re.escape(path)}: "):
        verify_disclosure(opened[1] | {path: raw})


def test_records_are_read_back_as_they_were_written(golden):
    raw = (GOLDEN / "records.csv").read_bytes()
    assert format_records(golden.rows, golden.devices) == raw
    assert parse_records(raw, SUBJECTS, "records.csv") == (golden.rows, ("imei", "imsi"))


@given(raw=st.binary(max_size=300) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_for_records_are_malformed_or_written_back_the_same(raw):
    header = b"subject,kind,direction,peer,start_utc,duration_s,answered,cell\n"
    for text in (raw, header + raw):
        try:
            rows, devices = parse_records(text, SUBJECTS, "records.csv")
        except MalformedInput:
            continue
        assert format_records(rows, devices) == text


@pytest.mark.parametrize("devices", [(), ("imei",), ("imsi",), ("imei", "imsi")])
def test_device_columns_are_there_only_where_a_segment_keeps_them(golden, devices):
    raw = format_records(golden.rows, devices)
    assert raw.splitlines()[0].endswith(",".join(["cell", *devices, "repeat"]).encode())
    rows, found = parse_records(raw, SUBJECTS, "records.csv")
    assert found == devices
    assert (rows[0].imei > "", rows[0].imsi > "") == ("imei" in devices, "imsi" in devices)


def test_twelve_records_as_json(golden):
    assert format_json(golden) == (GOLDEN / "records.json").read_bytes()
    assert json.loads(format_json(replace(golden, draw=None)))["log"]["draw"] is None


@pytest.mark.parametrize("change", ["empty", "cut", "other"])
def test_evidence_of_rows_that_is_not_of_the_cells_segments_is_not_disclosed(answer, change):
    whole = answer["evidence/segments"]
    changed = {"empty": b"", "cut": whole[:-1], "other": bytes([whole[0] ^ 1]) + whole[1:]}[change]
    with pytest.raises((NotProven, MalformedInput), match="evidence/segments"):
        verify_disclosure(answer | {"evidence/segments": changed})

"""Signatures in the order's files: what is said of each, what is not believed, and what a hostile file can do."""

import time

import pytest

from coffer.errors import MalformedInput
from coffer.signatures import asking
from coffer.signatures.asking import findings_in, read_anchors
from coffer.signatures.finding import Finding, format_findings, parse_findings
from coffer.signatures.look import TooMany, look
from signing import DAY, ORDER_XML, Identity, add_to_pdf, blank_pdf, sign_pdf, sign_xml

ROOT, OTHER = Identity("Example Root"), Identity("Other Root")
JUDGE = Identity("Judge A. Example", ROOT)
ANCHORS = [ROOT.der]


def flags(raw, anchors=ANCHORS):
    return [(one.is_intact, one.is_trusted, one.is_whole) for one in look(raw, anchors)]


SIGNED_PDF, SIGNED_XML = sign_pdf(blank_pdf(), JUDGE), sign_xml(ORDER_XML, JUDGE)


@pytest.mark.parametrize("raw", [SIGNED_PDF, SIGNED_XML], ids=["pdf", "xml"])
def test_whole_file_signed_by_whom_an_anchor_leads_to(raw):
    (one,) = look(raw, ANCHORS)
    assert "Judge A. Example" in one.signer
    assert one.sentence() == f"signed by {one.signer}; it covers the whole file; an anchor leads to it"


@pytest.mark.parametrize("raw", [SIGNED_PDF, SIGNED_XML], ids=["pdf", "xml"])
def test_signer_to_whom_no_anchor_leads_is_not_trusted(raw):
    assert flags(raw, [OTHER.der]) == [(True, False, True)]
    assert flags(raw, [OTHER.der, ROOT.der]) == [(True, True, True)]


@pytest.mark.parametrize("sign", [lambda who: sign_pdf(blank_pdf(), who), lambda who: sign_xml(ORDER_XML, who)])
def test_certificate_that_is_over_is_not_trusted(sign):
    assert flags(sign(Identity("Judge B", ROOT, ends=-DAY))) == [(True, False, True)]
    assert flags(sign(Identity("Judge B", ROOT))) == [(True, True, True)]


@pytest.mark.parametrize("sign", [lambda who: sign_pdf(blank_pdf(), who), lambda who: sign_xml(ORDER_XML, who)])
def test_certificate_that_names_a_trusted_issuer_and_is_not_its_is_not_trusted(sign):
    liar = Identity("Example Root")  # the same name, another key
    assert flags(sign(Identity("Judge A. Example", liar))) == [(True, False, True)]
    assert flags(sign(JUDGE)) == [(True, True, True)]


@pytest.mark.parametrize(
    ("raw", "changed"),
    [
        (SIGNED_PDF, SIGNED_PDF.replace(b"0 0 10 10 re", b"0 0 90 90 re", 1)),
        (SIGNED_XML, SIGNED_XML.replace(b". Example", b". Exampel", 1)),
    ],
    ids=["pdf", "xml"],
)
def test_changed_file_does_not_hold(raw, changed):
    assert changed != raw
    (one,) = look(changed, ANCHORS)
    assert (one.is_intact, one.is_trusted, one.is_whole) == (False, False, False)
    assert "does not hold" in one.sentence()
    assert flags(raw) == [(True, True, True)]


def test_pdf_with_something_added_later_is_covered_in_part():
    assert [one[2] for one in flags(add_to_pdf(SIGNED_PDF))] == [False]
    assert [one[2] for one in flags(SIGNED_PDF + b"\n% more\n")] == [False]


def test_xml_that_is_signed_in_part_says_so():
    inner = '<order><part Id="p">one record</part><rest>all records</rest></order>'
    assert flags(sign_xml(inner, JUDGE, part="p")) == [(True, True, False)]
    assert flags(sign_xml(inner, JUDGE)) == [(True, True, True)]


def test_xml_with_two_signatures_is_not_read_so_that_none_hides_behind_another():
    twice = SIGNED_XML.replace(b"</order>", SIGNED_XML[SIGNED_XML.index(b"<ds:Signature") :], 1)
    assert twice.count(b"<ds:Signature ") == 2
    with pytest.raises(TooMany, match="too many signatures"):
        look(twice, ANCHORS)
    assert findings_in(twice, ANCHORS) is None


def test_unsigned_files_have_no_finding():
    assert (
        look(blank_pdf(), ANCHORS) == look(b'<?xml version="1.0"?><order/>', ANCHORS) == look(b"\x89PNG", ANCHORS) == []
    )


def test_process_of_its_own_tells_the_same():
    assert findings_in(SIGNED_PDF, ANCHORS) == tuple(look(SIGNED_PDF, ANCHORS))


@pytest.mark.parametrize("raw", [b"%PDF-1.7 nothing more", b'<?xml version="1.0"?><order>'], ids=["pdf", "xml"])
def test_file_that_cannot_be_read_is_said_to_be_so(raw, capfd):
    assert findings_in(raw, ANCHORS) is None
    assert capfd.readouterr() == ("", ""), "what a stranger's file says is not written"


def test_entities_of_an_xml_unfold_to_nothing():
    bomb = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(12))
        + b"]><x>&m;</x>"
    )
    begun = time.monotonic()
    assert not findings_in(bomb, ANCHORS)
    assert time.monotonic() - begun < asking.MAX_SECONDS


def _hang(to, _raw, _anchors):
    to._send(b"\0\0\0\x10")  # the length of an answer, and no answer
    time.sleep(600)


def test_process_that_hangs_in_its_answer_is_ended(monkeypatch):
    monkeypatch.setattr(asking, "_look", _hang)
    monkeypatch.setattr(asking, "MAX_SECONDS", 1)
    assert findings_in(SIGNED_PDF, ANCHORS) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[1]",
        b'[{"signer": 1}]',
        b"[" * 100_000,
        format_findings([Finding(signer="x", is_intact=True, is_trusted=True, is_whole=True)] * 21),
    ],
)
def test_answer_of_another_form_is_refused(raw):
    with pytest.raises(MalformedInput, match="signatures: "):
        parse_findings(raw)


def test_findings_are_read_as_they_were_written():
    findings = look(SIGNED_XML, ANCHORS)
    assert parse_findings(format_findings(findings)) == tuple(findings)


def test_anchors_are_the_certificates_of_a_folder_and_nothing_else(tmp_path):
    with pytest.raises(MalformedInput, match="0 certificates, expected 1"):
        read_anchors(tmp_path)
    (tmp_path / "root.pem").write_bytes(ROOT.pem + OTHER.pem)
    (tmp_path / "judge.der").write_bytes(JUDGE.der)
    (tmp_path / "README").write_text("nothing")
    assert read_anchors(tmp_path) == (JUDGE.der, ROOT.der, OTHER.der)
    (tmp_path / "junk.crt").write_bytes(b"junk")
    with pytest.raises(MalformedInput, match=r"junk\.crt: not a certificate"):
        read_anchors(tmp_path)

"""The death certificate of a day: who can make one, what it rests on, and that nothing in it can be exchanged."""

import datetime as dt
import io
import json
import re
import zipfile

import pytest
from pypdf import PdfReader

from coffer.procedures.retire import run_retirement
from coffer_audit.answer.package import format_zip
from coffer_audit.cli import main as audit
from coffer_audit.day.audit import audit_certificate
from coffer_audit.day.page import format_page
from coffer_audit.day.words import WORDS
from coffer_audit.log.tree import Tree, hash_leaf, is_included
from world import PASSPHRASE, World

DAY = "2016-09-01"


@pytest.fixture(scope="module")
def retired(tmp_path_factory):
    """A vault of two days; judge and dpo have destroyed their keys of the first, and the regulator has not."""
    world = World.make(tmp_path_factory.mktemp("retired"), retention_days=30)
    world.epoch("2016-09-01", "2016-09-03")
    world.ingest("+33612345678,+33698765432,2016-09-01 10:00:00,60\n+33612345678,+33698765432,2016-09-02 10:00:00,60\n")
    world.now = dt.datetime(2016, 10, 1, tzinfo=dt.UTC)
    run_retirement(world.vault, world.custodians("judge", "dpo"), passphrase=lambda _name: PASSPHRASE)
    return world


def make(world, path, day=DAY):
    return audit(["day", day, str(world.vault.path), "-o", str(path)])


@pytest.fixture
def certificate(retired, tmp_path):
    path = tmp_path / "day.zip"
    assert make(retired, path) == 0
    return path


def pins_of(world):
    return ["--log-key", world.vault.pins.log_key.format(), "--genesis", world.vault.pins.genesis.hex()]


def changed(path, name, change):
    """The certificate with one file changed; None leaves it out."""
    with zipfile.ZipFile(path) as whole:
        files = {item: whole.read(item) for item in whole.namelist()}
    files[name] = change(files[name]) if change else b""
    if not files[name]:
        del files[name]
    target = path.with_name("changed.zip")
    target.write_bytes(format_zip(sorted(files.items())))
    return target


def test_a_dead_day_is_certified_and_proven_without_the_vault(retired, certificate, capsys):
    assert audit(["certificate", str(certificate), "--json", *pins_of(retired)]) == 0
    said = json.loads(capsys.readouterr().out.partition("{")[2].join("{ "))
    assert [item["custodian"] for item in said["destroyed"]] == ["judge", "dpo"]
    (rule,) = said["rules"]
    assert (rule["rule"], rule["segments"], rule["left"]) == ("base", 1, ["regulator"])
    assert said["pins_given"] is True
    assert audit(["certificate", str(certificate)]) == 0
    told = capsys.readouterr().out
    assert "under rule base: 2 of judge,dpo,regulator" in told
    assert "keys not destroyed: regulator: too few for the rule" in told


def test_equal_logs_give_equal_certificates_of_that_day_alone(retired, certificate, tmp_path):
    assert make(retired, tmp_path / "again.zip") == 0
    assert (tmp_path / "again.zip").read_bytes() == certificate.read_bytes()
    names = zipfile.ZipFile(certificate).namelist()
    kinds = [retired.vault.log.entries(int(name[8:-5]), int(name[8:-5]) + 1) for name in names if name.startswith("e")]
    days = {line for raw in kinds for line in b"".join(raw).split(b"\n") if line.startswith(b"day: ")}
    assert days == {b"day: 2016-09-01"}


def test_a_day_that_can_be_opened_and_one_without_segments_are_not_certified(retired, tmp_path, capsys):
    assert make(retired, tmp_path / "living.zip", "2016-09-02") == 3
    assert "rule base is still satisfied by judge, dpo, regulator" in capsys.readouterr().err
    assert make(retired, tmp_path / "empty.zip", "2016-09-03") == 3
    assert "found no segment of that day" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(retired, certificate, tmp_path):
    before = certificate.read_bytes()
    assert make(retired, certificate) == 2
    assert certificate.read_bytes() == before
    page = tmp_path / "page.pdf"
    page.write_bytes(b"mine")
    assert audit(["certificate", str(certificate), "--pdf", str(page)]) == 2
    assert page.read_bytes() == b"mine"


def test_every_exchanged_or_missing_part_is_found(certificate):
    names = zipfile.ZipFile(certificate).namelist()
    for name in names:
        if name != "certificate.json":
            assert audit(["certificate", str(changed(certificate, name, None))]) in (2, 3), name
        swapped = changed(certificate, name, lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]))
        assert audit(["certificate", str(swapped)]) in (2, 3), name
    other = changed(certificate, "certificate.json", lambda raw: raw.replace(b"2016-09-01", b"2016-09-02"))
    assert audit(["certificate", str(other)]) == 3
    assert audit(["certificate", str(certificate)]) == 0


def test_a_destruction_that_is_left_out_with_its_proof_makes_the_day_alive(certificate, capsys):
    capsys.readouterr()
    assert audit(["certificate", str(certificate), "--json"]) == 0
    number = json.loads(capsys.readouterr().out)["destroyed"][0]["entry"]
    without = changed(certificate, f"entries/{number}.note", None)

    def drop(raw):
        proofs = json.loads(raw)
        del proofs[str(number)]
        return json.dumps(proofs, indent=1).encode()

    without.replace(certificate)
    assert audit(["certificate", str(changed(certificate, "proofs.json", drop))]) == 3
    assert "is still satisfied by judge, regulator" in capsys.readouterr().err


def test_a_checkpoint_of_another_log_is_refused_by_the_pins(certificate, tmp_path):
    other = World.make(tmp_path / "other", retention_days=30)
    assert audit(["certificate", str(certificate), *pins_of(other)]) == 3


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_page_says_what_it_proves_and_what_it_cannot(certificate, tmp_path, language):
    page = tmp_path / "day.pdf"
    assert audit(["certificate", str(certificate), "--pdf", str(page), "--language", language]) == 0
    reader = PdfReader(io.BytesIO(page.read_bytes()))
    assert len(reader.pages) == 1
    text = "".join(reader.pages[0].extract_text().split())
    for said in (DAY, "judge", "dpo", "regulator", WORDS[language]["proves"], WORDS[language]["cannot"]):
        assert "".join(said.split()) in text
    assert format_page(audit_certificate(certificate, None, None), language, "day.zip") == page.read_bytes()


def test_languages_say_the_same():
    assert WORDS["en"].keys() == WORDS["fr"].keys()
    for key, text in WORDS["en"].items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", WORDS["fr"][key]))


def test_proofs_of_inclusion_of_every_entry_lead_to_the_root_of_every_size():
    leaves = [hash_leaf(bytes([n])) for n in range(33)]
    tree = Tree(leaves)
    for size in range(1, 34):
        root = tree.root_at(size)
        for index in range(size):
            proof = tree.prove_included(index, size)
            assert is_included(leaves[index], index, size, proof, root), (index, size)

"""The signed package: what the independent auditor takes, and that one changed byte anywhere is found."""

import datetime as dt
import io
import json
import struct
import zipfile
import zlib
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffer.disclosure import package, pdf_texts
from coffer.disclosure.formats import FORMATS, Rendering, parse_formats, render
from coffer.disclosure.package import format_manifest, format_package
from coffer.disclosure.pdf import PdfStyle
from coffer.disclosure.readme_texts import README_TEXTS
from coffer.disclosure.verified import verify_disclosure
from coffer.errors import MalformedInput, NotProven, Refused
from coffer.notes.keys import Secret, SigningKey
from coffer.notes.note import sign_note
from coffer.vault.operator import DESK
from coffer_audit.answer.package import PackageFiles
from coffer_audit.answer.package import parse_zip as parse_zip_views
from coffer_audit.cli import main as audit
from coffer_audit.errors import AuditError
from zips import format_zip


def parse_zip(raw):
    return [(name, bytes(content)) for name, content in parse_zip_views(raw)]


NOW = dt.datetime(2016, 9, 5, 12, 0, 0, tzinfo=dt.UTC)
RENDERING = Rendering(formats=FORMATS, style=PdfStyle(language="fr", zone=ZoneInfo("Europe/Paris")))


@pytest.fixture(scope="module")
def parts(opened):
    """The disclosure, its forms and the desk's key."""
    world, answer = opened
    disclosure = verify_disclosure(answer)
    return disclosure, render(disclosure, RENDERING, now=NOW), world.vault.operator_key(DESK)


@pytest.fixture(scope="module")
def packed(parts):
    disclosure, forms, key = parts
    return format_package(disclosure, forms, key)


def verdict(raw, tmp_path, *options):
    path = tmp_path / "package.zip"
    path.write_bytes(raw)
    return audit(["answer", str(path), *options])


def repacked(parts, change):
    """A package whose manifest the desk signed over changed files: what only a thief of its key could make."""
    disclosure, forms, key = parts
    files = change(dict(disclosure.files) | forms)
    manifest = format_manifest(disclosure, files, key).raw
    return format_zip([("MANIFEST", manifest), *sorted(files.items())])


def swapped(packed, change):
    """The package with other entries and the manifest that was signed."""
    return format_zip(change(parse_zip(packed)))


def test_package_is_audited_like_the_folder(opened, packed, tmp_path, capsys):
    world, _ = opened
    assert verdict(packed, tmp_path, "--vault", str(world.vault.path)) == 0
    said = capsys.readouterr().out
    assert "0 package: manifest signed by the requester, every file as it lists: OK" in said
    assert "12 complete against the vault's log: OK" in said
    pins = world.vault.pins
    assert verdict(packed, tmp_path, "--log-key", pins.log_key.format(), "--genesis", pins.genesis.hex()) == 0


def test_package_holds_every_form_and_equal_inputs_give_equal_bytes(parts, packed):
    disclosure, forms, key = parts
    assert format_package(disclosure, forms, key) == packed
    names = [name for name, _ in parse_zip(packed)]
    assert names[0] == "MANIFEST"
    assert names[1:] == sorted(names[1:])
    assert {"records.csv", "answer.json", "record.pdf", "records.json", "etsi/response-0001.xml", "README.txt"} <= set(
        names
    )
    assert {name for name in names if name.startswith("evidence/")} == {n for n in disclosure.files if "/" in n}


@pytest.mark.parametrize("language", pdf_texts.LANGUAGES)
def test_readme_is_in_the_language_of_the_package_and_names_the_same_files(parts, tmp_path, language):
    disclosure, forms, key = parts
    raw = format_package(disclosure, forms, key, language=language)
    readme = dict(parse_zip(raw))["README.txt"].decode()
    assert verdict(raw, tmp_path) == 0
    lines = README_TEXTS["en"].splitlines()
    named = [line.split(" ")[0] for line in lines if line[18:19] == " " and line[:1].strip()]
    assert len(named) == 8
    assert [name for name in named if f"\n{name} " not in readme] == []
    assert "    coffer-audit answer PACKAGE.zip --log-key KEY --genesis HASH\n" in readme
    assert max(map(len, readme.splitlines())) <= 120


def test_any_zip_program_unpacks_it_to_an_answer_that_is_audited(packed, tmp_path):
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "unpacked")
    assert audit(["answer", str(tmp_path / "unpacked")]) == 0


@given(data=st.data())
def test_one_changed_byte_anywhere_in_a_package_is_found(packed, data):
    """Form, hashes and signature, as the first step of the audit takes them."""
    at = data.draw(st.integers(0, len(packed) - 1))
    value = data.draw(st.integers(1, 255))
    changed = bytearray(packed)
    changed[at] ^= value
    verify(packed)
    with pytest.raises(AuditError, match=r"^package(: found other bytes| byte \d+: found a name or size)"):
        verify(bytes(changed))


def test_every_changed_byte_of_the_manifest_and_of_the_zips_own_fields_is_found(packed):
    size = struct.unpack("<I", packed[22:26])[0]
    directory = struct.unpack("<I", packed[-6:-2])[0]
    own = [*range(38 + size), *range(directory, len(packed))]
    for at in own[:: max(1, len(own) // 400)]:
        changed = bytearray(packed)
        changed[at] ^= 1
        with pytest.raises(AuditError, match=r"^package: found other bytes"):
            verify(bytes(changed))


@given(cut=st.integers(0, 4000), more=st.binary(min_size=1, max_size=50))
def test_a_package_cut_short_or_with_something_behind_or_before_it_is_found(packed, cut, more):
    for changed in (packed[: len(packed) - 1 - cut], packed + more, more + packed):
        with pytest.raises(AuditError, match=r"^package"):
            verify(changed)


@given(raw=st.binary(max_size=300) | st.binary(max_size=300).map(lambda b: b"PK\x03\x04" + b))
def test_any_bytes_for_a_package_raise_only_families(raw):
    with pytest.raises(AuditError, match=r"^package"):
        PackageFiles(raw)


def verify(raw):
    """What step 0 of the audit does, on bytes."""
    from coffer_audit.answer.authorization import parse_authorization

    files = PackageFiles(raw)
    paper = parse_authorization(files.read("evidence/authorization.note", 1 << 16))
    files.verify_manifest(paper.origin, paper.commitment, paper.key)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda files: [*files, ("zz.txt", b"x")], 3),
        (lambda files: files[:-1], 3),
        (lambda files: [(n, b"x" if n == "record.pdf" else raw) for n, raw in files], 3),
        (lambda files: [files[0], *files[:0:-1]], 2),
        (lambda files: [*files, files[-1]], 2),
        (lambda files: files[1:], 2),
        (lambda files: [*files, ("/etc/passwd", b"x")], 2),
        (lambda files: [*files, ("zz/../../x", b"x")], 2),
        (lambda files: [*files, ("zz//x", b"x")], 2),
        (lambda files: [*files, ("zz/", b"")], 2),
        (lambda files: [*files, ("zz\\x", b"x")], 2),
        (lambda files: [*files, (".hidden", b"x")], 2),
    ],
)
def test_package_with_a_file_added_removed_changed_or_with_a_hostile_path_is_found(packed, tmp_path, change, code):
    assert verdict(swapped(packed, change), tmp_path) == code
    assert verdict(swapped(packed, lambda files: files), tmp_path) == 0


def zipped(packed, change=lambda info: None, method=zipfile.ZIP_STORED, extra=()):
    """The same files by the library, with something in its fields changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, raw in [*parse_zip(packed), *extra]:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr, info.compress_type = 3, 0o100600 << 16, method
            change(info)
            archive.writestr(info, raw)
    return out.getvalue()


def test_package_with_a_symbolic_link_is_found(packed, tmp_path):
    def link(info):
        if info.filename == "record.pdf":
            info.external_attr = 0o120777 << 16

    assert verdict(zipped(packed, link), tmp_path) == 2
    assert verdict(zipped(packed), tmp_path) == 0


def test_package_that_unpacks_to_something_huge_is_not_unpacked(packed, tmp_path):
    bomb = zipped(packed, method=zipfile.ZIP_DEFLATED, extra=[("zz.txt", bytes(10_000_000))])
    assert len(bomb) < 10_000_000
    assert verdict(bomb, tmp_path) == 2


@pytest.mark.parametrize("field", ["date_time", "comment", "extra"])
def test_package_with_something_hidden_in_the_fields_of_its_zip_is_found(packed, tmp_path, field):
    values = {"date_time": (2016, 9, 5, 12, 0, 0), "comment": b"x", "extra": struct.pack("<HH", 0x9999, 0)}
    assert verdict(zipped(packed, lambda info: setattr(info, field, values[field])), tmp_path) == 2


def test_package_signed_by_another_key_than_the_requesters_is_found(opened, parts, packed, tmp_path):
    disclosure, forms, key = parts
    thief = SigningKey("desk", Secret(bytes(32), "seed"))
    with pytest.raises(NotProven, match="not the requester's"):
        format_package(disclosure, forms, thief)
    text = parse_zip(packed)[0][1].partition(b"\n\n")[0] + b"\n"
    for note in (
        sign_note(text, thief),
        sign_note(text, key, thief),
        sign_note(text, opened[0].vault.operator_key("ingester")),
    ):
        assert verdict(swapped(packed, lambda files, raw=note.raw: [("MANIFEST", raw), *files[1:]]), tmp_path) == 3
    same = sign_note(text, key).raw
    assert verdict(swapped(packed, lambda files: [("MANIFEST", same), *files[1:]]), tmp_path) == 0


def test_desk_that_signs_changed_records_is_found_by_the_evidence(parts, tmp_path, capsys):
    def change(files):
        return files | {"records.csv": files["records.csv"].replace(b",125,", b",126,")}

    assert verdict(repacked(parts, change), tmp_path) == 3
    said = capsys.readouterr().out
    assert "0 package: manifest signed by the requester, every file as it lists: OK" in said
    assert "records.csv: found other bytes than the evidence gives" in said
    assert verdict(repacked(parts, lambda files: files), tmp_path) == 0


def test_desk_that_takes_evidence_out_of_a_package_is_found(parts, tmp_path):
    def change(files):
        return {name: raw for name, raw in files.items() if not name.endswith(".reply")}

    assert verdict(repacked(parts, change), tmp_path) == 3


def test_manifest_of_another_authorization_is_found(opened, parts, packed, tmp_path):
    _, _, key = parts
    text = parse_zip(packed)[0][1].partition(b"\n\n")[0] + b"\n"
    old = next(line for line in text.splitlines() if line.startswith(b"authorization: "))
    other = sign_note(text.replace(old, b"authorization: " + b"00" * 32), key).raw
    assert verdict(swapped(packed, lambda files: [("MANIFEST", other), *files[1:]]), tmp_path) == 3


def test_package_of_more_files_or_bytes_than_it_may_hold_is_refused(parts, packed, monkeypatch):
    disclosure, forms, key = parts
    count = len(parse_zip(packed))
    monkeypatch.setattr(package, "MAX_FILES", count - 1)
    with pytest.raises(Refused, match=f"{count - 1} files, expected at most {count - 2}"):
        format_package(disclosure, forms, key)
    monkeypatch.setattr(package, "MAX_FILES", count)
    assert format_package(disclosure, forms, key) == packed
    monkeypatch.setattr(package, "MAX_PACKAGE_BYTES", 1000)
    with pytest.raises(Refused, match="1000 bytes in all"):
        format_package(disclosure, forms, key)


def test_manifest_longer_than_a_log_entry_is_taken(parts):
    disclosure, forms, key = parts
    more = {f"evidence/requests/{n:064}.digest": b"x" for n in range(500)}
    raw = format_package(replace(disclosure, files=dict(disclosure.files) | more), forms, key)
    assert len(parse_zip(raw)[0][1]) > 65_535
    verify(raw)


def test_the_zip_is_the_one_on_the_page():
    """Byte by byte, as docs/formats/disclosure.md has it."""
    crc = zlib.crc32(b"x")
    fields = struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0x21, crc, 1, 1, 1, 0)
    local = b"PK\x03\x04" + fields + b"a" + b"x"
    central = b"PK\x01\x02" + b"\x14\x03" + fields + bytes(6) + struct.pack("<II", 0o100600 << 16, 0) + b"a"
    end = b"PK\x05\x06" + bytes(4) + struct.pack("<HHII", 1, 1, len(central), len(local)) + bytes(2)
    assert package.zip_files({"a": b"x"}) == format_zip([("a", b"x")]) == local + central + end


def test_forms_that_are_not_known_are_malformed():
    assert parse_formats("json,csv", "--format") == ("csv", "json")
    for text in ("", "csv,csv", "xml", "csv, pdf", "CSV"):
        with pytest.raises(MalformedInput, match="--format: expected some of csv,etsi,pdf,json"):
            parse_formats(text, "--format")


def test_forms_are_those_asked_for(parts):
    disclosure, forms, _ = parts
    made = {
        name: list(render(disclosure, Rendering(formats=(name,), style=RENDERING.style), now=NOW)) for name in FORMATS
    }
    assert made == {
        "csv": ["records.csv"],
        "etsi": ["etsi/response-0001.xml"],
        "pdf": ["record.pdf"],
        "json": ["records.json"],
    }
    assert json.loads(forms["records.json"])["format"] == "coffer.records/v4"

import coffer_audit.errors
import coffer_audit.notes
import coffer_audit.segments
import coffer_audit.wire
import reference as ref
from coffer.errors import NotProven
from coffer.notes.cosign import parse_cosign_vkey
from coffer.notes.keys import parse_vkey
from coffer.notes.note import parse_note
from known_answers.vector import runner


@runner("note", "key", body=True)
def run_note(vector, _):
    vkey = vector.text("key")
    if not vector.is_refused(lambda: parse_note(vector.body, "note").verify_signed_by(parse_vkey(vkey, "key"))):
        assert parse_note(vector.body, "note").raw == vector.body

    def audit():
        note = coffer_audit.notes.parse_note(vector.body, "note")
        if not coffer_audit.notes.verify_signers(note, [coffer_audit.notes.parse_vkey(vkey, "key")], "note"):
            raise coffer_audit.errors.NotProven("not signed")

    vector.is_refused(audit)


@runner("cosignature", "key", found="time?", body=True)
def run_cosignature(vector, _):
    vkey = vector.text("key")

    def time_of():
        found = parse_cosign_vkey(vkey, "key").time_of(parse_note(vector.body, "note", may_be_cosigned=True))
        if found is None:
            raise NotProven("not cosigned")
        return found

    if not vector.is_refused(time_of):
        assert time_of() == vector.int("time")

    def audit():
        note = coffer_audit.notes.parse_note(vector.body, "note", cosigned=True)
        witness = coffer_audit.notes.parse_vkey(vkey, "key", kinds=(coffer_audit.notes.COSIGNATURE,))
        if not coffer_audit.notes.verify_signers(note, [witness], "note"):
            raise coffer_audit.errors.NotProven("not cosigned")

    vector.is_refused(audit)


@runner("vkey", "text", found="public")
def run_vkey(vector, _):
    text = vector.text("text")
    for parse in (parse_vkey, coffer_audit.notes.parse_vkey):
        if not vector.is_refused(lambda parse=parse: parse(text, "key")):
            assert parse(text, "key").public == vector.bytes("public")
    if vector.expect == "ok":
        assert parse_vkey(text, "key").format() == text == ref.vkey(text.split("+")[0], vector.bytes("public"))

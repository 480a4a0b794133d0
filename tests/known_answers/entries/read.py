import coffer_audit.entries.parse
from coffer.ledger.grammar import format_entry, parse_entry
from coffer.ledger.roster import parse_roster
from coffer.notes.note import parse_note
from known_answers.vector import runner


@runner("roster", "", found="hash", body=True)
def run_roster(vector, _):
    if not vector.is_refused(lambda: parse_roster(parse_entry(vector.body, "entry").note.text, "roster")):
        assert parse_roster(parse_note(vector.body, "entry").text, "roster").hash == vector.bytes("hash")
    if not vector.is_refused(lambda: coffer_audit.entries.parse.parse_entry(vector.body)):
        assert coffer_audit.entries.parse.parse_entry(vector.body).body.hash == vector.bytes("hash").hex()


@runner("entry", "", body=True)
def run_entry(vector, _):
    if not vector.is_refused(lambda: parse_entry(vector.body, "entry")):
        entry = parse_entry(vector.body, "entry")
        assert format_entry(entry.body, origin=entry.origin, time=entry.time) == entry.note.text
    vector.is_refused(lambda: coffer_audit.entries.parse.parse_entry(vector.body))

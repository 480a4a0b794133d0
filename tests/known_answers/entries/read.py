import coffer_audit.authorization
import coffer_audit.entries
import coffer_audit.exchange
import coffer_audit.log
import coffer_audit.notes
import coffer_audit.segments
import coffer_audit.state
import coffer_audit.wire
from coffer.ledger.entries import format_entry, parse_entry
from coffer.ledger.roster import parse_roster
from coffer.notes.note import parse_note
from known_answers.vector import runner


@runner("roster", "", found="hash", body=True)
def run_roster(vector, _):
    if not vector.is_refused(lambda: parse_roster(parse_entry(vector.body, "entry").note.text, "roster")):
        assert parse_roster(parse_note(vector.body, "entry").text, "roster").hash == vector.bytes("hash")
    if not vector.is_refused(lambda: coffer_audit.entries.parse_entry(vector.body)):
        assert coffer_audit.entries.parse_entry(vector.body).body.hash == vector.bytes("hash").hex()


@runner("entry", "", body=True)
def run_entry(vector, _):
    if not vector.is_refused(lambda: parse_entry(vector.body, "entry")):
        entry = parse_entry(vector.body, "entry")
        assert format_entry(entry.body, origin=entry.origin, time=entry.time) == entry.note.text
    vector.is_refused(lambda: coffer_audit.entries.parse_entry(vector.body))

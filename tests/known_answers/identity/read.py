import numpy as np
import pyarrow as pa

import coffer_audit.answer.authorization
import reference as ref
from coffer.identity.columns import Fault, IdentityRules, parse_identities
from coffer.identity.habits import Habits
from coffer.identity.identifier import IdentityType, hashed_sid, parse_email, parse_subject
from coffer.identity.numbering import home_plan
from known_answers.vector import runner


@runner("subject", "text", found="sid country")
def run_subject(vector, _):
    text = vector.text("text")
    if not vector.is_refused(lambda: parse_subject(text, "subject")):
        found = parse_subject(text, "subject")
        assert (found.sid, found.country(), found.format()) == (vector.bytes("sid"), vector.text("country"), text)
        assert found.sid == ref.sid_of_subject(text)
        assert coffer_audit.answer.authorization.parse_subject(text).sid == found.sid
        assert text.partition(":")[2][:4] not in repr(found)
    elif text.startswith(("mailto:", "imsi:", "imei:")):  # of numbers the auditor has no table
        vector.is_refused(lambda: coffer_audit.answer.authorization.parse_subject(text))


@runner("email", "text", found="form sid")
def run_email(vector, _):
    text = vector.text("text")
    if not vector.is_refused(lambda: parse_email(text, "address")):
        form = parse_email(text, "address")
        assert form == vector.text("form")
        assert parse_email(form, "address") == form
        assert hashed_sid(IdentityType.EMAIL, form, "") == ref.sid_email(form) == vector.bytes("sid")


@runner("column", "text kind home", found="type number? fault? found-text?")
def run_column(vector, _):
    rules = IdentityRules(habits=Habits(home=home_plan(vector.word("home"), "home")), local_identities=False)
    found = parse_identities(pa.array([vector.text("text")]), np.array([vector.int("kind")], np.uint8), rules)
    fault = vector.word("fault") if "fault" in vector else "NONE"
    assert Fault(int(found.fault[0])).name == fault
    assert int(found.type[0]) == vector.int("type")
    assert int(found.number[0]) == (vector.int("number") if "number" in vector else 0)
    assert found.text[0].as_py() == (vector.text("found-text") if "found-text" in vector else None)

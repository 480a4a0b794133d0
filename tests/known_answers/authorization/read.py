import datetime as dt

import coffer_audit.answer.authorization
import reference as ref
from coffer.authority.authorization import format_terms, parse_authorization
from coffer.custodian.approvals import Approved
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.keys import CustodianKeys
from coffer.disk import Disk
from coffer.notes.keys import Secret
from known_answers.vector import runner


@runner("authorization", "", found="roster commitment", body=True)
def run_authorization(vector, _):
    if not vector.is_refused(lambda: parse_authorization(vector.body, "note")):
        found = parse_authorization(vector.body, "note")
        assert (found.commitment, found.terms.roster) == (vector.bytes("commitment"), vector.bytes("roster"))
        assert format_terms(found.terms) == found.note.text
        assert ref.commitment(found.note.text, found.terms.roster) == found.commitment
    if not vector.is_refused(lambda: coffer_audit.answer.authorization.parse_authorization(vector.body)):
        assert (
            coffer_audit.answer.authorization.parse_authorization(vector.body).commitment
            == vector.bytes("commitment").hex()
        )


@runner("approvals", "key commitment", body=True)
def run_approvals(vector, tmp_path):
    folder = CustodianFolder(tmp_path / "judge", Disk(), origin="x")
    folder.path.mkdir()
    keys = CustodianKeys(auth=None, resp=None, req=None, approvals=Secret(vector.bytes("key"), "key"), wrapping=None)
    (folder.path / "approvals").write_bytes(vector.body)
    if not vector.is_refused(lambda: folder.approvals(keys)):
        assert folder.approvals(keys) == {item for item in vector.many("commitment") if item}
        added = bytes([9]) * 32
        folder.append_decision(Approved(commitment=added), dt.datetime(2016, 9, 6, tzinfo=dt.UTC), keys)
        assert folder.approvals(keys) == {item for item in vector.many("commitment") if item} | {added}

from coffer.custodian.approvals import parse_approvals
from coffer.custodian.keys import CustodianKeys
from coffer.custodian.people_file import parse_people
from coffer.notes.keys import Secret
from coffer_audit.approvals.agreements import parse_agreements, verify_note, verify_requests, verify_signature
from coffer_audit.notes import parse_vkey
from known_answers.vector import runner


def keys_of(vector):
    return CustodianKeys(auth=None, resp=None, req=None, approvals=Secret(vector.bytes("key"), "key"), wrapping=None)


def history_of(vector, raw):
    return parse_people(raw, keys_of(vector).people, context=vector.text("context").encode(), place="judge")


@runner("people", "key context", found="required person", body=True)
def run_people(vector, _):
    if not vector.is_refused(lambda: history_of(vector, vector.body)):
        people = history_of(vector, vector.body).now
        assert people.required == vector.int("required")
        ids = {passkey.id for person in people.persons.values() for passkey in person.passkeys}
        assert ids == {item for item in vector.many("person") if item}


@runner("decided", "key context custodian people", found="commitment ratified?", body=True)
def run_decided(vector, _):
    history = history_of(vector, vector.bytes("people"))

    def parse():
        own = keys_of(vector).decisions
        return parse_approvals(vector.body, own, history, custodian=vector.word("custodian"), place="judge")

    if not vector.is_refused(parse):
        ratified = {one.intent for one in parse().ratified}
        assert ratified == ({vector.int("ratified")} if "ratified" in vector else set())
        assert parse().in_force == {item for item in vector.many("commitment") if item}


@runner("agreements", "auth commitment text", body=True)
def run_agreements(vector, _):
    """The auditor alone reads these files."""

    def verify():
        agreements = parse_agreements(vector.body)
        verify_signature(agreements, parse_vkey(vector.word("auth"), "auth"))
        verify_requests(agreements)
        verify_note(agreements, vector.bytes("commitment").hex(), vector.bytes("text"))

    vector.is_refused(verify)

import coffer_audit.answer.authorization
from coffer.authority.amended import parse_amended
from known_answers.vector import runner


@runner("amended", "", found="commitment limit", body=True)
def run_amended(vector, _):
    for parse in (lambda: parse_amended(vector.body, "note"), _by_auditor(vector)):
        if not vector.is_refused(parse):
            found = parse()
            commitment = found.commitment if isinstance(found.commitment, str) else found.commitment.hex()
            assert (commitment, found.limit) == (vector.bytes("commitment").hex(), vector.int("limit"))
            assert found.raw == vector.body


def _by_auditor(vector):
    return lambda: coffer_audit.answer.authorization.parse_authorization(vector.body)

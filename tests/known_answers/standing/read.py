import datetime as dt

import reference as ref
from coffer.authority.authorization import parse_authorization
from coffer.custody import questions, standing
from coffer.custody.check_words import check_words
from coffer.errors import NotProven
from coffer.ledger.roster import Custodian, parse_roster
from coffer.notes.keys import Secret, SigningKey, parse_vkey
from known_answers.parties import AUTH, RESP
from known_answers.vector import runner


@runner("check-words", "custodian nonce word", body=True)
def run_check_words(vector, _):
    authorization = parse_authorization(vector.body, "note")
    words = check_words(authorization, vector.word("custodian"), vector.bytes("nonce"))
    assert list(words) == vector.many("word", str)


@runner("query", "key roster index raw", found="hash commitment")
def run_query(vector, _):
    raw, key = vector.bytes("raw"), parse_vkey(vector.text("key"), "key")

    def verify():
        query = standing.parse_query(raw)
        assert query.raw == raw
        if not query.is_signed_by(key, vector.bytes("roster"), vector.int("index")):
            raise NotProven("query")

    if not vector.is_refused(verify):
        query = standing.parse_query(raw)
        assert (query.hash, query.commitment) == (vector.bytes("hash"), vector.bytes("commitment"))
        assert query.is_fresh(query.time + dt.timedelta(minutes=15))
        assert not query.is_fresh(query.time + dt.timedelta(minutes=15, seconds=1))
        assert standing.standing_info(query.hash, 3) == ref.standing_info(query.hash, 3)


@runner("standing", "query auth resp raw", found="report", body=True)
def run_standing(vector, _):
    query, raw = standing.parse_query(vector.bytes("query")), vector.bytes("raw")
    auth, resp = (parse_vkey(vector.text(name), name) for name in ("auth", "resp"))
    member = Custodian(index=1, name="judge", auth=auth, resp=resp, req=bytes(1216))
    authorization = parse_authorization(vector.body, "note")

    def verify():
        return standing.verify_standing(raw, query=query, authorization=authorization, member=member)

    if not vector.is_refused(verify):
        found = verify()
        assert found.format() == vector.bytes("report")
        own = SigningKey("judge/resp", Secret(RESP["judge"].seed, "seed"))
        assert standing.sign_standing(found, query, own) == raw


@runner("explanation", "key raw", found="commitment question", body=True)
def run_explanation(vector, _):
    roster, requester, raw = (
        parse_roster(vector.body, "roster"),
        parse_vkey(vector.text("key"), "key"),
        vector.bytes("raw"),
    )

    def verify():
        return questions.verify_explanation(raw, roster, requester, "explanation")

    if not vector.is_refused(verify):
        told = verify()
        assert told.question.authorization == vector.bytes("commitment")
        assert told.question.text.encode("utf-8") == vector.bytes("question")
        assert told.raw == raw
        key = parse_vkey(AUTH["judge"].vkey, "auth")
        assert questions.parse_question(questions.format_question(told.question, key), "question") == told.question

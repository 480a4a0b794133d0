import reference as ref
from known_answers.authorization.make import authorization_text
from known_answers.entries.make import GENESIS, hexes
from known_answers.parties import AUTH, DESK

ROSTER = ref.roster_hash(GENESIS)
GOOD = authorization_text()
COMMITMENT = ref.commitment(GOOD, ROSTER)
NAMED = COMMITMENT.hex()
ORDER = {
    "issued_by": "prosecutor",
    "issued_in": "union",
    "received": "2016-09-12T09:00:00+02:00",
    "due": [],
    "order": [f"{hexes('more')} 512"],
    "authority": "Prosecutor of Example",
    "basis": "Act 1, section 2; case 3/2016, extended",
}
"""What an amendment says of itself, as another order than the authorization's."""


def amendment_text(*, amends=NAMED, limit="500", **changes):
    """An amendment of the authorization; ``amends``: the value of that line, None without it."""
    text = authorization_text(id=hexes("id of more", 16), salt=hexes("salt of more"), **ORDER | changes)
    line = b"" if amends is None else f"amends: {amends}\n".encode()
    text = text.replace(b"coffer.authorization/v3\n", b"coffer.amend/v1\n")
    return text.replace(b"max-records: 200\n", line + f"max-records: {limit}\n".encode())


def make(out):
    def add(name, expect, *texts, limit=0):
        fields = {"commitment": COMMITMENT, "limit": limit} if expect == "ok" else {}
        body = b"".join(ref.note(text, DESK, AUTH["judge"]) for text in texts)
        out.add(f"amendment/{name}", expect, "amended", **fields, body=body)

    good = amendment_text()
    add("none", "ok", GOOD, limit=200)
    add("ordinary", "ok", GOOD, good, limit=500)
    add("one-more", "ok", GOOD, amendment_text(limit="201"), limit=201)
    add("a-million", "ok", GOOD, amendment_text(limit="1000000"), limit=1_000_000)
    add("of-the-same-order", "ok", GOOD, amendment_text(**SAME), limit=500)
    add("the-same-limit", "parse", GOOD, amendment_text(limit="200"))
    add("a-lower-limit", "parse", GOOD, amendment_text(limit="199"))
    add("over-a-million", "parse", GOOD, amendment_text(limit="1000001"))
    add("alone", "parse", good)
    add("before-its-authorization", "parse", good, GOOD)
    add("two", "parse", GOOD, good, amendment_text(limit="600"))
    add("of-an-amendment", "parse", good, amendment_text(amends=ref.commitment(good, ROSTER).hex(), limit="600"))
    add("of-another", "parse", GOOD, amendment_text(amends=hexes("another")))
    add("of-nobody", "parse", GOOD, amendment_text(amends=None))
    add("amends-in-an-authorization", "parse", good.replace(b"coffer.amend/v1", b"coffer.authorization/v3"))
    add("version-2", "parse", GOOD, good.replace(b"amend/v1", b"amend/v2"))
    add("amends-after-max-records", "parse", GOOD, _moved(good))
    for name, changes in OTHER.items():
        add(f"other-{name}", "parse", GOOD, amendment_text(**changes))


SAME = {
    "issued_by": "court",
    "issued_in": "home",
    "received": "2016-09-05T09:30:00+02:00",
    "due": "2016-09-15T09:30:00+02:00",
    "order": [f"{hexes('order')} 48213"],
    "authority": "Court of Example, Judge A. Name",
    "basis": "Act 1, section 2; case 3/2016",
}
OTHER = {
    "purpose": {"purpose": "theft of a car"},
    "subject": {"subjects": ("tel:+33612345679",)},
    "period": {"periods": ("2016-09-01T00:00:00+02:00 2016-09-05T00:00:00+02:00",)},
    "offset": {"periods": ("2016-08-31T22:00:00+00:00 2016-09-03T22:00:00+00:00",)},
    "kinds": {"kinds": "call,text,email"},
    "class": {"class": "extend"},
    "urgency": {"urgency": "urgent"},
    "hub": {"hub": "yes"},
    "seal": {"seal": hexes("another seal")},
    "roster": {"roster": hexes("another roster")},
    "expires": {"expires": "2016-10-05T11:59:59Z"},
    "not-before": {"not_before": "2016-09-05T12:00:01Z"},
    "secret-until": {"secret_until": "2017-09-06"},
}


def _moved(text):
    """The line ``amends:`` behind the limit."""
    lines = text.split(b"\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(b"amends: "))
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    return b"\n".join(lines)

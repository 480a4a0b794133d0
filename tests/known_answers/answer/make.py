import reference as ref
from known_answers.entries.make import GENESIS
from known_answers.parties import INGESTER, LOG, ORIGIN, seeded


def make(out):
    salt = seeded("result salt")
    records = "subject,kind\nmailto:é@example.org,email\n".encode()
    out.add(
        "answer/result",
        "ok",
        "result",
        salt=salt,
        records=records,
        superseded=b"",
        commitment=ref.result_commitment(salt, records, b""),
    )
    out.add(
        "answer/result-superseded",
        "ok",
        "result",
        salt=salt,
        records=records,
        superseded=b"subject\n",
        commitment=ref.result_commitment(salt, records, b"subject\n"),
    )
    out.add("answer/tally", "ok", "tally-hash", hours=b"hours", countries=b"", hash=ref.tally_hash(b"hours", b""))
    for name, content, kib in (("", "é,1\n".encode(), 1024), ("-empty", b"", 1024), ("-of-more-memory", b"a\n", 8192)):
        out.add(
            f"answer/remembered{name}",
            "ok",
            "remembered",
            key=seeded("file key"),
            content=content,
            salt=seeded("salt of a file")[:16],
            memory_kib=kib,
            print=ref.content_print(seeded("file key"), content, seeded("salt of a file")[:16], kib),
            name="Master.csv.1",
            name_print=ref.name_print(seeded("file key"), "Master.csv.1"),
        )

    joined(out)

    def pins(name, expect, text):
        out.add(f"answer/pins-{name}", expect, "pins", body=text.encode())

    good = f'format = "coffer.vault/v1"\norigin = "{ORIGIN}"\nlog = "{LOG.vkey}"\ngenesis = "{ref.roster_hash(GENESIS).hex()}"\n'
    pins("ordinary", "ok", good)
    pins("log-key-of-another-origin", "parse", good.replace(LOG.vkey, INGESTER.vkey))
    pins("genesis-31-bytes", "parse", good.replace('genesis = "', 'genesis = "')[:-4] + '"\n')
    pins("version-2", "parse", good.replace("vault/v1", "vault/v2"))
    pins("key-missing", "parse", good.split("genesis", maxsplit=1)[0])
    pins("key-unknown", "parse", good + 'witness = "none"\n')
    pins("not-toml", "parse", good.replace("=", ":"))
    pins("non-ascii", "parse", good + "# é\n")


def joined(out):
    """Joined files, with keys as short as they are in no answer, and as long as an index and a seg_id."""

    def add(name, expect, raw, size=2, **found):
        out.add(f"answer/joined-{name}", expect, "joined", raw=raw, key_bytes=size, **found)

    first, last = ref.lp(b"one"), ref.lp(b"")
    add("two", "ok", b"\x00\xff" + first + b"\x01\x00" + last, key=[b"\x00\xff", b"\x01\x00"], part=[b"one", b""])
    for size in (8, 32):
        key = seeded("key of a part")[:size]
        add(f"key-of-{size}-bytes", "ok", key + first, size, key=[key], part=[b"one"])
    add("nothing", "ok", b"", key=[], part=[])
    add("key-twice", "parse", b"\x00\x01" + first + b"\x00\x01" + last)
    add("key-below-the-one-before", "parse", b"\x01\x00" + first + b"\x00\xff" + last)
    add("cut-within-a-key", "parse", b"\x00\x01" + first + b"\x00")
    add("cut-within-a-length", "parse", b"\x00\x01" + first + b"\x00\x02" + b"\0\0\0")
    add("cut-within-a-part", "parse", b"\x00\x01" + first[:-1])

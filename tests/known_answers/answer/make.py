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

import reference as ref


def make(out):
    letters = [chr(97 + i) for i in range(9)]
    for name, count, expression in (
        ("2-of-3", 3, "2 of a,b,c"),
        ("2-of-3-and-1", 4, "2 of a,b,c and d"),
        ("3-of-5", 5, "3 of a,b,c,d,e"),
        ("2-of-4-and-2", 6, "2 of a,b,c,d and e,f"),
        ("and-member-of-set", 3, "2 of a,b,c and a"),
        ("5-of-9", 9, "5 of a,b,c,d,e,f,g,h,i"),
        ("order-of-names", 3, "2 of c,a,b"),
        ("not-everyone", 5, "2 of c,d,e"),
    ):
        masks = ref.clauses(expression, letters[:count])
        satisfied = sum(1 << signers for signers in range(2**count) if ref.is_satisfied(masks, signers))
        out.add(
            f"rules/{name}",
            "ok",
            "rule",
            expression=expression,
            custodians=count,
            clauses=b"".join(map(ref.u16, masks)),
            satisfied_hash=ref.h(satisfied.to_bytes(64, "big")),
        )
    for name, count, expression, emergency, needed in (
        ("same", 3, "2 of a,b,c", "2 of a,b,c", ()),
        ("overlapping", 4, "2 of a,b,c", "2 of b,c,d", ()),
        ("disjoint", 6, "2 of a,b,c", "2 of d,e,f", ()),
        ("sovereign", 5, "2 of a,b,c and d", "2 of a,b,e", ("d",)),
        ("sovereign-on-call", 4, "2 of a,b,c and d", "2 of a,b,d", ("d",)),
        ("harder-than-the-rule", 4, "2 of a,b,c", "2 of a,b,c and d", ()),
        ("126-clauses", 9, "5 of a,b,c,d,e,f,g,h,i", "5 of a,b,c,d,e,f,g,h,i", ()),
        ("3-of-5-twice", 7, "3 of a,b,c,d,e", "3 of c,d,e,f,g", ()),
    ):
        masks = ref.lock(expression, emergency, needed, letters[:count])
        out.add(
            f"rules/lock-{name}",
            "ok",
            "lock",
            expression=expression,
            emergency=emergency,
            custodians=count,
            clauses=b"".join(map(ref.u16, masks)),
        )
    for name, expression in (
        ("1-of-3", "1 of a,b,c"),
        ("2-of-2", "2 of a,b"),
        ("3-of-4", "3 of a,b,c,d"),
        ("unknown-name", "2 of a,b,x"),
        ("name-twice", "2 of a,b,b"),
        ("leading-zero", "02 of a,b,c"),
        ("and-nobody", "2 of a,b,c and"),
        ("and-twice", "2 of a,b,c and d,d"),
        ("space-after-comma", "2 of a, b, c"),
        ("zero", "0 of a,b,c"),
        ("empty", ""),
        ("non-ascii", "\uff12 of a,b,c"),
    ):
        out.add(f"rules/{name}", "parse", "rule", expression=expression, custodians=4)

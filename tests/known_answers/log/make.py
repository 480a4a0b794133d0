import reference as ref
from known_answers.folder import Word
from known_answers.parties import INGESTER, LOG, ORIGIN


def leaves(size):
    return [ref.leaf(str(i).encode()) for i in range(size)]


def make(out):
    for size in (0, 1, 2, 3, 7, 255, 256, 257):
        out.add(f"log/root-{size}", "ok", "root", size=size, root=ref.root(leaves(size)))
    for size, index in ((1, 0), (2, 1), (7, 6), (255, 254), (256, 0), (256, 255), (257, 255), (257, 256)):
        tree = leaves(size)
        out.add(
            f"log/inclusion-{index}-of-{size}",
            "ok",
            "inclusion",
            index=index,
            size=size,
            leaf=tree[index],
            root=ref.root(tree),
            proof=ref.inclusion(tree, index) or [b""],
        )
    tree = leaves(7)
    good = {"index": 4, "size": 7, "leaf": tree[4], "root": ref.root(tree), "proof": ref.inclusion(tree, 4)}
    for name, change in (
        ("truncated", {"proof": good["proof"][:-1]}),
        ("extended", {"proof": [*good["proof"], good["root"]]}),
        ("swapped", {"proof": [good["proof"][1], good["proof"][0], *good["proof"][2:]]}),
        ("other-leaf", {"leaf": tree[5]}),
        ("other-index", {"index": 5}),
        ("index-is-size", {"index": 7}),
        ("other-root", {"root": ref.root(tree[:6])}),
        ("node-as-leaf", {"leaf": ref.node(tree[4], tree[5])}),
    ):
        out.add(f"log/inclusion-proof-{name}", "verify", "inclusion", **(good | change))
    for old, size in ((1, 1), (1, 2), (3, 7), (4, 7), (6, 8), (255, 256), (256, 257), (255, 257)):
        tree = leaves(size)
        out.add(
            f"log/consistency-{old}-to-{size}",
            "ok",
            "consistency",
            old_size=old,
            size=size,
            old_root=ref.root(tree[:old]),
            root=ref.root(tree),
            proof=ref.consistency(tree, old) or [b""],
        )
    tree = leaves(7)
    good = {
        "old_size": 3,
        "size": 7,
        "old_root": ref.root(tree[:3]),
        "root": ref.root(tree),
        "proof": ref.consistency(tree, 3),
    }
    for name, change in (
        ("truncated", {"proof": good["proof"][:-1]}),
        ("extended", {"proof": [*good["proof"], good["root"]]}),
        ("empty", {"proof": [b""]}),
        ("other-old-root", {"old_root": ref.root([*tree[:2], tree[3]])}),
        ("sizes-exchanged", {"old_size": 7, "size": 3, "old_root": good["root"], "root": good["old_root"]}),
        ("from-nothing", {"old_size": 0, "old_root": ref.root([])}),
        ("fork-at-one-size", {"old_size": 7, "old_root": ref.root(tree[::-1]), "proof": [b""]}),
    ):
        out.add(f"log/consistency-proof-{name}", "verify", "consistency", **(good | change))
    for level, index, width in (
        (0, 0, 1),
        (0, 0, 255),
        (0, 0, 256),
        (1, 999, 256),
        ("entries", 1000, 7),
        ("entries", 1_234_067, 256),
        (2, 1_000_000, 1),
    ):
        out.add(
            f"log/tile-{level}-{index}-{width}",
            "ok",
            "tile-path",
            level=Word(str(level)),
            index=index,
            width=width,
            path=ref.tile_path(level, index, width),
        )
    for size in (0, 1, 255, 256, 257, 65_535, 65_536, 65_537):
        listing = "".join(ref.tile_path(*tile) + "\n" for tile in ref.tiles(size)).encode()
        out.add(f"log/tiles-of-{size}", "ok", "tiles", size=size, count=len(ref.tiles(size)), digest=ref.h(listing))
    entries = [b"", b"a", "\u00e9".encode(), b"x" * 256]
    raw = ref.entry_bundle(entries)
    out.add("log/bundle-4", "ok", "bundle", raw=raw, entry=entries, width=4)
    out.add("log/bundle-trailing-byte", "parse", "bundle", raw=raw + b"\0", width=4)
    out.add("log/bundle-cut", "parse", "bundle", raw=raw[:-1], width=4)
    out.add("log/bundle-one-entry-less", "parse", "bundle", raw=raw, width=5)
    root = ref.root(leaves(7))

    def checkpoint(name, expect, text, signer=LOG):
        out.add(
            f"log/checkpoint-{name}",
            expect,
            "checkpoint",
            key=LOG.vkey,
            **({"size": 7, "root": root} if expect == "ok" else {}),
            body=ref.note(text, signer),
        )

    text = f"{ORIGIN}\n7\n{ref.b64(root)}\n".encode()
    checkpoint("7", "ok", text)
    checkpoint("signed-by-ingester", "verify", text, INGESTER)
    checkpoint("size-leading-zero", "parse", text.replace(b"\n7\n", b"\n07\n"))
    checkpoint("root-31-bytes", "parse", f"{ORIGIN}\n7\n{ref.b64(root[:-1])}\n".encode())
    checkpoint("four-lines", "parse", text + b"extension\n")
    checkpoint("two-lines", "parse", f"{ORIGIN}\n7\n".encode())

"""Writes NRTRDE by hand for the tests, from the tags of TD.35; it shares no code with the reader.

nrtrde(event(3, more=el(27, b"33612345678")))
"""


def el(tag, contents, *, constructed=False, indefinite=False):
    first = 0x60 if constructed else 0x40
    head = bytes([first | tag]) if tag < 31 else bytes([first | 31, tag])
    if indefinite:
        return head + b"\x80" + contents + b"\0\0"
    size = len(contents)
    return head + (bytes([size]) if size < 128 else b"\x82" + size.to_bytes(2, "big")) + contents


def event(tag, *, service=b"11", start=b"20261120100000", offset=b"+0100", more=b"", **options):
    body = el(34, bytes.fromhex("262011234567890f")) + el(21, start) + el(45, offset) + el(19, b"\x2a")
    return el(tag, body + el(46, el(43, service), constructed=True) + more, constructed=True, **options)


def nrtrde(*events, count=None, indefinite=False):
    listed = el(2, b"".join(events), constructed=True, indefinite=indefinite)
    header = el(41, b"\2") + el(37, b"\1") + el(38, b"FRAF1") + el(36, b"DEUD1")
    total = el(20, bytes([len(events) if count is None else count]))
    return el(1, header + listed + total, constructed=True, indefinite=indefinite)

"""XML of strangers: bounded, without a document type, without entities. Pure.

Orders come as XML from other people's systems. Nothing in such a file may make this program read another file, ask
another machine, or fill its memory.
"""

from typing import Final

from lxml import etree

from coffer.errors import MalformedInput

MAX_BYTES: Final = 1 << 20
"""1 MiB. An order for twenty numbers has about 20 KiB; a longer file is refused unread."""
_START: Final = 1024
_EBCDIC: Final = b"\x4c\x6f\xa7\x94"
"""``<?xm`` in EBCDIC, whose bytes are no ASCII."""


def begins_as_xml(raw: bytes) -> bool:
    """Whether a file begins as XML does, in UTF-8, UTF-16 or another encoding, and after spaces."""
    start = raw[:_START].replace(b"\0", b"")
    for mark in (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"):
        start = start.lstrip().removeprefix(mark)
    return start.lstrip().startswith((b"<", _EBCDIC))


def parse_xml(raw: bytes, place: str, *, limit: int = MAX_BYTES) -> etree._Element:
    """The root element. Comments and processing instructions are left out, because neither is content.

    The library bounds the depth (256 elements). ``limit``: the most bytes.

    Raises:
        MalformedInput: it is not well-formed, too long, too deep, or has a document type.
    """
    if len(raw) > limit:
        raise MalformedInput(f"{place}: {len(raw)} bytes, expected at most {limit}")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise MalformedInput(f"{place}: not well-formed XML") from None
    info = root.getroottree().docinfo
    if info is None or info.internalDTD is not None:
        raise MalformedInput(f"{place}: has a document type, expected none")
    return root


def root_name(raw: bytes, *, limit: int) -> str | None:
    """The local name of the root, by which an order is recognised; None for what is no XML."""
    try:
        return local_name(parse_xml(raw, "order", limit=limit))
    except MalformedInput:
        return None


def local_name(element: etree._Element) -> str:
    """The local name; empty for a node that is no element, such as an entity reference."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""

"""Four words by which two people hear on the phone that they look at the same text. Pure.

The custodian's machine chooses the nonce once it holds the note, and tells it only then. So nobody can look beforehand for another text with the same
words. Source: ``docs/formats/exchange.md``, "Check words"; what the words stop and what not is in ``docs/threats.md``.
"""

from functools import cache
from typing import Final

from coffer import wire
from coffer.authority.authorization import Authorization

NONCE_BYTES: Final = 16
"""As many as nobody meets twice by chance."""
WORDS: Final = 4
"""People compare four words without losing their place. Four bytes: another text shows the same words once in 2^32 tries, and there is one try."""
LIST: Final = "check-words-1.txt"
LIST_HASH: Final = bytes.fromhex("a98029e61927d196cdc1ccad4dfd5fbafd93d65bd5627778840eee1929373f61")
"""SHA-256 of the file. Another list is another format: both sides would show other words for one text."""


FILE_WORDS: Final = 12
"""Of a public file. Nothing is drawn for it, so that a forger may try for years: 96 bits."""


@cache
def word_list() -> tuple[str, ...]:
    """The 256 words, of which the n-th stands for the byte n."""
    from importlib import resources  # noqa: PLC0415 - it loads ten modules more, and few commands show words

    raw = resources.files("coffer.custody").joinpath(f"data/{LIST}").read_bytes()
    assert wire.digest(raw) == LIST_HASH, "the list is part of the format"
    return tuple(raw.decode("ascii").split())


def check_words(authorization: Authorization, custodian: str, nonce: bytes) -> tuple[str, ...]:
    """The words of one request at one custodian.

    ``nonce``: the 16 bytes that this custodian's machine made for it.
    """
    text = wire.digest(authorization.note.text)
    name = custodian.encode("ascii")
    digest = wire.digest(wire.tag("check-words"), authorization.commitment, text, nonce, name)
    return tuple(word_list()[byte] for byte in digest[:WORDS])


def words_of(raw: bytes) -> str:
    """The words by which two people hear that they hold the same public file.

    Such as ``vault.toml``, or the file of a custodian's keys.
    """
    digest = wire.digest(wire.tag("file-words"), raw)
    return " ".join(word_list()[byte] for byte in digest[:FILE_WORDS])


def words_of_key(vkey: str) -> str:
    """The same of a public key that is copied as one line of text, such as a witness's."""
    return words_of(f"{vkey.strip()}\n".encode())

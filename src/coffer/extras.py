"""The extras of the distribution, and the error if one is missing.

Only this module lists the extras. A module that needs an extra's library imports it within ``extra``:

    with extra("pdf"):
        import typst
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Literal

from coffer.errors import Unavailable

Extra = Literal[
    "pictures", "pdf", "tally", "web", "pages", "postgresql", "pkcs11", "spark", "stores", "kafka", "signatures", "age"
]


@contextmanager
def extra(name: Extra) -> Iterator[None]:
    """Turns a missing library into ``Unavailable``, whose hint names what to install; put imports inside.

    Raises:
        Unavailable: the library, or one that it needs, is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library in {"", "coffer"}:  # a bug of ours: installing an extra would not mend it
            raise
        raise _missing(name, library) from None


def require(name: Extra, library: str) -> None:
    """Stop now if an extra's library is missing, without reading it.

    Raises:
        Unavailable: it is.
    """
    if find_spec(library) is None:
        raise _missing(name, library)


def _missing(name: Extra, library: str) -> Unavailable:
    return Unavailable(f"library {library}: not installed", hint=f'pip install "surecoffer[{name}]"')

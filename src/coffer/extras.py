"""What the extras of the distribution install, and what to say where one of them is missing.

Only this module names an extra. A module that needs a library of one imports it within ``extra``:

    with extra("pdf"):
        import typst
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from coffer.errors import Unavailable

Extra = Literal["pictures", "pdf", "tally", "web", "pkcs11"]


@contextmanager
def extra(name: Extra) -> Iterator[None]:
    """Around imports: a library that is not installed becomes ``Unavailable``, with what to install as its hint.

    Raises:
        Unavailable: the library, or one that it needs, is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library in {"", "coffer"}:  # a bug of ours, which no installation mends
            raise
        raise Unavailable(f"library {library}: not installed", hint=f'pip install "surecoffer[{name}]"') from None

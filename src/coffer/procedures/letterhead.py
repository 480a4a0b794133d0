"""The letterhead of a vault."""

from coffer.disclosure.letterhead import LETTERHEAD, Letterhead, parse_letterhead
from coffer.vault.folder import Vault


def letterhead_of(vault: Vault) -> Letterhead | None:
    """What the operator wrote into ``letterhead.toml``; None without that file.

    Raises:
        MalformedInput: the file is not in its form.
    """
    path = vault.path / LETTERHEAD
    return parse_letterhead(vault.disk.read(path), LETTERHEAD) if vault.disk.is_file(path) else None

"""The desk's own list of authorities, which lies in the vault's folder and is edited there by hand."""

from coffer.authority.known import FILE, Authorities, parse_authorities
from coffer.vault.folder import Vault


def desk_authorities(vault: Vault) -> Authorities | None:
    """The list; None where there is none.

    Raises:
        MalformedInput: the file is no such list, and what was expected.
    """
    path = vault.path / FILE
    return parse_authorities(vault.disk.read(path), FILE) if vault.disk.is_file(path) else None

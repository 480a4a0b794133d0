"""The store of a desk, connected and brought to this release's tables."""

from coffer.desk.sealing import AesGcm, Cipher, DeskKeys, Sealer
from coffer.desk.store.cases import CaseRows
from coffer.desk.store.engine import Database
from coffer.entropy import Entropy
from coffer.notes.keys import Secret


class SqlStore(CaseRows):
    """``port.Store`` on SQLite or PostgreSQL.

    Safe for several threads; several processes may have one each.
    """

    def close(self) -> None:
        """Close all connections."""
        self._database.close()


def connected(url: str, root: Secret, entropy: Entropy, *, cipher: Cipher | None = None) -> SqlStore:
    """The store at ``url``, migrated.

    ``root``: ``Vault.database_key()``. ``cipher``: another one than AES-GCM; only tests have it.

    Raises:
        Unavailable: the database cannot be reached.
        NotProven: it was written under another key.
    """
    database = Database(url)
    store = SqlStore(database, DeskKeys(root), Sealer(cipher=cipher or AesGcm(entropy=entropy)), entropy)
    try:
        database.migrate()
        store.found_register()
        store.people()
    except BaseException:
        store.close()
        raise
    return store

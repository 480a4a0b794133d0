"""The signed package: a zip of the answer, its readable forms, and a manifest that the desk signs.

Pure. Entries are stored uncompressed, in a fixed order and with fixed fields. Equal files therefore give equal bytes on
any machine, and a reader can demand exactly these bytes: nothing can hide between entries or unpack to something huge.
Source: APPNOTE.TXT 6.3.10 (zip); ``docs/formats/disclosure.md`` fixes every choice that it leaves open.
"""

import io
import re
import zipfile
from collections.abc import Mapping
from typing import Final

from coffer import wire
from coffer.disclosure.readme_texts import README_TEXTS
from coffer.disclosure.verified import Disclosure
from coffer.errors import NotProven, Refused
from coffer.notes.keys import SigningKey
from coffer.notes.note import Note, sign_note
from coffer.visible import counted

MANIFEST: Final = "MANIFEST"
README: Final = "README.txt"
MAX_FILES: Final = 65_000
"""A zip counts to 65,535 unless it uses the 64-bit form. An answer with more files is handed over as a folder."""
MAX_PACKAGE_BYTES: Final = 1 << 30
"""1 GiB, since a reader holds the package in memory. One person's records of three months take a few tens of MiB."""
_PATH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(?:/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold. The true times are in the evidence."""
_REGULAR_FILE: Final = 0o100600 << 16


def format_package(
    disclosure: Disclosure, rendered: Mapping[str, bytes], key: SigningKey, *, language: str = "en"
) -> bytes:
    """The bytes of the zip.

    ``rendered``: files made from the disclosure, by path. ``key``: the requester's. ``language``: of README.txt.

    Raises:
        NotProven: the key is not that of the authorization's requester.
        Refused: there are more files or bytes than a package holds.
    """
    if key.verify_key != disclosure.authorization.terms.requester:
        raise NotProven(
            "package: the desk's key of this vault is not the requester's of the authorization",
            hint="a package is signed by the desk that asked: use its vault",
        )
    files = dict(disclosure.files) | dict(rendered) | {README: README_TEXTS[language].encode("utf-8")}
    if len(files) + 1 > MAX_FILES or sum(map(len, files.values())) > MAX_PACKAGE_BYTES:
        raise Refused(
            f"package: {counted(len(files), 'file')}, expected at most {MAX_FILES - 1} and {MAX_PACKAGE_BYTES} bytes in all",
            code="form",
            hint="hand over the answer's folder itself; it can be verified too",
        )
    manifest = format_manifest(disclosure, files, key)
    return zip_files({MANIFEST: manifest.raw} | {path: files[path] for path in sorted(files)})


def format_manifest(disclosure: Disclosure, files: Mapping[str, bytes], key: SigningKey) -> Note:
    """The signed list of hashes, sizes and paths."""
    lines = [
        "coffer.disclosure/v1",
        f"origin: {disclosure.authorization.terms.origin}",
        f"authorization: {disclosure.authorization.commitment.hex()}",
        *(f"file: {wire.digest(raw).hex()} {len(raw)} {path}" for path, raw in sorted(files.items())),
    ]
    assert all(_PATH.fullmatch(path) for path in files), "our own file names"
    return sign_note(("\n".join(lines) + "\n").encode("ascii"), key)


def zip_files(files: Mapping[str, bytes]) -> bytes:
    """A zip with these entries, stored uncompressed and in this order."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for path, raw in files.items():
            info = zipfile.ZipInfo(path, _EPOCH)
            info.create_system, info.external_attr = 3, _REGULAR_FILE
            archive.writestr(info, raw)
    return out.getvalue()

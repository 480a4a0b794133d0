"""Zips in the one form that a package has, of files that no desk would put into one."""

from coffer_audit.answer import package


def format_zip(entries: list[tuple[str, bytes]]) -> bytes:
    """Give the zip of these files, in this order."""
    local, central, offset = [], [], 0
    for path, raw in entries:
        name = path.encode("ascii")
        fields = package._format_fields(name, raw)
        local += [package.LOCAL, fields, name, raw]
        central.append(package._format_central(name, fields, offset))
        offset += 30 + len(name) + len(raw)
    return b"".join([*local, package._format_directory(central, offset)])

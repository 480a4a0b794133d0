"""Identities as PDF and letters show them. Pure."""


def show_identity(identity: str, words: dict[str, str]) -> str:
    """A number as +33612345678, an address as it is, and any other identity with the name of its type.

    The result holds no character that cannot be encoded.
    """
    scheme, _, value = identity.partition(":")
    match scheme:
        case "":
            shown = words["withheld"]
        case "tel" | "mailto":
            shown = value
        case "short" | "opaque" | "dialled":
            scope, _, name = value.partition("/")
            shown = words[scheme].format(name=name, scope=scope)
        case "imei" | "imsi":
            shown = f"{scheme.upper()} {value}"
        case "sender":
            shown = words["sender"].format(name=value)
        case _:
            raise AssertionError("an identity of another scheme")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in shown)

"""Feeds for tables that products write, one TOML file each.

A preset is a feed file without what only an operator knows (name, country, time zone), and with a table ``[preset]``
that says where the layout comes from. Whatever a feed says itself comes before what its preset says. The files are
package data; nothing else is read. Page: ``docs/formats/presets.md``, made of these files.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from coffer.errors import MalformedInput
from coffer.records.mapping import FeedMapping
from coffer.records.mapping_tables import parse_mapping
from coffer.records.settings import MAPPED
from coffer.toml import Table, parse_toml

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,40}")
_TABLES: Final = ("feed", *MAPPED, "columns", "rows", "join")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One preset.

    ``header``: names that the header of such a file has, or keys of its JSON objects; empty if the file says nothing
    of itself, so that only a feed can name the preset. ``sources``: where the layout is documented. ``unknown``: what
    is not known of it. ``text``: the file as it is shipped. ``tables``: its tables but ``[preset]``.
    """

    name: str
    title: str
    header: frozenset[str]
    sources: tuple[str, ...]
    unknown: str
    format: str
    mapping: FeedMapping
    text: str
    tables: Mapping[str, Mapping[str, Any]]


def parse_preset(text: str, name: str) -> Preset:
    """Read a preset's file; raises ``MalformedInput`` naming the table and key."""
    place = f"preset {name}"
    top = parse_toml(text.encode(), place)
    own, feed = top.table("preset"), top.table("feed")
    form = next((form for form in MAPPED if form in top.values), "")
    if not _NAME.fullmatch(name) or not form:
        raise MalformedInput(f"{place}: expected a name of a-z, 0-9 and -, and one of the tables {', '.join(MAPPED)}")
    preset = Preset(
        name=name,
        title=own.text("title"),
        header=frozenset(own.texts("header", ())),
        sources=own.texts("source", ()),
        unknown=own.text("unknown", ""),
        format=form,
        mapping=parse_mapping(feed, top, form),
        text=text,
        tables={key: top.values[key] for key in _TABLES if key in top.values},
    )
    own.end()
    feed.end()
    top.end()
    return preset


@cache
def presets() -> Mapping[str, Preset]:
    """All presets that are shipped, by name."""
    files = resources.files(__package__).iterdir()
    named = {file.name.removesuffix(".toml"): file for file in files if file.name.endswith(".toml")}
    return {name: parse_preset(named[name].read_text("utf-8"), name) for name in sorted(named)}


def preset_named(name: str, place: str) -> Preset:
    """The preset that a feed names.

    Raises:
        MalformedInput: there is none of this name.
    """
    found = presets().get(name)
    if found is None:
        raise MalformedInput(f"{place}: preset: unknown", hint="coffer feed presets lists them")
    return found


def with_preset(top: Table, place: str) -> Table:
    """A feed's tables laid over those of the preset that it names, if it names one; key by key."""
    feed = top.values.get("feed")
    name = feed.get("preset") if isinstance(feed, dict) else None
    if not isinstance(name, str):
        return top
    merged: dict[str, Any] = dict(preset_named(name, f"{place}: [feed]").tables)
    for key, own in top.values.items():
        under = merged.get(key)
        if isinstance(under, dict) and isinstance(own, dict) and "date_format" in own:
            under = {
                name: value for name, value in under.items() if name != "time_zone"
            }  # it is of the preset's own dates
        merged[key] = {**under, **own} if isinstance(under, dict) and isinstance(own, dict) else own
    return Table(merged, top.place)


def most_exact(found: list[Preset]) -> Preset | None:
    """Of the presets whose header a file has, the one that asks for all that the others ask for.

    None if there is none such.
    """
    most = max(found, key=lambda one: len(one.header))
    return most if all(one is most or one.header < most.header for one in found) else None


def json_keys(head: bytes) -> frozenset[str]:
    """Top keys of the first object in a file of JSON lines, and with a dot those of objects within.

    Empty for another file.
    """
    try:
        found = json.loads(head.split(b"\n", 1)[0])
    except (ValueError, RecursionError):
        return frozenset()
    if not isinstance(found, dict):
        return frozenset()
    nested = {f"{name}.{inner}" for name, value in found.items() if isinstance(value, dict) for inner in value}
    return frozenset({*found, *nested})

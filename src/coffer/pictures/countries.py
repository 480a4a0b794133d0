"""The map's shapes and the names of countries, from dated package data.

``data/README.md`` names packages, versions and licences; ``scripts/make_map.py`` fetched them.
"""

import csv
import json
from functools import cache
from importlib import resources
from typing import Any, Final

ATLAS_VERSION: Final = "2.0.2"
"""The version of the npm package world-atlas."""
EARTH_VERSION: Final = "4.1.0"
"""The version of Natural Earth that world-atlas 2 packages."""
CLDR_VERSION: Final = "48.2.0"
ANTARCTICA: Final = "AQ"
_WITHOUT_NUMBER: Final = {"Kosovo": "XK", "Somaliland": "SO"}
"""Shapes without an ISO number, with the numbering plan used there. Northern Cyprus has none of its own."""


@cache
def _table() -> dict[str, dict[str, str]]:
    return {row["code"]: row for row in csv.DictReader(_read(f"countries-{CLDR_VERSION}.csv").splitlines())}


def country_name(code: str, language: str) -> str:
    """The name of an ISO alpha-2 code in ``en`` or ``fr``; the code itself if it has no name."""
    row = _table().get(code)
    return code if row is None else row[language]


@cache
def shapes() -> dict[str, Any]:
    """TopoJSON of all countries, in the object ``countries``.

    Each has the property ``code``, which may be None.
    """
    topology: dict[str, Any] = json.loads(_read(f"countries-110m-{ATLAS_VERSION}.json"))
    codes = {row["numeric"]: code for code, row in _table().items()}
    for shape in topology["objects"]["countries"]["geometries"]:
        name = shape["properties"]["name"]
        shape["properties"] = {"code": codes[shape["id"]] if "id" in shape else _WITHOUT_NUMBER.get(name)}
    return topology


def world(classes: dict[str, str], otherwise: str) -> dict[str, Any]:
    """TopoJSON of all countries but Antarctica, in the object ``countries``.

    Each has the property ``class``: the class of its code, or ``otherwise``.
    """
    topology = shapes()
    drawn = [
        {**shape, "properties": {"class": classes.get(shape["properties"]["code"], otherwise)}}
        for shape in topology["objects"]["countries"]["geometries"]
        if shape["properties"]["code"] != ANTARCTICA
    ]
    return {**topology, "objects": {"countries": {"type": "GeometryCollection", "geometries": drawn}}}


def is_drawn(code: str) -> bool:
    """Whether the map has a shape for this country."""
    return any(shape["properties"]["code"] == code for shape in shapes()["objects"]["countries"]["geometries"])


def _read(name: str) -> str:
    return resources.files("coffer.pictures").joinpath(f"data/{name}").read_text("utf-8")

"""Outlines of the countries on a flat map, as the data of SVG paths.

Pure once the package data are read.

Projection: Equal Earth (Savric, Patterson and Jenny 2019, equations 7 to 10). The shapes are those of
``coffer.pictures.countries``.
"""

import math
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate, pairwise
from typing import Any, Final

from coffer.pictures.countries import ANTARCTICA, shapes

WIDTH: Final = 1_000
"""Units of the drawing from the western to the eastern edge."""
_A: Final = (1.340264, -0.081106, 0.000893, 0.003796)
_M: Final = math.sqrt(3) / 2
_EAST: Final = 2 * math.sqrt(3) * math.pi / (3 * _A[0])
"""Where the projection puts 180 degrees east on the equator."""
_SCALE: Final = WIDTH / (2 * _EAST)
_HALF: Final = 180.0

Point = tuple[float, float]


def project(longitude: float, latitude: float) -> Point:
    """Degrees to units of the drawing.

    x grows from 0 in the west, y from 0 at the equator to the south.
    """
    theta = math.asin(_M * math.sin(math.radians(latitude)))
    square = theta * theta
    sixth = square**3
    slope = _A[0] + 3 * _A[1] * square + sixth * (7 * _A[2] + 9 * _A[3] * square)
    x = 2 * math.sqrt(3) * math.radians(longitude) * math.cos(theta) / (3 * slope)
    y = theta * (_A[0] + _A[1] * square + sixth * (_A[2] + _A[3] * square))
    return (x + _EAST) * _SCALE, -y * _SCALE


@cache
def outlines() -> dict[str, str]:
    """The path of each country by its code; the shape without a code is under the empty text."""
    return {code: "".join(map(_path, rings)) for code, rings in _rings().items()}


@cache
def frame() -> tuple[int, int, int, int]:
    """The part of the drawing that holds every country: left, top, width, height."""
    points = [point for rings in _rings().values() for ring in rings for point in ring]
    left, right = min(x for x, _ in points), max(x for x, _ in points)
    top, bottom = min(y for _, y in points), max(y for _, y in points)
    return math.floor(left), math.floor(top), math.ceil(right - left), math.ceil(bottom - top)


def joined(codes: Iterable[str]) -> str:
    """One path of several countries, in the order of their codes; those without a shape are left out."""
    known = outlines()
    return "".join(known.get(code, "") for code in sorted(codes))


@cache
def _rings() -> dict[str, list[list[Point]]]:
    """The closed lines of each country, projected."""
    topology = shapes()
    arcs = _arcs(topology)
    drawn: dict[str, list[list[Point]]] = {}
    for shape in topology["objects"]["countries"]["geometries"]:
        code = shape["properties"]["code"] or ""
        if code == ANTARCTICA:
            continue
        polygons = shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
        for ring in (ring for polygon in polygons for ring in polygon):
            points = [point for number in ring for point in (arcs[number] if number >= 0 else arcs[~number][::-1])]
            parts = [[project(*point) for point in part] for part in _cut(points)]
            drawn.setdefault(code, []).extend(parts)
    return drawn


def _arcs(topology: dict[str, Any]) -> list[list[Point]]:
    """The arcs of a TopoJSON file in degrees: each is a list of steps on a grid."""
    (scale_x, scale_y), (shift_x, shift_y) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs = []
    for steps in topology["arcs"]:
        xs, ys = accumulate(x for x, _ in steps), accumulate(y for _, y in steps)
        arcs.append([(x * scale_x + shift_x, y * scale_y + shift_y) for x, y in zip(xs, ys, strict=True)])
    return arcs


def _cut(ring: Sequence[Point]) -> list[list[Point]]:
    """A closed line in degrees, cut where it crosses 180 degrees: one part on either edge of the map."""
    turned, turns = [ring[0]], 0
    for before, point in pairwise(ring):
        turns += (before[0] - point[0] > _HALF) - (point[0] - before[0] > _HALF)
        turned.append((point[0] + turns * 2 * _HALF, point[1]))
    parts = []
    for shift in (-2 * _HALF, 0.0, 2 * _HALF):
        part = _beyond([(x + shift, y) for x, y in turned], -_HALF, 1)
        part = _beyond(part, _HALF, -1)
        if len(part) > 2:
            parts.append(part)
    return parts


def _beyond(ring: Sequence[Point], edge: float, sign: int) -> list[Point]:
    """The part of a closed line on one side of a meridian (Sutherland and Hodgman 1974)."""
    kept: list[Point] = []
    for before, point in zip((*ring[-1:], *ring[:-1]), ring, strict=True):
        is_in, was_in = sign * (point[0] - edge) >= 0, sign * (before[0] - edge) >= 0
        if is_in != was_in:
            share = (edge - before[0]) / (point[0] - before[0])
            kept.append((edge, before[1] + share * (point[1] - before[1])))
        if is_in:
            kept.append(point)
    return kept


def _path(points: Sequence[Point]) -> str:
    """A closed path in tenths of a unit. Steps that round to nothing are left out."""
    tenths = [(round(x * 10), round(y * 10)) for x, y in points]
    steps = [(x - a, y - b) for (a, b), (x, y) in pairwise(tenths) if (a, b) != (x, y)]
    if len(steps) < 2:
        return ""
    lines = " ".join(f"{_tenth(x)} {_tenth(y)}" for x, y in steps).replace(" -", "-")
    return f"M{_tenth(tenths[0][0])} {_tenth(tenths[0][1])}l{lines}z"


def _tenth(tenths: int) -> str:
    return f"{tenths / 10:g}"

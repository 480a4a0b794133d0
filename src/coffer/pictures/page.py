"""One HTML page that loads nothing: the story, the charts as inline SVG, and every number in a table.

Pure. The page runs no script, prints on A4, and shows a narrower chart on a narrow screen. A content security policy in
the page forbids every load, even if somebody edits one in.
"""

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Final

from coffer.pictures.story import TOP, CountryLine, MapKey, Story

STYLE: Final = """
:root { color: #1a1a1a; background: #fff; }
body { font: 17px/1.5 "Liberation Sans", Arial, Helvetica, sans-serif; max-width: 1040px; margin: 0 auto; padding: 24px 16px 48px; }
h1 { font-size: 38px; line-height: 1.15; margin: 0 0 12px; }
h2 { font-size: 23px; line-height: 1.25; margin: 40px 0 8px; }
p { margin: 0 0 10px; }
header p { font-size: 20px; color: #4a4a4a; margin: 0 0 4px; }
header p:first-of-type { color: #1a1a1a; }
figure { margin: 0; }
figure svg { display: block; width: 100%; height: auto; }
.note { font-size: 15px; color: #4a4a4a; }
.narrow { display: none; }
.keys { list-style: none; display: flex; flex-wrap: wrap; gap: 6px 24px; margin: 12px 0; padding: 0; font-size: 15px; }
.keys span { display: inline-block; width: 22px; height: 16px; margin-right: 8px; vertical-align: -2px;
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.break { flex-basis: 100%; height: 0; }
.text { max-width: 720px; overflow-wrap: anywhere; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: bold; padding: 0 0 4px; }
th, td { text-align: left; padding: 3px 0 3px 20px; border-bottom: 1px solid #d9d9d9; vertical-align: top; }
th:first-child, td:first-child, tbody th { padding-left: 0; }
thead th { font-size: 15px; color: #4a4a4a; font-weight: normal; }
tbody th { font-weight: normal; }
.number { text-align: right; white-space: nowrap; }
.top table, .days table { width: 100%; }
.top { max-width: 720px; margin: 20px 0 0; }
.days { columns: 3; column-gap: 40px; }
.days table { break-inside: avoid; margin-bottom: 14px; }
@media (max-width: 640px) {
  body { font-size: 16px; padding: 16px 14px 32px; }
  h1 { font-size: 28px; }
  h2 { font-size: 20px; }
  header p { font-size: 17px; }
  .wide { display: none; }
  .narrow { display: block; }
  .days { columns: 1; }
  th, td { padding-left: 10px; }
}
@page { size: A4; margin: 15mm; }
@media print {
  body { font-size: 10.5pt; max-width: none; padding: 0; }
  h1 { font-size: 22pt; }
  h2 { font-size: 13pt; break-after: avoid; margin-top: 18pt; }
  header p { font-size: 11.5pt; }
  .note, .keys, thead th { font-size: 9pt; }
  .wide { display: block; }
  .narrow { display: none; }
  figure, table, tr { break-inside: avoid; }
  .days { columns: 3; }
}
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_NAMESPACES: Final = re.compile(r' xmlns(:\w+)?="[^"]*"')
_SIZE: Final = re.compile(r' width="[^"]*" height="[^"]*"')


def format_page(story: Story, *, days_wide: str, days_narrow: str, world: str, colours: Mapping[str, str]) -> bytes:
    """The page in UTF-8.

    ``days_wide``, ``days_narrow``, ``world``: SVG of the days for a page and for a narrow screen, and of the map.
    ``colours``: the colour of each of the story's map keys, as ``#rrggbb``.
    """
    words = story.words
    body = (
        f"<header>\n<h1>{escape(story.headline)}</h1>\n{_paragraphs(story.lines)}\n</header>",
        "<main>",
        f"<section>\n<h2>{escape(story.days_title)}</h2>",
        _figure(_inline(days_wide, "wide", "w") + _inline(days_narrow, "narrow", "n"), story.alternative_days),
        _paragraphs((story.days_note, *([story.no_number] if story.no_number else [])), "note"),
        f"</section>\n<section>\n<h2>{escape(story.map_title)}</h2>",
        _figure(_inline(world, "world", "m"), story.alternative_map),
        _keys(story.keys, colours),
        _paragraphs(story.map_notes, "note"),
        f'<div class="top">\n{_countries(story, story.words.top_title, _top(story.country_lines))}\n</div>\n</section>',
        f'<section class="text">\n<h2>{escape(words.noise_title)}</h2>\n{_paragraphs(story.noise)}\n</section>',
        f'<section class="text">\n<h2>{escape(words.sources_title)}</h2>\n{_paragraphs(story.sources)}\n</section>',
        f'<section>\n<h2>{escape(words.numbers_title)}</h2>\n<div class="days">\n{_days(story)}\n</div>',
        f'<div class="top">\n{_countries(story, words.countries_title, story.country_lines)}\n</div>\n</section>',
        "</main>",
    )
    head = (
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(story.headline)}</title>",
        f"<style>{STYLE}</style>",
    )
    lines = ("<!doctype html>", f'<html lang="{words.language}">', "<head>", *head, "</head>", "<body>", *body)
    return ("\n".join((*lines, "</body>", "</html>")) + "\n").encode("utf-8")


def _inline(svg: str, name: str, prefix: str) -> str:
    """An SVG as a part of the page, without namespaces and fixed size, and with its own identifiers."""
    start = svg.index(">") + 1
    tag = _SIZE.sub("", _NAMESPACES.sub("", svg[:start])).replace('class="marks"', f'class="{name}"')
    rest = re.sub(r'id="([^"]+)"', rf'id="{prefix}-\1"', svg[start:])
    return tag + re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", rest)


def _figure(drawing: str, alternative: str) -> str:
    return f'<figure role="img" aria-label="{escape(alternative)}">\n{drawing}\n</figure>'


def _paragraphs(texts: Iterable[str], name: str = "") -> str:
    start = f'<p class="{name}">' if name else "<p>"
    return "\n".join(f"{start}{escape(text)}</p>" for text in texts)


def _keys(keys: Iterable[MapKey], colours: Mapping[str, str]) -> str:
    items: list[str] = []
    for key in keys:
        if not key.name.isdecimal() and items and not any("break" in item for item in items):
            items.append('<li class="break" aria-hidden="true"></li>')
        items.append(f'<li><span style="background:{colours[key.name]}"></span>{escape(key.text)}</li>')
    return '<ul class="keys">\n' + "\n".join(items) + "\n</ul>"


def _top(lines: tuple[CountryLine, ...]) -> tuple[CountryLine, ...]:
    return tuple(line for line in lines if line.is_country)[:TOP]


def _countries(story: Story, caption: str, lines: tuple[CountryLine, ...]) -> str:
    """A table of countries; empty if there are none."""
    if not lines:
        return ""
    words = story.words
    heads = (words.country, words.records, words.outgoing, words.incoming)
    rows = [(line.name, line.records, line.outgoing, line.incoming) for line in lines]
    return _table(caption, heads, rows)


def _days(story: Story) -> str:
    """A table for each month, so that the tables fit into columns."""
    tables, words = [], story.words
    months: dict[str, list[tuple[str, ...]]] = {}
    for month, day, count in story.day_texts:
        months.setdefault(month, []).append((day, count))
    for month, rows in months.items():
        tables.append(_table(month, (words.day, words.records), rows))
    return "\n".join(tables)


def _table(caption: str, heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f'<th scope="col"{_number(i)}>{escape(text)}</th>' for i, text in enumerate(heads))
    lines = [
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td{_number(1)}>{escape(text)}</td>" for text in row[1:])
        + "</tr>"
        for row in rows
    ]
    body = "\n".join(lines)
    return f"<table>\n<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _number(column: int) -> str:
    return ' class="number"' if column else ""

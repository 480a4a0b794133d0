"""Pictures of a report: one PNG or SVG picture, one HTML page that loads nothing; in English and French.

Promises: what is drawn is what ``tally.chart`` holds, number for number; the same chart gives the same SVG and HTML bytes;
nothing is fetched, neither while drawing nor by whoever looks at the result. Trusts altair and vl-convert to draw what
they are told, and the map's shapes as packaged. Touches no vault and writes no file. Implements
``docs/formats/report.md``.

``draw`` is the only module that imports altair and vl-convert. They are heavy: whoever needs no picture does not import it.
"""

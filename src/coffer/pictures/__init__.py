"""Pictures of a report, in English and French: PNG, SVG, and an HTML page that loads nothing.

Promises: a picture shows exactly the numbers of ``tally.chart``; the same chart gives the same SVG and HTML bytes;
neither drawing nor viewing fetches anything. Trusts altair and vl-convert to draw what they are told, and the packaged
shapes of the map. Touches no vault and writes no file. Implements ``docs/formats/report.md``.

Only ``draw`` imports altair and vl-convert. They are heavy, so import it only for a picture.
"""

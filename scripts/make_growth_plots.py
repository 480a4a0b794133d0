"""Draw how costs grow, from ``bench/results.json``: the plots of ``docs/performance.md``.

``.venv/bin/python scripts/make_growth_plots.py``. ``make growth`` measures what it draws. Both axes are logarithmic, so
that what costs twice for twice as much is a straight line.
"""

import json
from pathlib import Path
from typing import Final, NamedTuple

import altair as alt
import vl_convert

ROOT: Final = Path(__file__).parent.parent
OUT: Final = ROOT / "docs" / "pictures"
COLOURS: Final = {"Coffer": "#1f5fa8", "ClickHouse": "#c2410c", "DuckDB": "#7c6f64", "SQLite": "#7c6f64"}
SIZE: Final = (430, 260)


class Point(NamedTuple):
    """What one of them took for so much."""

    who: str
    size: float
    seconds: float


def ingest(results: dict) -> list[Point]:
    """Seconds to take records in, from the runs of ``bench/run.py``."""
    names = {"coffer": "Coffer", "clickhouse": "ClickHouse", "duckdb": "DuckDB"}
    return [
        Point(names[who], int(records), row["seconds"])
        for records, run in results["runs"].items()
        for who, row in run["tasks"]["ingest"].items()
    ]


def opening(results: dict) -> list[Point]:
    """Seconds to look one number up in so many segments or parts."""
    points = []
    for row in results["growth"]["opening"]:
        points.append(Point("Coffer", row["segments"], row["coffer_s"]))
        if row["peer_s"]:
            points.append(Point("ClickHouse", row["segments"], row["peer_s"]))
    return points


def log(results: dict) -> dict[str, list[Point]]:
    """By task, seconds on a log of so many entries."""
    by_task: dict[str, list[Point]] = {}
    for row in results["growth"]["log"]:
        points = by_task.setdefault(row["task"], [])
        points.append(Point("Coffer", row["entries"], row["coffer_s"]))
        if row["peer_s"]:
            points.append(Point("SQLite", row["entries"], row["peer_s"]))
    return by_task


def plot(points: list[Point], across: str, title: str) -> alt.LayerChart:
    """Lines with a point at each measurement, and a name at each line's end."""
    data = alt.InlineData(values=[point._asdict() for point in sorted(points, key=lambda one: one.size)])
    colour = alt.Color("who:N", legend=None, scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())))
    base = alt.Chart(data).encode(
        x=alt.X("size:Q", title=across, scale=alt.Scale(type="log"), axis=alt.Axis(format="~s", tickCount=6)),
        y=alt.Y("seconds:Q", title="seconds", scale=alt.Scale(type="log"), axis=alt.Axis(format="~g", tickCount=6)),
        color=colour,
    )
    last = base.transform_window(rank="rank()", sort=[alt.SortField("size", "descending")], groupby=["who"])
    ends = last.transform_filter("datum.rank == 1")
    names = [  # ours below the line's end, so that two ends that are near each other can be read
        ends.transform_filter(f"(datum.who == 'Coffer') == {own}")
        .mark_text(align="left", dx=7, dy=dy, fontSize=12)
        .encode(text="who:N")
        for own, dy in (("true", 7), ("false", -3))
    ]
    return alt.layer(base.mark_line(strokeWidth=2), base.mark_point(filled=True, size=45), *names).properties(
        width=SIZE[0], height=SIZE[1], title=title
    )


def write(name: str, chart: alt.TopLevelMixin) -> None:
    """One picture."""
    finished = chart.properties(padding={"left": 10, "top": 10, "right": 80, "bottom": 10}, background="#ffffff")
    finished = finished.configure_view(stroke=None).configure_axis(
        gridColor="#e5e5e5", labelFontSize=12, titleFontSize=12
    )
    finished = finished.configure_title(fontSize=13, anchor="start", fontWeight="normal")
    svg = vl_convert.vegalite_to_svg(finished.to_dict(), allowed_base_urls=[])
    (OUT / f"{name}.svg").write_text(svg + "\n", encoding="utf-8")
    print(OUT / f"{name}.svg")


def main() -> None:
    """Draw what there are figures for."""
    results = json.loads((ROOT / "bench" / "results.json").read_text("utf-8"))
    if "runs" in results:
        write("growth-ingest", plot(ingest(results), "records", "Records in, sealed and in plaintext"))
    if "growth" in results:
        write("growth-opening", plot(opening(results), "segments, or parts", "One number over 30 days"))
        charts = [plot(points, "entries", task) for task, points in log(results).items()]
        write("growth-log", alt.concat(*charts, columns=2, spacing={"row": 30, "column": 90}))


if __name__ == "__main__":
    main()

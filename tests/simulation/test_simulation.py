"""The simulated country: the same bytes for the same scenario, the promised shape, and truths that hold in the files."""

import ast
import csv
import datetime as dt
import hashlib
import json
import tomllib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import phonenumbers
import pytest

from coffer.errors import MalformedInput, Unavailable
from coffer.simulation import scenario as scenario_module
from coffer.simulation.numbers import number_ranges
from coffer.simulation.planted import PLANTED_LINES, plan_planting
from coffer.simulation.population import make_population
from coffer.simulation.run import day_generator, simulate
from coffer.simulation.scenario import Scenario, apportion, daily_totals
from coffer.simulation.traffic import CHUNK_ROWS, DayPlan, day_rhythm, day_traffic
from coffer.simulation.writers.csv import COLUMNS, HEADER, format_rows, make_csv_tables

SMALL = Scenario(records=20_000, seed=7)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulation") / "small"
    progress = []
    summary = simulate(folder, scenario=SMALL, on_progress=progress.append, workers=1)
    return folder, summary, progress


@pytest.fixture(scope="module")
def france():
    return make_population(Scenario(records=800_000), planted=PLANTED_LINES)


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def read_rows(folder: Path) -> list[dict[str, str]]:
    rows = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(newline="") as file:
            rows += csv.DictReader(file)
    return rows


def canonical(written: str) -> str:
    """A party as the answer writes it, worked out by phonenumbers alone."""
    if not written:
        return ""
    if any(c.isalpha() for c in written):
        return f"sender:{written}"
    if len(written) <= 6:
        return f"short:FR/{written}"
    number = phonenumbers.parse(written, "FR")
    return f"tel:{phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)}"


def test_daily_totals_of_the_reported_month_are_as_promised():
    # 70,271,000 less the special days (6,950,000 + 6,980,000 + 3,100 + 640 + 480 + 1,900) leaves 56,334,880 for
    # 16 working days of 3 units and 8 free days of 1 unit: 56 units of 1,005,980.
    work, free = 3 * 1_005_980, 1_005_980
    december = [*[work] * 5, free, free, *[work] * 5, free, free, 6_950_000, free, work, work, 3_100, 640, 480, 1_900]
    january = [free, work, work, work, free, free, 6_980_000, work]
    totals = daily_totals(Scenario())
    assert list(totals) == december + january
    assert sum(totals) == 70_271_000


def test_another_number_of_records_keeps_the_shape():
    totals = daily_totals(Scenario(records=70_271))
    assert sum(totals) == 70_271
    assert [totals[0], totals[5], totals[14], totals[28]] == [3_018, 1_006, 6_950, 6_980]
    assert totals[18:22] == (3, 0, 0, 2)  # of 3.10, 0.64, 0.48, 1.90: the remainders 0.94 of the working days go first


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(country="DE", records=17_000, first_day=dt.date(2024, 4, 1), last_day=dt.date(2024, 4, 7)),
        Scenario(records=17_000, first_day=dt.date(2012, 12, 24), last_day=dt.date(2012, 12, 30)),
    ],
)
def test_any_other_window_has_three_to_one_and_no_special_day(scenario):
    assert daily_totals(scenario) == (3_000, 3_000, 3_000, 3_000, 3_000, 1_000, 1_000)


def test_apportion_gives_every_record_to_some_day():
    assert apportion(10, [1, 1, 1]) == (4, 3, 3)
    assert apportion(0, [5, 1]) == (0, 0)


def test_same_scenario_gives_same_bytes_whatever_the_workers(small, tmp_path):
    folder, summary, _ = small
    again = simulate(tmp_path / "again", scenario=SMALL, on_progress=lambda _: None, workers=2)
    assert hashes(tmp_path / "again") == hashes(folder)
    assert again == summary


def test_another_seed_gives_other_bytes_in_every_file_with_records(small, tmp_path):
    folder, _, _ = small
    simulate(tmp_path / "other", scenario=replace(SMALL, seed=8), on_progress=lambda _: None, workers=1)
    ours, others = hashes(folder), hashes(tmp_path / "other")
    same = {name for name in ours if ours[name] == others[name]}
    assert [name for name in same - {"feed.toml"} if (folder / name).read_bytes() != HEADER] == []


def test_the_folder_holds_one_ordered_file_a_day(small):
    folder, summary, progress = small
    totals = dict(zip(SMALL.days, daily_totals(SMALL), strict=True))
    assert sum(progress) == summary.records == 20_000
    assert {path.name for path in folder.iterdir()} == {f"{day}.csv" for day in totals} | {"feed.toml", "truths.json"}
    for day, total in totals.items():
        data = (folder / f"{day}.csv").read_bytes()
        assert data.startswith(HEADER)
        assert data.endswith(b"\n")
        with (folder / f"{day}.csv").open(newline="") as file:
            starts = [row["start"] for row in csv.DictReader(file)]
        assert len(starts) == total
        assert starts == sorted(starts)
        assert {start.startswith(f"{day} ") for start in starts} == {True}
    assert summary.size_bytes == sum(path.stat().st_size for path in folder.glob("*.csv"))


def test_the_feed_file_names_every_column(small):
    folder, _, _ = small
    feed = tomllib.loads((folder / "feed.toml").read_text())
    assert feed["feed"]["name"] == "sim-fr"
    assert feed["feed"]["kind"] == {"column": "kind", "values": {"call": "call", "sms": "text"}}
    assert feed["columns"].pop("answered") == {"column": "answered", "values": {"1": True, "0": False}}
    assert feed["columns"] == {name: name for name in COLUMNS if name not in {"kind", "answered"}}


def test_truths_are_what_the_files_say(small):
    folder, summary, _ = small
    truths = json.loads((folder / "truths.json").read_text())["subjects"]
    expected = {truth["subject"]: [] for truth in truths}

    def add(subject, row, direction, peer, cell):
        if subject in expected:
            kind = "text" if row["kind"] == "sms" else "call"
            start = row["start"].replace(" ", "T") + "Z"
            duration_s = int(row["duration_s"]) if row["duration_s"] else None
            expected[subject].append((start, kind, direction, peer, duration_s, row["answered"] == "1", cell))

    for row in read_rows(folder):
        a, b, c = canonical(row["a"]), canonical(row["b"]), canonical(row["forwarded"])
        add(a, row, "out", b, row["a_cell"])
        add(b, row, "in", a, row["b_cell"])
        if c:
            add(b, row, "forwarded", c, row["b_cell"])
            add(c, row, "in", a, "")
    names = ("start_utc", "kind", "direction", "peer", "duration_s", "answered", "cell")
    for truth in truths:
        found = [tuple(record[name] for name in names) for record in truth["records"]]
        assert found == sorted(
            expected[truth["subject"]], key=lambda record: (*record[:4], record[4] or -1, *record[5:])
        )
    assert summary.true_records == sum(len(records) for records in expected.values())
    assert len(expected) == summary.subjects == 13


def test_planted_subjects_are_what_their_reason_says(small):
    folder, _, _ = small
    truths = {truth["why"]: truth for truth in json.loads((folder / "truths.json").read_text())["subjects"]}

    def records_of(why):
        return next(truth["records"] for reason, truth in truths.items() if reason.startswith(why))

    heavy = Counter((record["start_utc"][:10], record["kind"]) for record in records_of("heavy"))
    assert 0 < max(heavy.values()) < 150
    assert [record["direction"] for record in records_of("exactly one")] == ["out"]
    assert {record["direction"] for record in records_of("appears only as the called")} == {"in"}
    assert {record["kind"] for record in records_of("appears only as the called")} == {"call", "text"}
    forwarded = records_of("appears only as the number that calls were forwarded to")
    assert [record["direction"] for record in forwarded] == ["in"] * 3
    assert [record["peer"] for record in forwarded].count("") == 1
    assert records_of("absent") == []
    assert {record["cell"] for record in records_of("a number abroad")} == {""}
    assert {record["direction"] for record in records_of("a number abroad")} == {"in", "out"}
    assert {record["cell"] for record in records_of("a fixed line")} == {""}
    assert len(records_of("an alphanumeric sender")) == 5
    assert len(records_of("a short code")) == 4
    assert {phonenumbers.is_possible_number(phonenumbers.parse(truth["subject"][4:]))
               for truth in truths.values() if truth["subject"].startswith("tel:")} == {True}  # fmt: skip


def test_shares_are_near_what_the_constants_say(small):
    folder, _, _ = small
    rows = read_rows(folder)
    calls = [row for row in rows if row["kind"] == "call"]
    texts = [row for row in rows if row["kind"] == "sms"]
    assert len(texts) / len(rows) == pytest.approx(0.25, abs=0.02)
    assert sum(row["answered"] == "1" for row in calls) / len(calls) == pytest.approx(0.78, abs=0.02)
    assert sum(not row["a"] for row in calls) / len(calls) == pytest.approx(0.02, abs=0.005)
    assert sum(bool(row["forwarded"]) for row in calls) / len(calls) == pytest.approx(0.01, abs=0.005)
    answered_s = sorted(int(row["duration_s"]) for row in calls if row["answered"] == "1")
    assert answered_s[len(answered_s) // 2] == pytest.approx(65, abs=5)
    assert {row["duration_s"] == "0" for row in calls if row["answered"] == "0"} == {True}
    assert {bool(row["duration_s"] == "" and row["answered"] == "1" and row["a"]) for row in texts} == {True}
    for column in ("a", "b"):
        abroad = sum(canonical(row[column])[:7] not in {"tel:+33", "short:F", "sender:", ""} and not
                     canonical(row[column]).startswith(("short:", "sender:", "tel:+33")) and row[column] != ""
                     for row in rows)  # fmt: skip
        assert abroad / len(rows) == pytest.approx(0.019, abs=0.004)
    styles = Counter(row["b"][:2] if row["b"][0] == "0" and row["b"][1] == "0" else row["b"][0] for row in calls)
    assert styles["+"] > styles["0"] > styles["00"] > len(calls) / 10
    assert {row["a"] == row["b"] for row in rows} == {False}


def test_activity_is_skewed_and_helplines_lead(small):
    folder, _, _ = small
    counts = Counter(canonical(row[column]) for row in read_rows(folder) for column in ("a", "b") if row[column])
    ordered = sorted(counts.values(), reverse=True)
    assert sum(ordered[: len(ordered) // 10]) > 0.4 * sum(ordered)
    assert ordered[len(ordered) // 2] <= 8  # a handful
    called = Counter(canonical(row["b"]) for row in read_rows(folder) if row["kind"] == "call")
    assert called["short:FR/3900"] >= 10


def test_a_day_has_a_night_and_follows_the_clock_of_the_country():
    winter = day_rhythm(dt.date(2012, 12, 12), "Europe/Paris", is_free_day=False)
    assert winter.weight.sum() == pytest.approx(1)
    assert winter.weight[18 * 60 : 19 * 60].sum() > 20 * winter.weight[2 * 60 : 3 * 60].sum()
    assert np.flatnonzero(winter.is_work)[[0, -1]].tolist() == [8 * 60, 17 * 60 - 1]
    summer = day_rhythm(dt.date(2013, 7, 10), "Europe/Paris", is_free_day=False)
    assert np.flatnonzero(summer.is_work)[0] == 7 * 60
    assert np.array_equal(summer.weight[: 22 * 60], winter.weight[60 : 23 * 60])
    assert not day_rhythm(dt.date(2012, 12, 25), "Europe/Paris", is_free_day=True).is_work.any()
    # 31 March 2013: after 01:59 comes 03:00. By the straight lines between the middles of the hours (10 at 01:30, 6 at
    # 02:30, 4 at 03:30) that is 10 - 4 * 29 / 60 = 8.0667, then 5.
    change = day_rhythm(dt.date(2013, 3, 31), "Europe/Paris", is_free_day=True)
    assert change.weight[60] / change.weight[59] == pytest.approx(5 / (10 - 4 * 29 / 60))
    india = day_rhythm(dt.date(2024, 4, 3), "Asia/Kolkata", is_free_day=False)
    assert np.flatnonzero(india.is_work)[0] == 3 * 60 + 30


def test_different_indexes_have_different_numbers(france):
    everyone = france.number(np.arange(france.subscribers + france.extras))
    keys = everyone.block.astype(np.int64) * 10**6 + everyone.tail
    assert len(np.unique(keys)) == len(keys)
    chosen = np.random.default_rng(3).integers(0, len(keys), 300)
    for block, tail in zip(everyone.block[chosen], everyone.tail[chosen], strict=True):
        one = france.blocks[block]
        number = phonenumbers.parse(one.subject_with(int(tail))[4:])
        assert phonenumbers.is_possible_number(number)
        assert phonenumbers.region_code_for_number(number) == "FR"
        assert {phonenumbers.parse(f"{head}{tail:06d}", "FR") == number for head in one.heads} == {True}


@pytest.mark.parametrize("country", ["US", "GB", "DE", "IN", "IT", "BR", "SN", "LU", "AD", "RU"])
def test_other_countries_have_numbers_that_read_back(country):
    ranges = number_ranges(country, home=country, most=10)
    mobile, fixed = ({block.subject for block in blocks} for blocks in (ranges.mobile, ranges.fixed))
    assert mobile
    assert fixed
    assert not mobile & fixed
    for block in ranges.mobile + ranges.fixed:
        plus, *others = (phonenumbers.parse(f"{head}{271:0{block.tail_digits}d}", country) for head in block.heads)
        assert phonenumbers.is_possible_number(plus)
        assert {other == plus for other in others} == {True}


def test_an_acquaintance_stays_the_same(france):
    index, place = np.arange(1_000), np.full(1_000, 3, np.uint64)
    assert np.array_equal(france.acquaintance(index, place), france.acquaintance(index, place))
    assert not np.array_equal(france.acquaintance(index, place), france.acquaintance(index, place + np.uint64(1)))


def test_fixed_lines_have_no_cell_and_mobile_lines_keep_their_operator(france):
    index = np.arange(3_000)
    home, work = (france.cell(index, np.full(3_000, at_work)) for at_work in (False, True))
    assert ((home < 0) == (index % 3 == 2)).all()
    assert (france.cell(np.full(5, -1), np.zeros(5, np.bool_)) == -1).all()
    mobile = home >= 0
    operators = [[name.split(b"-")[1] for name in france.cells[cells[mobile]]] for cells in (home, work)]
    assert operators[0] == operators[1]
    assert (home[mobile] != work[mobile]).mean() > 0.9


def one_day(population, total):
    day = dt.date(2012, 12, 12)
    appearances = plan_planting(population, (total,)).by_day[0]
    plan = DayPlan(day=day, total=total, is_free_day=False, appearances=appearances)
    return day, list(day_traffic(population, plan, day_generator(1, day)))


def test_a_day_of_any_size_comes_in_small_chunks(france):
    _, chunks = one_day(france, 400_000)
    sizes = [len(columns.second) for columns in chunks]
    assert sum(sizes) == 400_000
    assert max(sizes) < CHUNK_ROWS + 2_000  # a chunk ends with the minute that fills it
    seconds = np.concatenate([columns.second for columns in chunks])
    assert (np.diff(seconds) >= 0).all()


def test_lines_are_what_a_plain_loop_would_write(france):
    day, chunks = one_day(france, 3_000)
    tables = make_csv_tables(france.blocks, france.cells)

    def written(party, style, row):
        block = france.blocks[party.block[row]]
        tail = f"{party.tail[row]:0{block.tail_digits}d}" if block.tail_digits else ""
        return block.heads[style[row]] + tail

    for columns in chunks:
        forwarded = {row: at for at, row in enumerate(columns.forwarded_row)}
        lines = []
        for row, second in enumerate(columns.second):
            at = forwarded.get(row)
            clock = dt.datetime.combine(day, dt.time()) + dt.timedelta(seconds=int(second))
            fields = [
                "sms" if columns.is_text[row] else "call",
                written(columns.a, columns.a_style, row),
                written(columns.b, columns.b_style, row),
                str(clock),
                "" if columns.is_text[row] else str(columns.duration_s[row]),
                str(int(columns.answered[row])),
                "" if at is None else written(columns.forwarded, columns.forwarded_style, at),
                *(
                    "" if cell[row] < 0 else france.cells[cell[row]].decode()
                    for cell in (columns.a_cell, columns.b_cell)
                ),
            ]
            lines.append(",".join(fields) + "\n")
        assert format_rows(columns, tables, day).tobytes().decode() == "".join(lines)


def test_nobody_is_forwarded_to_who_is_already_in_the_call(france):
    _, chunks = one_day(france, 400_000)
    for columns in chunks:
        rows = columns.forwarded_row
        c = columns.forwarded
        for party in (columns.a, columns.b):
            assert not ((party.block[rows] == c.block) & (party.tail[rows] == c.tail)).any()
        assert not columns.is_text[rows].any()


def test_a_full_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "kept").write_text("mine")
    with pytest.raises(Unavailable, match="not empty"):
        simulate(tmp_path, scenario=SMALL, on_progress=lambda _: None, workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"country": "fr"}, "country"),
        ({"records": 999}, "records: found 999, expected 1000"),
        ({"records": 1_000, "last_day": dt.date(2013, 3, 31)}, "records"),
        ({"last_day": dt.date(2012, 12, 9)}, "days: found 0"),
        ({"seed": -1}, "seed"),
        ({"subscribers": 10}, "subscribers"),
    ],
)
def test_a_scenario_outside_its_ranges_is_refused(wrong, said):
    with pytest.raises(MalformedInput, match=said):
        Scenario(**wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"country": "ZZ"}, "no numbering plan"), ({"subscribers": 10**9}, "numbers of FR suffice for"), ({}, "workers")],
)
def test_nothing_is_written_for_what_cannot_be_simulated(tmp_path, wrong, said):
    with pytest.raises(MalformedInput, match=said):
        simulate(
            tmp_path / "out",
            scenario=replace(SMALL, **wrong),
            on_progress=lambda _: None,
            workers=0 if not wrong else 1,
        )
    assert not (tmp_path / "out").exists()


def test_the_smallest_scenario_has_room_for_all_planted_rows(tmp_path):
    scenario = Scenario(country="AD", first_day=dt.date(2024, 2, 28), last_day=dt.date(2024, 4, 17), records=1_000)
    summary = simulate(tmp_path / "out", scenario=scenario, on_progress=lambda _: None, workers=1)
    assert summary.records == 1_000
    truths = json.loads((tmp_path / "out" / "truths.json").read_text())["subjects"]
    assert len({truth["subject"] for truth in truths}) == 13
    assert len(next(truth["records"] for truth in truths if truth["why"].startswith("exactly one"))) == 1


def test_only_the_runner_reaches_disk_clock_or_the_systems_randomness():
    barred = {"os", "pathlib", "socket", "time", "random", "secrets", "multiprocessing", "concurrent"}
    folder = Path(scenario_module.__file__).parent
    pure = [path for path in folder.rglob("*.py") if path.name != "run.py"]
    assert len(pure) == 9
    for path in pure:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not barred & {name.split(".")[0] for name in names}, path.name

"""A call to digits that are no number is kept, found by what was dialled, shown in answers, and audited."""

import pytest
from forging import rows_of

from coffer_audit.cli import main as coffer_audit
from world import feed

CALLER = "+33612345678"
LONG = "0099903012345678"


@pytest.fixture
def dialled(world):
    summary = world.ingest(
        f"{CALLER},0612,2016-09-01 10:00:00,60\n"
        f"{CALLER},061234567,2016-09-01 10:01:00,61\n"
        f"{CALLER},{LONG}7,2016-09-01 10:02:00,62\n"
        f"{CALLER},1234567890123456789,2016-09-01 10:03:00,63\n"
        f"{CALLER},+33698765432,2016-09-01 10:04:00,64\n"
    )
    assert (summary.files[0].kept, summary.files[0].dialled, summary.files[0].rejected.total()) == (5, 4, 0)
    return world


def test_a_call_to_digits_that_are_no_number_is_found_by_those_digits_and_by_its_caller(dialled):
    answer = dialled.open(dialled.authorize())
    peers = [row.split(",")[3] for row in rows_of(answer)]
    assert peers == [
        "dialled:FR/0612",
        "dialled:FR/061234567",
        f"dialled:FR/{LONG}7",
        "dialled:FR/123456789012345~",
        "tel:+33698765432",
    ]
    assert coffer_audit(["answer", str(dialled.write_answer(answer)), "--vault", str(dialled.vault.path)]) == 0
    for digits in ("061234567", f"{LONG}7", "1234567890123456789"):
        answer = dialled.open(dialled.authorize(subjects=[f"dialled:FR/{digits}"]))
        assert [row.split(",")[3] for row in rows_of(answer)] == [f"tel:{CALLER}"]
        assert (
            coffer_audit(["answer", str(dialled.write_answer(answer, digits)), "--vault", str(dialled.vault.path)]) == 0
        )


@pytest.mark.parametrize("subject", ["dialled:FR/06123456", "dialled:DE/061234567", "dialled:FR/123456789012345"])
def test_other_digits_another_country_and_the_cut_of_a_long_one_find_nothing(dialled, subject):
    assert rows_of(dialled.open(dialled.authorize(subjects=[subject]))) == []


def test_dialled_digits_fall_under_the_rule_of_their_feeds_country(world):
    world.publish(world.propose(rules={"FR": "2 of judge,dpo,regulator and judge"}), "judge", "dpo", "regulator")
    record = "061234567,+4930123456,2016-09-01 10:00:00,60\n"
    world.ingest(record)
    world.ingest(record.replace(":00:00", ":00:01"), by=feed(home_country="DE", name="other"), name="de.csv")
    rules = {(one.feed, one.line.rule) for one in world.state().segments.values()}
    assert ("calls", "FR") in rules
    assert {rule for name, rule in rules if name == "other"} == {"base"}

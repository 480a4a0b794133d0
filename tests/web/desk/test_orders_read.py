"""An order of a stranger is read once, shown within bounds, and what a form changes of it is said."""

import re

import pytest

import hi1_messages
from coffer.desk.edits import MAX_REQUESTS
from coffer.web.desk import orders_read, typed
from desking import FIELDS, DeskWorld, told
from epoc_forms import evidence, form1, form2

HOURS = (("2016-09-02T00:00:00Z", "2016-09-02T23:59:59Z"),)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    made = DeskWorld.make(tmp_path_factory.mktemp("desk"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def clerk(desk):
    return desk.person()


@pytest.fixture
def parses(monkeypatch):
    """How often an order was parsed for its drafts, and for its texts."""
    counts = {"propose": 0, "texts_of": 0}

    def counted(name):
        inner = getattr(typed, name)

        def call(*args, **kwargs):
            counts[name] += 1
            return inner(*args, **kwargs)

        monkeypatch.setattr(typed, name, call)

    for name in counts:
        counted(name)
    return counts


def uploaded(clerk, raw):
    return clerk.new_case(files={"order": ("order.xml", raw)})


def order_of(count):
    """An order whose numbers have times of their own each, so that each needs a request."""
    return form1(
        *(
            evidence(n, value=f"+336123450{n:02}", ranges=((f"2016-09-01T00:{n:02}:00Z", HOURS[0][1]),))
            for n in range(count)
        )
    )


def test_attack_order_that_is_costly_to_read_is_read_once_and_not_at_each_view(desk, clerk, parses):
    case = uploaded(clerk, form1(evidence(value="+33612349999", ranges=HOURS)))
    path = f"/cases/{case}/request"
    parses.update(propose=0, texts_of=0)
    form = clerk.form(path)
    for _ in range(2):
        assert clerk.get(path).status_code == 200
        assert clerk.post(f"{path}/validate", data=form | FIELDS).status_code == 200
    assert parses == {"propose": 1, "texts_of": 1}
    files = {"file": ("other.xml", form1(evidence(value="+33612348888", ranges=HOURS)))}
    clerk.post(f"/cases/{case}/documents", data=clerk.form(f"/cases/{case}") | {"kind": "order"}, files=files)
    assert clerk.get(path).status_code == 200
    assert parses == {"propose": 2, "texts_of": 2}, "another file is read"


def test_attack_case_of_many_orders_has_only_the_newest_read(desk, clerk, parses, monkeypatch):
    monkeypatch.setattr(orders_read, "MAX_FILES_READ", 2)
    monkeypatch.setattr(orders_read, "MAX_KEPT", 4)
    case = uploaded(clerk, form1(evidence(value="+33612347700", ranges=HOURS)))
    for n in range(2):
        files = {"file": ("more.xml", form1(evidence(value=f"+336123477{n + 1:02}", ranges=HOURS)))}
        form = clerk.form(f"/cases/{case}") | {"kind": "order"}
        assert clerk.post(f"/cases/{case}/documents", data=form, files=files).status_code == 303
        parses.update(propose=0)
        page = told(clerk.get(f"/cases/{case}/request"))
        is_over = n == 1
        assert ("Older files of the order that no machine read: 1" in page) == is_over
        assert parses["propose"] <= 2
    assert len(desk.office.orders._known) <= 4


def test_attack_thousands_of_identifiers_and_texts_are_counted_and_not_all_shown(desk, clerk):
    lacking = [evidence(n, "IPV_4", f"192.0.{n // 200}.{n % 200 + 1}", ranges=HOURS) for n in range(2, 2 + 300)]
    texts = "".join(f"<f:SectionM><f:Text>{n}: {'word ' * 2000}</f:Text></f:SectionM>" for n in range(1))
    page = clerk.get(f"/cases/{uploaded(clerk, form1(evidence(ranges=HOURS), *lacking, more=texts))}/request")
    assert "Others that cannot be answered and are not shown: 200" in told(page)
    assert "It is due ten days after its receipt" in told(page), "what must be heeded is never left out"
    assert len(page.text) < 60_000
    few = clerk.get(f"/cases/{uploaded(clerk, form1(evidence(ranges=HOURS), *lacking[:5]))}/request")
    assert "are not shown" not in told(few)
    refused = typed.fill_from_order(typed.Draft(), form1(*lacking), found_by=()).why_not
    assert "and 280 more" in refused.message
    assert (refused.__traceback__, refused.__context__) == (None, None), "what is kept keeps no order alive"
    assert len(refused.message) < 5_000


def test_long_texts_of_an_order_are_cut_with_their_count():
    long = hi1_messages.order(documents=())
    assert typed.texts_for_people(long).left == 0
    many = "".join(f"<f:Text>{'word ' * 12_000}</f:Text>" for _ in range(3))
    read = typed.texts_for_people(form1(evidence(ranges=HOURS), more=f"<f:SectionM>{many}</f:SectionM>"))
    assert read.left >= 1
    assert sum(len(one.text) for one in read.shown) <= typed.MAX_LETTERS


def test_order_that_needs_more_than_its_case_can_send_is_said_so_at_once(desk, clerk):
    case = uploaded(clerk, order_of(MAX_REQUESTS + 2))
    assert len(desk.store.case(case).drafts) == MAX_REQUESTS
    page = told(clerk.get(f"/cases/{case}/request?order=read"))
    assert "It needs 22 requests. The first 20 are drafts; write the other 2 in further cases." in page
    fits = uploaded(clerk, order_of(3))
    assert len(desk.store.case(fits).drafts) == 3
    assert "further cases" not in told(clerk.get(f"/cases/{fits}/request?order=read"))


def test_list_of_the_holds_that_an_order_needs_is_bounded_and_leads_to_each(desk, clerk):
    asked = [
        evidence(n, value=f"+336123450{n:02}", ranges=((f"2016-09-01T00:{n:02}:00Z", HOURS[0][1]),)) for n in range(50)
    ]
    case = uploaded(clerk, form2(*asked))
    for here, shown in ((1, 40), (30, 49), (50, 50)):
        page = clerk.get(f"/cases/{case}/hold?part={here}")
        assert "Others that are not shown: 10" in told(page)
        assert f"/cases/{case}/hold?part={shown}" in page.text or shown == here
    few = uploaded(clerk, form2(*asked[:3]))
    assert "not shown" not in told(clerk.get(f"/cases/{few}/hold"))


def test_request_that_the_case_has_no_room_for_is_refused_before_the_passkey(desk, clerk, monkeypatch):
    case = clerk.new_case()
    assert clerk.send(case).status_code == 303
    monkeypatch.setattr("coffer.desk.edits.MAX_REQUESTS", 1)
    path = f"/cases/{case}/request"
    refused = clerk.post(f"{path}/challenge", data=clerk.form(path) | FIELDS)
    assert (refused.status_code, refused.json()["what"]) == (403, "case: 2 requests, expected at most 1")
    monkeypatch.setattr("coffer.desk.edits.MAX_REQUESTS", 2)
    assert clerk.send(case).status_code == 303


def test_form_says_which_of_its_fields_differ_from_the_order(desk, clerk):
    case = uploaded(clerk, form1(evidence(value="+33612345678", ranges=HOURS)))
    path, draft = f"/cases/{case}/request", desk.store.case(case).draft
    same = FIELDS | {
        "authority": draft.authority,
        "issued_by": draft.issued_by,
        "issued_in": draft.issued_in,
        "subjects": "06 12 34 56 78",
        "kinds": list(draft.kinds),
        "zone": "Europe/Paris",
        "first_1": "2016-09-02T02:00",
        "last_1": "2016-09-03T02:00",
    }
    form = clerk.form(path)
    assert "differ from the order" not in clerk.get(path).text
    spelled = clerk.post(f"{path}/validate", data=form | same)
    assert "differ from the order" not in spelled.text, "the same moment and number in another spelling"
    other = same | {"first_1": "2016-09-01", "last_1": "2016-09-03", "subjects": "+33612345679"}
    page = clerk.post(f"{path}/validate", data=form | other)
    assert "Some fields differ from the order. Is that meant?" in told(page)
    rows = re.findall(r"<t[hd] [^>]*>([^<]+)</t[hd]>", page.text[page.text.index('id="differs"') :])
    assert [label for label in ("Numbers and addresses", "Days", "Kinds of record") if label in rows] == [
        "Numbers and addresses",
        "Days",
    ]
    assert clerk.agree_from(f"{path}/challenge", f"{path}/send", form | other).status_code == 303, "not forbidden"

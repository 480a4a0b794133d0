"""The window's pages, as browsers and other programs get them."""

import asyncio
import csv
import gzip
import io
import json
import re
import time
from datetime import datetime, timedelta
from html.parser import HTMLParser
from itertools import product
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree as ET

import pytest

from coffer.cli.main import run
from coffer.errors import Unavailable
from coffer.web.ground.languages import LANGUAGES
from coffer.web.window import kept
from holds import begun
from windows import ORIGIN, SECRET, client_of, window_on

ATOM = "{http://www.w3.org/2005/Atom}"
VOID = {"meta", "link", "input", "br", "hr", "img"}
OWN_WORK = ("/verify", "/answer", "/concerned", "/not-proven")
"""Pages that stand on no log here: browsers fetch it and verify it themselves."""
PAGES = (
    "/",
    "/openings",
    "/calendar",
    "/log",
    "/log/0",
    "/transparency",
    *OWN_WORK,
)


class Page(HTMLParser):
    """Links and ids of a page, and whether every element is closed where it was opened."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids, self.open, self.title, self.labels = [], set(), [], "", set()
        self.heads = 0
        self.feed(text)
        assert self.open == [], self.open

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        assert len(given) == len(attributes), (tag, attributes)
        assert "style" not in given
        self.links += [given[name] for name in ("href", "src", "action") if given.get(name)]
        self.heads += tag == "h1" and "template" not in self.open
        if "id" in given:
            assert given["id"] not in self.ids, given["id"]
            self.ids.add(given["id"])
        if "aria-labelledby" in given:
            self.labels.add(given["aria-labelledby"])
        if tag not in VOID | {"path", "rect"}:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in {"path", "rect"}:
            return
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "title" and "svg" not in self.open:
            self.title += data


def crawl(client):
    """Every page that can be reached from the first one, by its address."""
    found, waiting = {}, ["/"]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found[path] = response = client.get(path)
        assert response.status_code == 200, (path, response.status_code, response.text[:500])
        if response.headers["content-type"].startswith("text/html"):
            page = Page(response.text)
            assert page.heads == 1, path
            assert page.labels <= page.ids, (path, page.labels - page.ids)
            for link in page.links:
                assert not urlsplit(link).scheme, link
                target = urljoin(path, link).partition("#")[0]
                if target and "language=" not in target:
                    waiting.append(target)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_link_and_asset_answers_in_every_language(window, language):
    found = crawl(client_of(window, language))
    pages = {path for path, response in found.items() if response.headers["content-type"].startswith("text/html")}
    assert set(PAGES) <= pages
    assert len([path for path in pages if re.fullmatch(r"/log/[0-9]+", path)]) == window.reading.checkpoint.head.size
    assert {"/openings.atom", "/calendar.ics", "/checkpoint"} <= found.keys()
    for path in pages:
        assert f'<html lang="{language}">' in found[path].text


def test_links_to_other_languages_keep_what_was_asked_and_nothing_else(client):
    page = client.get("/log?type=roster&page=1&unknown=x").text
    assert 'href="/log?page=1&amp;type=roster&amp;language=fr"' in page
    assert 'href="/?language=fr"' in client.get("/").text


def test_nobody_is_named_but_by_the_log_itself(window):
    """The reveal of the test shows a number and a person: the log's own tiles hold them, and no page does."""
    number = "+33612345678"
    for path, response in crawl(client_of(window)).items():
        for word in ("Secret Person", SECRET, number, number[1:]):
            assert word not in response.text, path
            assert word not in path
    assert number in client_of(window).get("/revealed.json").text  # for readers who look themselves up


def test_titles_say_no_authority_and_texts_of_orders_are_no_markup(window):
    client = client_of(window)
    for path in PAGES:
        page = client.get(path).text
        assert "Court" not in Page(page).title
        assert "<Court>" not in page
    assert "&lt;Court&gt; A" in client.get("/openings").text


@pytest.mark.parametrize("path", [*PAGES, "/openings.atom", "/numbers.csv", "/nothing", "/log/99999", "/?kind=x"])
def test_every_answer_has_the_headers_of_the_ground(client, path):
    response = client.get(path)
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/nothing", "/log/99999", "/log/01", "/log/-1", "/log/²", "/log/1x", "/log/"])
def test_what_is_not_there_is_said_by_a_page(client, path):
    response = client.get(path)
    assert response.status_code == 404
    assert "There is no such page" in response.text


@pytest.mark.parametrize(
    "path",
    [
        "/?kind=fax",
        "/?period=1999",
        "/log?page=77",
        "/log?type=x",
        "/transparency?from=x",
        "/transparency?from=2016-09-09&to=2016-09-01",
        "/?feed=" + "x" * 65,
    ],
)
def test_what_cannot_be_asked_is_refused_with_what_helps(client, path):
    response = client.get(path)
    assert response.status_code == 400
    assert "<h1>" in response.text


def test_the_log_keeps_its_own_paths_under_any_host_name(rich, client):
    checkpoint = client.get("/checkpoint", headers={"host": "other.example"})
    assert checkpoint.content == rich.vault.log.checkpoint()
    assert checkpoint.headers["cache-control"] == "no-cache"
    size = rich.state().size
    tile = client.get(f"/tile/entries/000.p/{size}", headers={"host": "other.example"})
    assert tile.status_code == 200
    assert "immutable" in tile.headers["cache-control"]
    assert client.get("/tile/nothing").status_code == 404
    assert client.get("/tile/../vault.toml").status_code == 404
    assert client.get("/", headers={"host": "other.example"}).status_code == 421


def test_nobody_can_post(client):
    response = client.post("/", headers={"origin": ORIGIN, "content-length": "0"})
    assert response.status_code == 405


# What is kept.


def test_a_page_is_sent_once_to_a_reader_who_has_it(client):
    first = client.get("/")
    assert first.headers["cache-control"] == "no-cache"
    assert {"cookie", "accept-language", "accept-encoding"} <= set(first.headers["vary"].split(", "))
    again = client.get("/", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/", headers={"if-none-match": '"other"'}).status_code == 200


def test_a_compressed_page_is_the_same_page(client):
    plain = client.get("/", headers={"accept-encoding": "identity"})
    packed = client.get("/", headers={"accept-encoding": "br, gzip;q=0.8"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    assert packed.headers["etag"] != plain.headers["etag"]
    refused = client.get("/", headers={"accept-encoding": "gzip;q=0"})
    assert "content-encoding" not in refused.headers
    made = kept.answer(b"x" * 5_000, "text/plain")
    assert gzip.decompress(made.packed) == made.body


def test_a_longer_log_is_on_the_pages_at_the_next_look(rich, window):
    client = client_of(window)
    before = client.get("/log")
    rich.epoch("2016-10-01", "2016-10-01")
    assert client.get("/log").text == before.text
    window.look()
    after = client.get("/log")
    assert after.headers["etag"] != before.headers["etag"]
    assert f"The log has {rich.state().size} entries" in after.text


def test_kept_answers_are_bounded(monkeypatch):
    made = []

    async def make():
        made.append(1)
        return kept.answer(bytes(4_000), "text/plain")

    async def asked():
        monkeypatch.setattr(kept, "MOST", 3)
        answers = kept.Answers()
        for number in (*range(5), 4, 3, 0):
            await answers.get((number,), make)
        assert (len(answers._kept), len(made)) == (3, 6)  # the last three were kept, and 0 was made again
        monkeypatch.setattr(kept, "MOST_BYTES", 9_000)
        await answers.get((9,), make)
        assert answers.size_bytes == sum(held.size for held in answers._kept.values()) <= 9_000
        answers.forget()
        assert answers.size_bytes == 0

    asyncio.run(asked())


def test_readers_who_ask_for_the_same_at_once_wait_for_one_page():
    made = []

    async def make():
        made.append(1)
        await asyncio.sleep(0.01)
        return kept.answer(b"page", "text/plain")

    async def asked():
        answers = kept.Answers()
        given = await asyncio.gather(*(answers.get(("page",), make) for _ in range(50)))
        assert {answer.body for answer in given} == {b"page"}

    asyncio.run(asked())
    assert made == [1]


def test_an_error_is_not_kept():
    async def fail():
        raise Unavailable("tally: missing")

    async def work():
        return kept.answer(b"page", "text/plain")

    async def asked():
        answers = kept.Answers()
        with pytest.raises(Unavailable, match="tally: missing"):
            await answers.get(("page",), fail)
        assert (await answers.get(("page",), work)).body == b"page"

    asyncio.run(asked())


def test_fields_that_a_page_does_not_have_are_no_part_of_what_is_asked(client):
    assert client.get("/openings?x=1").headers["etag"] == client.get("/openings").headers["etag"]


def test_the_window_needs_no_key_and_writes_nothing(read_only):
    before = sorted((path, path.stat().st_mtime_ns) for path in read_only.vault.path.rglob("*"))
    window = window_on(read_only)
    assert window.health == "ok"
    assert client_of(window).get("/").status_code == 200
    assert client_of(window).get("/health").text == "ok"
    assert sorted((path, path.stat().st_mtime_ns) for path in read_only.vault.path.rglob("*")) == before


def test_the_window_waits_for_no_writer(rich):
    with rich.vault.writing():
        started = time.monotonic()
        assert client_of(window_on(rich)).get("/").status_code == 200
        assert time.monotonic() - started < 30


# What does not hold.


def test_a_changed_tally_is_said_and_the_log_goes_on(rich):
    window, path = window_on(rich), next((rich.vault.path / "tally").glob("*.hours.parquet"))
    raw = path.read_bytes()
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    client = client_of(window)
    response = client.get("/")
    assert response.status_code == 409
    assert "A proof does not hold" in response.text
    assert "not the one in the log" in response.text
    assert client.get("/openings").status_code == client.get("/checkpoint").status_code == 200
    path.unlink()
    assert client.get("/").status_code == 503
    path.write_bytes(raw)
    assert client.get("/").status_code == 200


def test_a_log_that_does_not_continue_is_said_on_every_page(rich):
    window = window_on(rich)
    client = client_of(window)
    old = rich.vault.log.checkpoint()
    rich.epoch("2016-10-01", "2016-10-01")
    window.look()
    newest = rich.vault.log.checkpoint()
    rich.disk.write(rich.vault.path / "log" / "checkpoint", old)
    window.look()
    for path in PAGES:
        response = client.get(path)
        assert response.status_code == (200 if path in OWN_WORK else 409), path
        if path != "/not-proven":
            assert "A proof does not hold" in response.text
    assert (client.get("/health").status_code, client.get("/health").text) == (503, "damaged")
    assert client.get("/checkpoint").status_code == 200
    rich.disk.write(rich.vault.path / "log" / "checkpoint", newest)
    window.look()
    assert client.get("/").status_code == 200


def test_a_damaged_entry_is_said(rich):
    bundle = max(
        (rich.vault.path / "log/tile/entries").rglob("*"), key=lambda path: path.is_file() and path.stat().st_size
    )
    bundle.write_bytes(bundle.read_bytes().replace(b"coffer.draw/v1", b"coffer.dram/v1"))
    client = client_of(window_on(rich))
    assert client.get("/").status_code == 409
    assert "do not give the root" in client.get("/").text


def test_before_the_log_was_read_pages_say_so(rich):
    window = window_on(rich)
    window.reading._checkpoint = None
    client = client_of(window)
    assert client.get("/").status_code == 503
    assert client.get("/health").text == "reading"
    for path in OWN_WORK:  # the browser fetches the log itself
        response = client.get(path)
        assert response.status_code == 200
        assert "A proof does not hold" not in response.text


def test_a_vault_without_records_says_what_will_stand_there(world):
    client = client_of(window_on(world))
    assert "No record was sealed yet" in client.get("/").text
    assert "Nothing was opened yet" in client.get("/openings").text
    assert client.get("/numbers.csv").status_code == 400
    assert crawl(client)


def test_own_number_may_be_typed_as_at_home_though_no_number_is_published(world):
    home = 'data-code="33" data-trunk="0"'
    assert home not in client_of(window_on(world)).get("/concerned").text
    assert home in client_of(window_on(world, home="FR")).get("/concerned").text


# Numbers.


def test_numbers_are_those_of_the_report_for_every_filter(month, capsys):
    client = client_of(window_on(month))
    period = ["--from", "2012-12-10", "--to", "2013-01-08"]
    for kind, country, feed in product(("", "call", "text"), ("", "DE", "FR"), ("", "msc-north")):
        fields = {"kind": kind, "country": country, "feed": feed}
        query = "&".join(f"{name}={value}" for name, value in fields.items())
        words = [word for name, value in fields.items() if value for word in (f"--{name}", value)]
        table = said(capsys, "report", str(month.vault.path), *period, *words, "--csv")
        assert client.get(f"/numbers.csv?{query}").text == table, query
        told = json.loads(said(capsys, "report", str(month.vault.path), *period, *words, "--json"))
        page = client.get(f"/numbers.json?{query}").json()
        assert page.pop("log")["size"] == month.vault.log.size()
        assert page == told, query
        total = f"{told['total']:,}"
        assert re.search(rf'<p class="big">{total} ', client.get(f"/?{query}").text), query


def said(capsys, *words):
    capsys.readouterr()
    assert run(words) == 0
    return capsys.readouterr().out


def test_transparency_is_that_of_the_command(rich, capsys):
    client = client_of(window_on(rich))
    page = client.get("/transparency.json?from=2016-09-01&to=2016-09-30").json()
    told = json.loads(
        said(capsys, "transparency", str(rich.vault.path), "--from", "2016-09-01", "--to", "2016-09-30", "--json")
    )
    assert told.pop("overdue") is not None  # known to the desk alone
    assert page == told
    assert (
        "2 openings from 1 September 2016 to 30 September 2016"
        in client.get("/transparency?from=2016-09-01&to=2016-09-30").text
    )


def test_csv_is_a_download_of_the_days(client):
    response = client.get("/numbers.csv")
    assert response.headers["content-disposition"] == 'attachment; filename="numbers.csv"'
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [(row["day"], row["records"]) for row in rows] == [
        ("2016-09-01", "1"),
        ("2016-09-02", "1"),
        ("2016-09-03", "1"),
    ]


def test_revealed_authorizations_are_the_logs_own(rich, client):
    document = client.get("/revealed.json").json()
    (only,) = document["authorizations"]
    assert "subject: tel:+33612345678" in only["lines"]
    assert only["hidden"] == 0
    assert len(only["openings"]) == 1
    assert (document["openings"], document["authorizations_used"]) == (2, 2)
    assert document["size"] == rich.state().size
    assert [line for line in only["lines"] if line.startswith("salt")] == []


# The feed and the calendar.


def test_feed_is_atom(client):
    """RFC 4287: what a feed and an entry must have, once each, and what else they may."""
    response = client.get("/openings.atom")
    assert response.headers["content-type"] == "application/atom+xml; charset=utf-8"
    feed = ET.fromstring(response.content)
    assert feed.tag == f"{ATOM}feed"
    once(feed, "id", "title", "updated", "author")
    assert {child.tag.removeprefix(ATOM) for child in feed} == {"id", "title", "updated", "author", "link", "entry"}
    assert [link.get("rel") for link in feed.findall(f"{ATOM}link")] == ["self", "alternate"]
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == 2
    for entry in entries:
        once(entry, "id", "title", "updated", "published", "summary")
        assert {child.tag.removeprefix(ATOM) for child in entry} == {
            "id", "title", "updated", "published", "summary", "link"}  # fmt: skip
        assert client.get(urlsplit(entry.find(f"{ATOM}link").get("href")).path).status_code == 200
    texts = [found.text for found in feed.iter(f"{ATOM}id")]
    assert len(set(texts)) == len(texts) == 3
    for text in texts:
        assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text)
    times = [datetime.fromisoformat(found.text) for found in feed.iter(f"{ATOM}updated")]
    assert times[0] == max(times[1:])
    for word in ("Court", "Secret", SECRET, "tel:"):
        assert word not in response.text


def once(element, *names):
    for name in names:
        assert len(element.findall(f"{ATOM}{name}")) == 1, name


def test_feed_of_a_log_without_openings_is_atom_too(world):
    feed = ET.fromstring(client_of(window_on(world)).get("/openings.atom").content)
    once(feed, "id", "title", "updated", "author")
    assert feed.findall(f"{ATOM}entry") == []


def test_ids_of_the_feed_are_the_same_wherever_the_log_is_served(rich):
    feeds = [client_of(window_on(rich, operator=name)).get("/openings.atom").content for name in ("A", "B")]
    ids = [[found.text for found in ET.fromstring(feed).iter(f"{ATOM}id")] for feed in feeds]
    assert ids[0] == ids[1]


def test_calendar_is_one_of_days(month):
    raw = client_of(window_on(month)).get("/calendar.ics").content
    assert raw.endswith(b"END:VCALENDAR\r\n")
    lines = raw.decode().split("\r\n")
    assert max(len(line.encode()) for line in lines) <= 75
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == 2
    assert "DTSTART;VALUE=DATE:20130110" in lines


def test_holds_are_counted_by_how_they_stand_and_name_nobody(rich):
    day = rich.now.date().isoformat()
    begun(rich, days=[(day, day)])
    rich.now += timedelta(days=4)
    second = begun(rich, days=[(day, day)])
    window = window_on(rich)
    client = client_of(window)
    page = client.get("/openings").text
    assert page.count(">lapsed<") == page.count(">begun<") == 1
    home = client.get("/").text
    assert "1 begun" in home
    assert "1 lapsed" in home
    assert second.terms.subjects[0].value not in page
    assert second.commitment.hex()[:16] not in page

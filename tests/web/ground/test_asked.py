"""A request in plain words beside its lines."""

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from coffer.authority.authorization import Terms, format_terms
from coffer.authority.known import parse_authorities
from coffer.authority.ordered import IssuedIn, OrderFile, Urgency
from coffer.authority.period import Period, whole_days
from coffer.identity.identifier import parse_subject
from coffer.identity.shown import grouped_number, is_mobile
from coffer.notes.keys import Secret, SigningKey
from coffer.web.ground.asked import differences, read_terms, show_offset, show_period
from coffer.web.ground.languages import LANGUAGES
from coffer.web.ground.signers import Member, read_rule
from coffer.web.ground.standing import mark_authority
from coffer.web.ground.wording import Wording
from world import World, ordered

PARIS = ZoneInfo("Europe/Paris")
EN = Wording("en", PARIS)


def make_terms(**changes):
    fields = {
        "origin": "telco.example/vault",
        "roster": bytes(32),
        "id": bytes(16),
        "salt": Secret(bytes(32), "salt"),
        "requester": SigningKey("desk", Secret(bytes(32), "desk")).verify_key,
        "seal": bytes(32),
        "authority": "Court of Appeal, investigating section",
        "basis": "Art. 60-1 CPP, case 12/0417",
        "purpose": "Aggravated theft",
        "persons": ("A. Example",),
        "ordered": ordered(dt.datetime(2013, 1, 9, 10, 31, tzinfo=PARIS)),
        "subjects": (parse_subject("tel:+33698024545", "subject"),),
        "rules": ("FR",),
        "periods": ((whole_days(dt.date(2012, 12, 22), dt.date(2012, 12, 26), PARIS),),),
        "kinds": ("call", "text"),
        "max_records": 500,
        "is_hub": False,
        "not_before": dt.datetime(2013, 1, 9, 9, 31, tzinfo=dt.UTC),
        "expires": dt.datetime(2013, 1, 16, 9, 31, tzinfo=dt.UTC),
        "secret_until": dt.date(2013, 7, 9),
    }
    return Terms(**fields | changes)


@pytest.mark.parametrize(
    ("language", "sentence", "short"),
    [
        (
            "en",
            "Court of Appeal, investigating section asks to open the calls and texts of 1 number, for 5 days, at most 500 records",
            "Calls and texts of 1 number, 5 days, at most 500 records",
        ),
        (
            "fr",
            "Court of Appeal, investigating section demande d’ouvrir les appels et SMS de 1 numéro, sur 5 jours, au plus 500 enregistrements",  # noqa: RUF001 - French
            "Appels et SMS de 1 numéro, 5 jours, au plus 500 enregistrements",
        ),
        (
            "de",
            "Court of Appeal, investigating section beantragt, die Anrufe und SMS von 1 Nummer zu öffnen, für 5 Tage, höchstens 500 Datensätze",
            "Anrufe und SMS von 1 Nummer, 5 Tage, höchstens 500 Datensätze",
        ),
    ],
)
def test_sentence_is_composed_from_the_fields_in_each_language(language, sentence, short):
    asked = read_terms(make_terms(), Wording(language, PARIS))
    assert (asked.sentence, asked.short) == (sentence, short)


def test_lede_names_the_subject_and_the_days_on_the_clock_of_the_order():
    lede = read_terms(make_terms(), EN).lede
    assert lede == ("+33 6 98 02 45 45, 22 to 26 December 2012.", "Purpose, as signed: Aggravated theft.")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_of_the_terms_stands_beside_its_words(language):
    terms = make_terms()
    exact = [line for fact in read_terms(terms, Wording(language, PARIS)).facts for line in fact.exact]
    signed = format_terms(terms).decode("ascii").splitlines()
    machine = ("coffer.", "origin:", "roster:", "id:", "salt:", "requester:", "seal:")
    assert sorted(exact) == sorted(line for line in signed if not line.startswith(machine))


@pytest.mark.parametrize("language", LANGUAGES)
def test_amendment_says_that_it_is_one_and_of_which_request(language):
    terms = replace(make_terms(), amends=bytes.fromhex("ab" * 32))
    facts = read_terms(terms, Wording(language, PARIS)).facts
    (amends,) = [fact for fact in facts if fact.key == "amends"]
    assert amends.exact == (f"amends: {'ab' * 32}",)
    assert "ab" * 16 in amends.words[0]
    assert [fact.key for fact in read_terms(make_terms(), EN).facts if fact.key == "amends"] == []


def test_free_text_stands_as_it_is_signed():
    terms = make_terms(purpose="<b>vol</b> & recel", persons=("A. 'Example'",))
    words = {fact.key: fact.words for fact in read_terms(terms, Wording("fr", PARIS)).facts}
    assert (words["purpose"], words["person 1"]) == (("<b>vol</b> & recel",), ("A. 'Example'",))


def test_long_authority_leaves_the_heading_and_stands_below():
    terms = make_terms(authority="Amtsgericht Musterstadt, " * 10 + "Abteilung")
    asked = read_terms(terms, EN)
    assert asked.sentence.startswith("An authority asks to open the calls and texts of 1 number")
    assert f"Asked by: {terms.authority}." in asked.lede
    assert read_terms(terms, EN, short_authority="AG Musterstadt").sentence.startswith("AG Musterstadt asks")


def test_several_subjects_are_counted_by_what_they_are():
    two = tuple(parse_subject(text, "s") for text in ("tel:+33698024545", "mailto:a@example.org"))
    terms = make_terms(
        subjects=two, periods=make_terms().periods * 2, persons=("A. Example",) * 2, kinds=("call", "email")
    )
    asked = read_terms(terms, EN)
    assert asked.short == "Calls and e-mails of 2 identities, 5 days, at most 500 records"
    assert asked.lede[0] == "+33 6 98 02 45 45 and 1 more, 22 to 26 December 2012."
    assert [fact.label for fact in asked.facts][4:10] == [
        "Number 1",
        "Person 1",
        "Days 1",
        "E-mail address 2",
        "Person 2",
        "Days 2",
    ]


def test_a_handset_and_a_sim_are_shown_in_groups_and_said_to_be_such():
    """A handset may be used by several people, whose records an order for it opens too."""
    two = tuple(parse_subject(text, "s") for text in ("imei:490154203237518", "imsi:208011234567890"))
    asked = read_terms(make_terms(subjects=two, periods=make_terms().periods * 2, persons=("A. Example",) * 2), EN)
    said = {fact.label: (fact.words, fact.exact) for fact in asked.facts}
    assert said["Handset 1"] == (
        ("IMEI 49015420 323751 8", "Records of every number that was used with it, also those of other people."),
        ("subject: imei:490154203237518",),
    )
    assert said["SIM 2"][0] == ("IMSI 208 011234567890", "Country of its network: France.")


def test_how_the_order_came_is_said_and_each_file_is_fixed_by_its_hash():
    came = ordered(
        dt.datetime(2013, 1, 9, 10, 31, tzinfo=dt.timezone(dt.timedelta(hours=1))),
        urgency=Urgency.EMERGENCY,
        issued_in=IssuedIn.UNION,
        due=dt.datetime(2013, 1, 9, 18, 31, tzinfo=dt.timezone(dt.timedelta(hours=1))),
        files=(OrderFile(sha256=bytes(32), size=48_213),),
    )
    facts = {fact.key: fact for fact in read_terms(make_terms(ordered=came), EN).facts}
    assert facts["class"].words == (
        "An emergency.",
        "An order to hand records over.",
        "Issued by a court or judge, in another country of the European Union",
        "Received 9 January 2013, 10:31 (UTC+1).",
        "Answer due 9 January 2013, 18:31 (UTC+1).",
    )
    assert "received: 2013-01-09T10:31:00+01:00" in facts["class"].exact
    assert facts["order"].exact == (f"order: {'00' * 32} 48213",)


def test_letters_that_can_look_alike_are_told_beside_the_text():
    facts = {fact.key: fact for fact in read_terms(make_terms(purpose="\u0421ourt case", basis="Αθήνα"), EN).facts}
    assert facts["purpose"].notes == (
        "Careful: the word \u0421ourt mixes letters of several alphabets, which can look alike.",
        "Written in: Cyrillic.",
    )
    assert facts["basis"].notes == ("Written in: Greek.",)
    assert facts["authority"].notes == ()


def test_hours_are_parts_of_days_and_say_what_is_dropped():
    first = dt.datetime(2012, 12, 22, 8, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    period = Period(first=first, end=first + dt.timedelta(hours=6))
    asked = read_terms(make_terms(periods=((period,),)), EN)
    assert asked.short == "Calls and texts of 1 number, part of 1 day, at most 500 records"
    said = next(fact.words for fact in asked.facts if fact.key == "period 1")
    assert said == (
        "from 22 December 2012, 08:00 (UTC+1) until 22 December 2012, 14:00 (UTC+1)",
        "1 UTC day is touched. Records that start outside these times are dropped.",
    )


def test_local_days_say_how_many_utc_days_they_touch():
    said = next(fact.words for fact in read_terms(make_terms(), EN).facts if fact.key == "period 1")
    assert said[0] == "22 to 26 December 2012, whole days at UTC+1"
    assert said[1].startswith("6 UTC days are touched.")


def test_a_clock_that_is_put_back_within_the_days_is_said():
    period = whole_days(dt.date(2016, 10, 29), dt.date(2016, 11, 1), PARIS)
    assert show_period(period, EN) == "29 October to 1 November 2016, whole days from UTC+2 to UTC+1"
    utc = whole_days(dt.date(2016, 12, 31), dt.date(2017, 1, 1), dt.UTC)
    assert show_period(utc, Wording("de", PARIS)) == "31. Dezember 2016 bis 1. Januar 2017, ganze Tage (UTC)"


def test_offsets_are_short():
    half = dt.timezone(dt.timedelta(hours=5, minutes=30))
    assert [show_offset(dt.datetime(2016, 1, 1, tzinfo=zone)) for zone in (dt.UTC, half)] == ["UTC", "UTC+5:30"]
    assert show_offset(dt.datetime(2016, 1, 1, tzinfo=dt.timezone(-dt.timedelta(hours=3)))) == "UTC-3"


def test_differences_are_told_line_by_line_in_words():
    old = make_terms(max_records=5_000, kinds=("call", "text", "email"))
    told = [(one.key, one.before[0], one.after[0]) for one in differences(old, make_terms(), EN)]
    assert told == [
        ("kinds", "Calls, texts and e-mails", "Calls and texts"),
        ("max-records", "5,000 records; the opening stops there", "500 records; the opening stops there"),
    ]
    assert differences(old, old, EN) == ()


def test_subjects_are_compared_by_what_they_are_and_not_by_their_place():
    first, second = (parse_subject(text, "s") for text in ("tel:+33698024545", "tel:+33698024546"))
    two = make_terms(subjects=(first, second), periods=make_terms().periods * 2, persons=("A. Example",) * 2)
    swapped = make_terms(subjects=(second, first), periods=make_terms().periods * 2, persons=("A. Example",) * 2)
    assert differences(two, swapped, EN) == ()
    fewer = differences(two, make_terms(), EN)
    assert [(one.key, one.label, one.after) for one in fewer] == [
        ("", "Number 2", ()),
        ("", "Person 2", ()),
        ("", "Days 2", ()),
    ]
    more = differences(make_terms(), two, EN)
    assert [(one.key, one.before) for one in more] == [("subject 2", ()), ("person 2", ()), ("period 2", ())]


def test_a_number_is_grouped_only_where_its_digits_stay_the_same():
    assert grouped_number("33698024545") == "+33 6 98 02 45 45"
    assert grouped_number("999") == "+999"
    assert (is_mobile("33698024545"), is_mobile("33144276000"), is_mobile("999")) == (True, False, False)


@pytest.fixture
def roster(tmp_path):
    names = ("judge", "dpo", "regulator", "oversight")
    rules = (("base", "2 of judge,dpo,regulator"), ("FR", "2 of judge,dpo,regulator and oversight"))
    return World.make(tmp_path, custodians=names, rules=rules).vault.replay().roster


def test_rule_is_shown_by_parts_with_their_members(roster):
    parts = read_rule(make_terms(), roster, ["dpo"], EN)
    assert [(part.title, part.text, part.kind) for part in parts] == [
        ("2 of judge, dpo, regulator", "1 of 2", "wait"),
        ("And oversight, always", "0 of 1", "wait"),
    ]
    assert [(member.name, member.text) for member in parts[0].members] == [
        ("judge", "missing"),
        ("dpo", "signed"),
        ("regulator", "missing"),
    ]


def test_rule_is_complete_when_every_part_is(roster):
    parts = read_rule(make_terms(), roster, ["dpo", "judge", "oversight"], EN)
    assert [(part.text, part.is_met) for part in parts] == [("complete", True), ("complete", True)]


def test_page_says_more_of_a_member(roster):
    you = Member(name="judge", text="you, now", kind="wait", note="A second person must agree.")
    assert read_rule(make_terms(), roster, [], EN, members={"judge": you})[0].members[0] == you


def test_hub_needs_everyone_of_the_rule(roster):
    parts = read_rule(make_terms(is_hub=True), roster, ["dpo"], EN)
    assert [(part.title, part.text) for part in parts] == [
        ("All of judge, dpo, regulator, oversight, because very many people call this number", "1 of 4")
    ]


def test_two_rules_are_named(roster):
    subjects = tuple(parse_subject(text, "s") for text in ("tel:+33698024545", "mailto:a@example.org"))
    terms = replace(
        make_terms(),
        subjects=subjects,
        periods=make_terms().periods * 2,
        persons=("A. Example",) * 2,
        rules=("FR", "base"),
    )
    titles = [part.title for part in read_rule(terms, roster, [], EN)]
    assert titles == [
        "Rule FR: 2 of judge, dpo, regulator",
        "Rule FR: And oversight, always",
        "Rule base: 2 of judge, dpo, regulator",
    ]


LIST = """format = "coffer.authorities/v1"
[[authority]]
name = "{name}"
kind = "court"
country = "FR"
channel = "letter"
call_back = "tel:+33123456789"
"""
CALLED = 'verified_by = "C. Lerk"\nverified_on = 2013-01-02\n'
COURT = "Court of Appeal, investigating section"


@pytest.mark.parametrize(
    ("text", "is_doubtful", "said"),
    [
        (None, True, "There is no list of authorities here."),
        (LIST.format(name="Another"), True, "Not on the list here."),
        (LIST.format(name=COURT), True, "On the list here, but nobody has called it back."),
        (LIST.format(name=COURT) + CALLED, False, "On the list here: called back by C. Lerk on 2 January 2013."),
    ],
)
def test_request_says_how_its_authority_stands_on_the_reader_s_list(text, is_doubtful, said):
    known = None if text is None else parse_authorities(text.encode(), "list")
    terms = make_terms()
    asked = read_terms(terms, EN, marked=mark_authority(terms, known, EN, custodian="judge"))
    assert asked.is_doubtful is is_doubtful
    assert any(note.startswith(said) for note in asked.facts[0].notes), asked.facts[0].notes
    assert "emergency" not in " ".join(asked.facts[0].notes)


def test_emergency_of_an_unverified_authority_says_that_everyone_must_sign():
    terms = make_terms(ordered=ordered(dt.datetime(2013, 1, 9, tzinfo=PARIS), urgency=Urgency.EMERGENCY))
    notes = read_terms(terms, EN, marked=mark_authority(terms, None, EN, custodian="judge")).facts[0].notes
    assert "An emergency: judge answers only if every custodian of the rule signs." in notes
    known = parse_authorities((LIST.format(name=COURT) + CALLED).encode(), "list")
    assert "emergency" not in " ".join(mark_authority(terms, known, EN, custodian="judge").sentences)


def test_list_that_names_another_kind_says_so():
    terms = make_terms()
    known = parse_authorities((LIST.format(name=COURT) + CALLED).replace("court", "police").encode(), "list")
    assert (
        "The list has it as another kind of authority than the request." in mark_authority(terms, known, EN).sentences
    )

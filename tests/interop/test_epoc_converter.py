"""A converter of the same forms, epoc2etsi, reads our Form 3, and both use the same names.

It is an oracle for names alone: it loses ranges and swaps contacts. It needs Python 3.12, so it is run by that of the
environment that ``make foreign`` makes; elsewhere this is skipped.
"""

import subprocess
from pathlib import Path

import pytest
from lxml import etree

from coffer.cli.main import run
from coffer.disclosure.epoc import hi1
from coffer.disclosure.epoc.judged import judge
from coffer.disclosure.epoc.reading import parse_form
from coffer.disclosure.hi1.message import parse_envelope
from coffer.disclosure.hi1.names import Fault
from coffer.disclosure.hi1.order import parse_content
from epoc_forms import CASE, CONTENT, FORM_ID, TRAFFIC, evidence, form1

PYTHON = Path(__file__).parents[2] / "build" / "foreign" / "bin" / "python"
SAMPLES = Path(__file__).parents[3] / "shared" / "samples" / "epoc"
CONVERT = "from epoc2etsi import main; main()"
RUN_IT = (
    "import sys; from lxml import objectify; from epoc2etsi.forms import form3; from epoc2etsi.xml import xml; "
    "root = objectify.parse(sys.stdin.buffer).getroot(); form = root.form.getchildren()[0]; "
    f"made = form3.processForm3(form, '{CASE}', str(root.formId), '{FORM_ID}'); "
    "print(xml(made))"
)


@pytest.mark.skipif(not PYTHON.is_file(), reason="no converter of others here: make foreign")
def test_our_form3_becomes_there_the_objects_of_our_own_status(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    order = form1(evidence(data=TRAFFIC + CONTENT), evidence(2, "IPV_4", "192.0.2.1"))
    (tmp_path / "form.xml").write_bytes(order)
    assert run(["reply", "form.xml", "-o", "received"]) == 0
    form3 = (tmp_path / "received/form3.xml").read_bytes()
    done = subprocess.run([PYTHON, "-c", RUN_IT], input=form3, capture_output=True, check=True)
    theirs = etree.fromstring(done.stdout[done.stdout.index(b"<HI1Message") :])
    ours = etree.parse(tmp_path / "received/status.xml").getroot()
    assert {element.tag for element in theirs.iter()} <= {element.tag for element in ours.iter()}
    form = parse_form(order, "form.xml")
    named = [one.text for one in theirs.iter(f"{{{hi1.NOTIFICATION}}}AssociatedObject")]
    assert named == [FORM_ID, hi1.task_id(form, "1"), hi1.task_id(form, "2")]


def converted(path):
    """What the converter makes of a form; None where it fails itself (it needs a validating authority)."""
    done = subprocess.run([PYTHON, "-c", CONVERT, str(path)], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


@pytest.mark.skipif(
    not (PYTHON.is_file() and SAMPLES.is_dir()), reason="no converter of others, or no sample forms, here"
)
def test_a_form_and_the_message_that_the_converter_makes_of_it_ask_for_the_same():
    compared = 0
    for path in sorted(SAMPLES.glob("*.xml")):
        raw = path.read_bytes()
        message = converted(path) if b"epocForm1>" in raw else None
        if message is None:
            continue
        compared += 1
        if b"Content>" in raw and b"Traffic>" in raw:
            # Content beside traffic data: it writes the value where the dictionary's name stands.
            with pytest.raises(Fault, match="of another dictionary, expected ETSI's RequestType"):
                parse_content(parse_envelope(message, path.name))
            continue
        form, order = parse_form(raw, path.name), parse_content(parse_envelope(message, path.name)).order
        assert (order.form.authority, order.form.provider) == (form.authority, form.provider)
        assert (order.form.case_id, order.form.form_id) == (form.case_id, form.form_id)
        assert (order.form.has_delay, order.form.is_notified) == (form.has_delay, form.is_notified)
        assert order.is_emergency == form.deadline.is_emergency
        assert list(order.tasks.values()) == [hi1.form_task(form, one.id) for one in form.identifiers]
        ours, theirs = judge(form).asked, judge(order.form).asked
        # It keeps the first range of an identifier alone.
        assert [(one.subject, one.kinds, one.periods[:1]) for one in ours] == [
            (one.subject, one.kinds, one.periods) for one in theirs
        ]
    assert compared

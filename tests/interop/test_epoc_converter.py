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
from coffer.disclosure.epoc.reading import parse_form
from epoc_forms import CASE, CONTENT, FORM_ID, TRAFFIC, evidence, form1

PYTHON = Path(__file__).parents[2] / "build" / "foreign" / "bin" / "python"
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

"""The diagram of the packages is that of the import contract, and one that is not is found."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "scripts"))

from make_diagrams import PAGE, drawn, layers


def test_the_packages_are_those_of_the_contract():
    page = PAGE.read_text("utf-8")
    assert len(layers()) > 8
    assert drawn(page) == page


def test_a_diagram_that_lacks_a_package_is_found():
    page = PAGE.read_text("utf-8")
    assert page.count("disclosure · ") == 1
    lacking = page.replace("disclosure · ", "")
    assert drawn(lacking) == page != lacking

"""Units of the browser's verification, run by node's own runner; and how large it may be."""

import re
import subprocess

from web.verify.browser import ASSETS, HERE, NODE, needs_node

MODULES = sorted(ASSETS.glob("*.js"))


@needs_node
def test_units_hold():
    done = subprocess.run(
        [NODE, "--test", str(HERE / "units.test.mjs")], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"^# pass 14$", done.stdout, re.MULTILINE), done.stdout


def test_modules_are_small_and_need_nothing():
    texts = {path.name: path.read_text("utf-8") for path in MODULES}
    assert len(texts) > 15
    code = [
        line for text in texts.values() for line in text.splitlines() if not re.match(r"\s*(?:$|//|/\*\*|\*)", line)
    ]
    assert len(code) < 2_500
    assert [line for text in texts.values() for line in text.splitlines() if len(line) > 120] == []
    outside = [
        line for text in texts.values() for line in re.findall(r'^(?:import|} from).*from "(?!\./)', text, re.MULTILINE)
    ]
    assert outside == []


def test_modules_without_a_page_know_no_page():
    pages = {"page.js", "verify.js", "answer.js", "concerned.js"}
    rest = {path.name: path.read_text("utf-8") for path in MODULES if path.name not in pages}
    found = {name for name, text in rest.items() if re.search(r"\b(?:document|window|localStorage|navigator)\.", text)}
    assert found == set()

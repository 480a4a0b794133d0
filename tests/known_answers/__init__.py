"""Known-answer vectors: for each kind the maker and the reader of tests/vectors/<kind> stand side by side.

A file is `key: value` lines: str as JSON, bytes as hex with `-` for none, int as decimal, a repeated key is a list. An empty line
and a body, taken as it is, may follow. Line 1, `expect:`, names the layer that must refuse: ok (none), parse (MalformedInput),
verify (NotProven), state (an entry without effect). Line 2, `test:`, names the reader in `read.py` that declares the other keys.

A maker uses the scalar reference (tests/reference.py) alone, never the product, and fixed seeds: a second run gives the same bytes.
One scenario is one file, named for what is special about it.
"""

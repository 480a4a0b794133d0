"""QR codes: the squares that two other encoders draw, and what a reader's first steps find in them.

The vectors below were compared with those of python-qrcode 8: for each version the same squares, mask by mask.
"""

import hashlib

import pytest

from coffer.disclosure.qr import MAX_DATA_BYTES, VERSIONS, qr_rows, qr_svg

COFFER = """\
#######...#...#######
#.....#..#..#.#.....#
#.###.#.##..#.#.###.#
#.###.#.#.....#.###.#
#.###.#.#..##.#.###.#
#.....#.#.#.#.#.....#
#######.#.#.#.#######
........#..##........
#.#####.....#.#####..
..##.....#..#..#.#..#
.##...##..##.#..##.#.
#.####.#.##....######
#..#..##...#.#..#....
........#..#####.##.#
#######.....#.##...#.
#.....#.###########.#
#.###.#.#...#..#...#.
#.###.#.#.#.#...###..
#.###.#.#.##.#.......
#.....#..#.......##..
#######.####.#.....#."""


def drawn(data):
    return "\n".join("".join("#" if dark else "." for dark in row) for row in qr_rows(data))


def test_six_letters():
    assert drawn(b"coffer") == COFFER


@pytest.mark.parametrize(
    ("count", "version", "digest"),
    [
        (14, 1, "fa1b78ae95485de7bef9e1b84b0e4f06cc9012061a6959177d8352e283b12d50"),
        (62, 4, "6a0a5b0e5eb1183beb55c29a3e723aaf230473023f7ad179ecde6d66cee3a5e1"),
        (122, 7, "742cc3e704459665e9472de62fabb13e575e21a743e218cca5750d2a4b139808"),
        (213, 10, "87902c041e6b95d60bd506bf47f96798c67980aee720d5fd9ab9e32c1b7a2c15"),
        (450, 16, "4ba2ca94a9495c18f7940635180f8a2053635d24acf668a33b000d32066f2ec6"),
        (MAX_DATA_BYTES, VERSIONS, "12e0c95e9902dcbd08908add18463303bce2e07898200d9ea1545001f3d3b3ba"),
    ],
)
def test_versions_that_are_exactly_full(count, version, digest):
    text = drawn((b"https://window.telco.example/log/12#" * 30)[:count])
    assert text.count("\n") + 1 == 17 + 4 * version
    assert hashlib.sha256(text.encode()).hexdigest() == digest


def test_one_byte_more_than_a_version_holds_takes_the_next():
    assert len(qr_rows(b"x" * 14)) == 21
    assert len(qr_rows(b"x" * 15)) == 25


def test_picture_has_its_quiet_zone_and_a_square_for_each_that_is_dark():
    picture = qr_svg(b"coffer")
    assert 'viewBox="0 0 29 29"' in picture
    assert picture.count("h1v1h-1z") == COFFER.count("#")
    assert "M4 4h1" in picture

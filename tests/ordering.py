"""Orders as XML by the commands, in a world's folder: asked for, and their replies looked at."""

from lxml import etree

from coffer.authority.authorization import parse_authorization
from coffer.cli.main import run
from coffer.disclosure.epoc import hi1
from hi1_schema import verify

FILE = "order.xml"
TERMS = ["--purpose", "test", "--max-records", "100", "--person", "A. Example"]
NAMES = {
    "n": hi1.NOTIFICATION,
    "c": hi1.COMMON,
    "d": hi1.DELIVERY,
    "h": hi1.CORE,
    "t": hi1.TASK,
    "a": hi1.AUTHORISATION,
    "doc": hi1.DOCUMENT,
}


def put(world, raw, name=FILE):
    (world.path / name).write_bytes(raw)
    return name


def request(world, raw, output, *options):
    return run(["request", "vault", "--from-order", put(world, raw), *TERMS, *options, "-o", output])


def terms(world, name):
    return parse_authorization((world.path / name).read_bytes(), "note").terms


def texts(path, query):
    """What stands at a path of a file that was written; a message is as ETSI's schema has it."""
    root = etree.fromstring(path.read_bytes())
    if etree.QName(root).localname == "HI1Message":
        verify(path.read_bytes())
    return root.xpath(f"{query}/text()", namespaces=NAMES)


def values(path, dictionary):
    """The values of a dictionary in a message."""
    return texts(path, f"//c:Value[../c:Name='{dictionary}']")

"""The whole flow of a case."""

from coffer.desk.flow.handover import Handover
from coffer.desk.flow.holds import Holds
from coffer.desk.flow.opening import Openings
from coffer.desk.flow.requests import Requests


class Flow(Requests, Openings, Handover, Holds):
    """Everything that the desk does with a case."""

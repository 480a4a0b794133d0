"""The whole flow of a case."""

from coffer.desk.flow.amendments import Amendments
from coffer.desk.flow.handover import Handover
from coffer.desk.flow.holds import Holds
from coffer.desk.flow.opening import Openings


class Flow(Amendments, Openings, Handover, Holds):
    """Everything that the desk does with a case."""

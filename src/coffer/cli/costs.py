"""What guesses cost, of every vault and custodian that commands make."""

from coffer.vault.outside import Costs

COSTS = Costs()
"""Here alone a test makes them cheap."""

"""The page of a custodian, served by the custodian's own machine to its own people."""

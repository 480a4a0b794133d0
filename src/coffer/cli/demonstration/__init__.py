"""The demonstration: an invented vault with all its parties on this machine, each a process with a folder of its own."""

"""The demonstration: an invented vault with all its parties on this machine.

Each party is a process with a folder of its own.
"""

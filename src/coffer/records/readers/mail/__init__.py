"""Logs of mail hosts: one record per recipient with its last status, joined over lines, files and hosts."""

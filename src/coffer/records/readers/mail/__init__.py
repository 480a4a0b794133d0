"""Logs of mail hosts: one record per recipient with its last status.

Lines of one mail are joined over files and hosts.
"""

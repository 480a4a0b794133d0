"""Signatures within an order's file: who signed a PDF or an XML, and whether an anchor leads to them.

Promises: strangers' files are read by a process of its own, without keys or passphrases, bounded in time and memory;
whatever it does, the answer is a list of findings, or that there is none. Nothing is fetched from a network. Trusts: the
certificates that a person put into a folder, and no list of the operating system. A finding is shown to people, who
decide: no rule of Coffer asks for one.

Implements ``docs/formats/custodian.md``, "Signatures in the order's files". Needs the extra ``signatures``.
"""

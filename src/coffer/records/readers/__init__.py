"""Readers: bytes in, canonical Arrow batch and rejects out. Pure.

``port`` says what a reader is, ``formats`` names all of them and tells by a file's content which one it needs. ``mapped`` holds formats whose columns the
feed names, ``calls`` and ``mail`` what systems write, ``threegpp`` the charging records of networks, ``text`` what they share: lines, rows, times.
"""

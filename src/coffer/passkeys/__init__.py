"""Passkeys: what a browser's authenticator registers and signs, proven with the WebAuthn library.

Promises: a passkey counts only where its authenticator verified the person, on this very site, over a challenge that
was made for this purpose and is used once. Sizes are bounded before anything is parsed. Trusts: the browser for the
origin that it states, and the library for signatures. Touches no disk, network or clock.
"""

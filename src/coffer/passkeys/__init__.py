"""Passkeys: what a browser's authenticator registers and signs, proven with the WebAuthn library."""

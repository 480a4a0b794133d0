"""The disclosure desk at work: its people, cases, requests and letters, kept in one shared database."""

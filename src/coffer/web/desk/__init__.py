"""The pages of the disclosure desk and of the operator, behind a sign-in."""

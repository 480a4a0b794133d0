"""The audit of an answer in numbered steps, each of which takes what earlier steps proved (docs/formats/answer.md)."""

"""The death certificate of a day: made from a log, and verified offline (docs/formats/certificate.md)."""

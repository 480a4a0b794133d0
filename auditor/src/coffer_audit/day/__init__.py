"""The death certificate of a day, made and verified offline (docs/formats/certificate.md)."""

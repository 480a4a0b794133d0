"""Messages of ETSI TS 103 120 from an authority's system: tasks read, actions answered. Pure.

Promises: in a task every element is read or refused by its path; everywhere else it is read or shown; nothing is
dropped. A message becomes the same values as a form of ``coffer.disclosure.epoc``, so it is judged, asked and replied
to as a form is. Trusts nothing of a message: who sent it, and whether its signatures hold, people look at. Touches
neither disk nor network nor clock. ``docs/formats/hi1.md`` says of each name how certain it is.
"""

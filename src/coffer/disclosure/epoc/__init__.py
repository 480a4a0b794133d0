"""European Production and Preservation Orders: their forms read, judged, and answered. Pure.

Promises: every element of a form is read, shown, or refused by its path; nothing is dropped. What a form asks and this
vault cannot answer is said by identifier, with a reason of the form's own list. A preservation order never becomes an
opening. Trusts nothing of a form: who sent it, and whether its signatures hold, people look at. Touches neither disk
nor network nor clock. Source: Regulation (EU) 2023/1543, annexes I to III, V and VI; ``docs/formats/epoc.md`` says of
each path how certain it is.
"""

"""The guide as a page of its own, and its passages for the microscope's cards.

refnn/guide.md is the one source. Each formula in a box has an id; the page has it as a target, and
a card of the microscope with the same id shows the passage that derives the formula.
"""

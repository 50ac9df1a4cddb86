"""The microscope: every number of a training step on one page, with its formula.

``page(model, state, batches)`` returns the page. Its Python side is the source of every number and
every formula; its JavaScript looks numbers up, puts them into formulas, and draws.
"""

from tftwin.microscope.making import page as page

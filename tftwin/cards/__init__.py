"""The catalogue: conventions, forms and mistakes, each a small NumPy function with a card.

A file a topic. The functions of optimizers take flat arguments, ``adam(w, g, m, v, t,
learning_rate, beta_1, beta_2, epsilon)``, and return the new w and the new slots.
"""

from tftwin.cards.card import Card

__all__ = ["Card"]

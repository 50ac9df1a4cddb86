"""Exercises: backprop in 25 small functions, each checked by ``python -m tftwin check``."""

"""A network given in words: ``python -m tftwin run`` and ``record``."""

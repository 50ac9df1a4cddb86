"""check: anybody's backprop, held against refnn and diagnosed.

``python -m tftwin check mymodule.py`` calls the functions of a module that are known by name, and
says of each whether it is right, or what the mistake is. ``check_module`` does the same from
Python. It needs no TensorFlow.
"""

from tftwin.check.checking import check_module

__all__ = ["check_module"]

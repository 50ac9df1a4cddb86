"""check: anybody's backprop, held against refnn and diagnosed.

``python -m tftwin check mymodule.py`` calls the functions of a module that are known by name, and
says of each whether it is right, or what the mistake is. ``check_module`` does the same from
Python. It needs no TensorFlow. It is imported at its first use, so that the other commands need
none of its libraries.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tftwin.check.checking import check_module

__all__ = ["check_module"]
NEEDS = "this needs pip install '.[check]' in a clone of refnn: {} is missing"


def __getattr__(name: str) -> Any:
    if name != "check_module":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from tftwin.check.checking import check_module
    except ModuleNotFoundError as error:
        raise ImportError(NEEDS.format(error.name)) from None
    return check_module

"""tftwin: the computations of refnn on TensorFlow, derivatives by automatic differentiation.

The same file names and the same public names as refnn. ``tftwin.lockstep`` runs the two side by
side. TensorFlow is imported where it is used: comparing saved records works without it.
"""

import warnings
from importlib.util import find_spec

if find_spec("tensorflow") is None:
    warnings.warn(
        "TensorFlow is not installed: pip install 'refnn[tf]'; without it tftwin can do no more "
        "than compare saved records",
        stacklevel=2,
    )

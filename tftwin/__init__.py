"""tftwin: the computations of refnn on TensorFlow, derivatives by automatic differentiation.

The same file names and the same public names as refnn. ``tftwin.lockstep`` runs the two side by
side. TensorFlow is imported where it is used: comparing saved records works without it.
"""

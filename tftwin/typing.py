"""Tensors and variables: TensorFlow ships no types that a checker could use."""

from typing import Any, TypeAlias

Tensor: TypeAlias = Any
Variable: TypeAlias = Any

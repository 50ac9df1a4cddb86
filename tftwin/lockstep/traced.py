"""The bound of a TensorFlow expression: its traced graph, computed on arrays that carry bounds.

Each operation of the graph is one of NumPy's, whose bound is derived, or a kernel of TensorFlow
whose error was measured. For any other kernel there is no bound.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from refnn.activations import Elu, Relu, Selu, Sigmoid, Softmax, Softplus
from refnn.typing import Array
from tftwin.lockstep.bounds import with_kernel
from tftwin.lockstep.roundoff import NoBoundError, Rounded, exact, plain
from tftwin.tensorflow import tf

UNARY: dict[str, Callable[[Any], Any]] = {
    "Abs": np.abs,
    "Exp": np.exp,
    "Expm1": np.expm1,
    "Identity": lambda a: a,
    "Inv": lambda a: 1 / a,
    "Log": np.log,
    "Log1p": np.log1p,
    "Neg": np.negative,
    "Reciprocal": lambda a: 1 / a,
    "Relu": Relu().forward,
    "Sign": np.sign,
    "Sqrt": np.sqrt,
    "Square": np.square,
    "Tanh": np.tanh,
}
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "Add": np.add,
    "AddV2": np.add,
    "Greater": np.greater,
    "GreaterEqual": np.greater_equal,
    "Less": np.less,
    "LessEqual": np.less_equal,
    "MatMul": np.matmul,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "Sub": np.subtract,
}
SUMS: dict[str, Callable[..., Any]] = {"Max": np.max, "Mean": np.mean, "Sum": np.sum}
MOVES: dict[str, Callable[[Array, list[int]], Array]] = {
    "BroadcastTo": np.broadcast_to,
    "ExpandDims": lambda a, axes: np.expand_dims(a, axes[0]),
    "Reshape": np.reshape,
    "Tile": np.tile,
    "Transpose": np.transpose,
}
"""What moves numbers or repeats them, and rounds nothing."""
KERNELS: dict[str, Any] = {
    "Elu": Elu(),
    "Selu": Selu(),
    "Sigmoid": Sigmoid(),
    "Softmax": Softmax(),
    "Softplus": Softplus(),
}
"""Kernels that are no composition, and that the ledger, or a reason in ``bounds``, knows."""


GRADIENTS: dict[str, Callable[[Any, Any], Any]] = {
    "EluGrad": lambda dy, y: np.where(y < 0, dy * (y + 1), dy),
    "ReciprocalGrad": lambda y, dy: -(dy * (y * y)),
    "ReluGrad": lambda dy, x: dy * (x > 0),
    "SeluGrad": lambda dy, y: np.where(y < 0, dy * (y + Selu.scale_alpha), dy * Selu.scale),
    "SigmoidGrad": lambda y, dy: dy * (y * (1 - y)),
    "SoftplusGrad": lambda dy, x: dy * with_kernel(Sigmoid(), x.dtype.name).forward(x),
    "SqrtGrad": lambda y, dy: dy * 0.5 / y,
    "TanhGrad": lambda y, dy: dy * (1 - y * y),
}
"""What TensorFlow's derivatives compute, from the kernel's input x or output y."""
CROSSENTROPIES = ("SoftmaxCrossEntropyWithLogits", "SparseSoftmaxCrossEntropyWithLogits")
FLOATS = (np.float32, np.float64)


def _log_softmax(x: Any) -> Any:
    z = x - x.max(axis=-1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))


UNARY["LogSoftmax"] = _log_softmax


def _crossentropy(logits: Any, labels: Any) -> tuple[Any, Any]:
    """Return the loss of each row, and its derivative by the logits; labels may be classes."""
    if isinstance(labels, np.ndarray):
        labels = exact(np.eye(logits.shape[-1], dtype=logits.dtype)[labels])
    probabilities = with_kernel(Softmax(), logits.dtype.name).forward(logits)
    return -(labels * _log_softmax(logits)).sum(axis=-1), probabilities - labels


class UnknownKernelError(NoBoundError):
    """A kernel of which no error was measured; its text is the kernel's name."""


def bounded(function: Callable[..., Any], arrays: Sequence[Array]) -> Any:
    """Return what a function of tensors gives, with its bound.

    Raises
    ------
    UnknownKernelError
        If a kernel in it has no bound, or if TensorFlow cannot trace it.
    NoBoundError
        If an operation of NumPy's name has none for these arguments.
    """
    specs = [tf.TensorSpec(a.shape, a.dtype) for a in arrays]
    try:
        graph = tf.function(function, autograph=False).get_concrete_function(*specs).graph
    except Exception:
        raise UnknownKernelError("something that is no TensorFlow operation") from None
    values: dict[str, Any] = {
        tensor.name: exact(a) for tensor, a in zip(graph.inputs, arrays, strict=True)
    }
    for operation in graph.get_operations():
        if operation.type not in ("Placeholder", "NoOp"):
            found = _computed(operation, values)
            for tensor, value in zip(operation.outputs, found, strict=True):
                values[tensor.name] = value
    return values[graph.outputs[0].name]


def _computed(operation: Any, values: dict[str, Any]) -> tuple[Any, ...]:
    """Return each output of an operation: what is static as it is, anything else by its rule."""
    known = [tf.get_static_value(tensor) for tensor in operation.outputs]
    if all(value is not None for value in known):
        return tuple(np.asarray(value) for value in known)
    kind, given = operation.type, [_exactly(values[tensor.name]) for tensor in operation.inputs]
    if kind in CROSSENTROPIES:
        return _crossentropy(*given)
    return (_one(operation, kind, given),)


def _exactly(value: Any) -> Any:
    """Return a static array of floating-point numbers with its bound, which is 0."""
    return exact(value) if getattr(value, "dtype", None) in FLOATS and _plain(value) else value


def _plain(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _one(operation: Any, kind: str, given: list[Any]) -> Any:
    if kind in UNARY:
        return UNARY[kind](given[0])
    if kind in BINARY:
        return BINARY[kind](*given)
    if kind in GRADIENTS:
        return GRADIENTS[kind](*given)
    if kind == "Pow":
        exponent = float(plain(given[1])) if np.ndim(plain(given[1])) == 0 else 0.5
        return given[0] ** (int(exponent) if exponent.is_integer() else exponent)
    if kind == "AddN":
        return reduce(np.add, given)
    if kind in MOVES:
        a, how = given[0], np.atleast_1d(given[1]).tolist()
        return Rounded(MOVES[kind](a.value, how), MOVES[kind](a.bound, how), a.unit)
    if kind in ("Select", "SelectV2"):
        return np.where(*given)
    if kind in SUMS:
        axes = np.atleast_1d(given[1]).tolist()
        if not axes:
            return given[0]
        whole = len(axes) == given[0].ndim
        if not whole and len(axes) != 1:
            raise UnknownKernelError(f"{kind} over {axes}")
        keep = operation.get_attr("keep_dims")
        return SUMS[kind](given[0], axis=None if whole else axes[0], keepdims=keep)
    if kind in KERNELS:
        return with_kernel(KERNELS[kind], given[0].dtype.name).forward(given[0])
    raise UnknownKernelError(kind)

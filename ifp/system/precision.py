"""How the products of networks are rounded on a GPU: set when networks are put there, never left to a default.

PyTorch's own defaults round convolutions to TF32 and matrix products not.
"""

from __future__ import annotations

from typing import Any

from ifp.errors import IfpError

PRECISIONS = ("float32", "tf32", "bfloat16")
"""Of products alone; weights, losses and Adam are float32 in all."""
_IN_WORDS = {
    "float32": "IEEE float32",
    "tf32": "TF32 (float32 with 10 bits of mantissa)",
    "bfloat16": "bfloat16, the others IEEE float32",
}


def check_precision(precision: str, device: str) -> None:
    """Raise IfpError where the device has no such products.

    >>> check_precision("float32", "cpu"), check_precision("tf32", "cuda:1")
    (None, None)
    """
    if precision != "float32" and device.partition(":")[0] != "cuda":
        raise IfpError(f"precision {precision} needs a cuda device, got {device}; leave it at float32.")


def describe_products(precision: str) -> str:
    """What a run's run.json says of its products.

    >>> describe_products("float32")
    'IEEE float32'
    """
    return _IN_WORDS[precision]


def set_products(precision: str) -> None:
    """Make CUDA round the products of float32 tensors, matrix products and convolutions alike, to TF32 or not at all.

    It holds for the process.
    """
    import torch

    name = "tf32" if precision == "tf32" else "ieee"
    matmul: Any = torch.backends.cuda.matmul
    convolution: Any = getattr(torch.backends.cudnn, "conv", None)
    if hasattr(matmul, "fp32_precision") and hasattr(convolution, "fp32_precision"):
        matmul.fp32_precision = convolution.fp32_precision = name
    else:  # before torch 2.9
        matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == "tf32"

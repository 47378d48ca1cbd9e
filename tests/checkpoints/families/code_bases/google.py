"""The networks of google-research/disentanglement_lib in NumPy, on images [N, rows, columns, channels].

They are computed as TensorFlow computes them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ifp.seeds import numpy_generator

from .array_networks import HIDDEN, LATENTS, Example


def same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's padding 'same': (values before, values out)."""
    out = -(-size // stride)
    return max((out - 1) * stride + kernel - size, 0) // 2, out


def tf_conv(x_NHWC: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int = 2) -> np.ndarray:
    size = x_NHWC.shape[1]
    before, out = same(size, kernel.shape[0], stride)
    padded = np.pad(x_NHWC, ((0, 0), (before, kernel.shape[0]), (before, kernel.shape[0]), (0, 0)))
    result = np.zeros((len(x_NHWC), out, out, kernel.shape[3])) + bias
    for row in range(out):
        for column in range(out):
            at = (
                slice(row * stride, row * stride + kernel.shape[0]),
                slice(column * stride, column * stride + kernel.shape[1]),
            )
            result[:, row, column] += np.tensordot(padded[:, at[0], at[1]], kernel, axes=3)
    return result


def tf_conv_transpose(x_NHWC: np.ndarray, kernel: np.ndarray, bias: np.ndarray, stride: int = 2) -> np.ndarray:
    """The gradient of a 'same' convolution: what `tf_conv` gathers at each place is scattered from there."""
    size, k = x_NHWC.shape[1] * stride, kernel.shape[0]
    before, _ = same(size, k, stride)
    padded = np.zeros((len(x_NHWC), size + 2 * k, size + 2 * k, kernel.shape[2]))
    for row in range(x_NHWC.shape[1]):
        for column in range(x_NHWC.shape[2]):
            spread = np.tensordot(x_NHWC[:, row, column], kernel, axes=([1], [3]))
            padded[:, row * stride : row * stride + k, column * stride : column * stride + k] += spread
    return padded[:, before : before + size, before : before + size] + bias


def google(kind: str, channels: int = 1, training: bool = False, prefix: str = "") -> Example:
    """ "conv" or "dense"; `training` adds what a training checkpoint holds besides."""
    shapes: dict[str, tuple[int, ...]] = {}
    if kind == "conv":
        sizes = ((4, 4, channels, 5), (4, 4, 5, 5), (2, 2, 5, 6), (2, 2, 6, 6))
        shapes = {f"encoder/e{number + 1}": size for number, size in enumerate(sizes)}
        shapes |= {
            "encoder/e5": (16 * 6, HIDDEN),
            "encoder/means": (HIDDEN, LATENTS),
            "encoder/log_var": (HIDDEN, LATENTS),
        }
        shapes |= {"decoder/dense": (LATENTS, HIDDEN), "decoder/dense_1": (HIDDEN, 16 * 6)}
        for number, size in enumerate(((4, 4, 6, 6), (4, 4, 5, 6), (4, 4, 5, 5), (4, 4, channels, 5))):
            shapes["decoder/conv2d_transpose" + (f"_{number}" if number else "")] = size
    else:
        pixels = channels * 64 * 64
        shapes = {"encoder/e1": (pixels, HIDDEN), "encoder/e2": (HIDDEN, HIDDEN)}
        shapes |= {"encoder/dense": (HIDDEN, LATENTS), "encoder/dense_1": (HIDDEN, LATENTS)}
        shapes |= {"decoder/dense": (LATENTS, HIDDEN), "decoder/dense_1": (HIDDEN, HIDDEN)}
        shapes |= {"decoder/dense_2": (HIDDEN, HIDDEN), "decoder/dense_3": (HIDDEN, pixels)}
    generator = numpy_generator(0, "tests", "google", kind)
    weights: dict[str, np.ndarray] = {}
    for name, shape in shapes.items():
        transposed = "transpose" in name
        fan_in = int(np.prod(shape[:2]) * shape[3] / 4) if transposed else int(np.prod(shape[:-1]))
        weights[f"{name}/kernel"] = (generator.standard_normal(shape) * 1.5 / fan_in**0.5).astype(np.float32)
        weights[f"{name}/bias"] = (generator.standard_normal(shape[2 if transposed else -1]) * 0.3).astype(np.float32)

    def layer(name: str) -> tuple[np.ndarray, np.ndarray]:
        return weights[f"{name}/kernel"], weights[f"{name}/bias"]

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        kernel, bias = layer(name)
        return x @ kernel + bias

    def relu(x: np.ndarray) -> np.ndarray:
        return np.maximum(x, 0)

    def encode(images: Tensor) -> Tensor:
        x = images.numpy().transpose(0, 2, 3, 1)
        if kind == "conv":
            for number in range(1, 5):
                x = relu(tf_conv(x, *layer(f"encoder/e{number}")))
            x, heads = relu(dense(x.reshape(len(x), -1), "encoder/e5")), ("encoder/means", "encoder/log_var")
        else:
            x = relu(dense(relu(dense(x.reshape(len(x), -1), "encoder/e1")), "encoder/e2"))
            heads = "encoder/dense", "encoder/dense_1"
        return torch.from_numpy(np.concatenate([dense(x, head) for head in heads], axis=1)).float()

    def decode(z: Tensor) -> Tensor:
        x = z.numpy()
        if kind == "conv":
            x = relu(dense(relu(dense(x, "decoder/dense")), "decoder/dense_1")).reshape(-1, 4, 4, 6)
            names = ["decoder/conv2d_transpose" + (f"_{number}" if number else "") for number in range(4)]
            for name in names:
                x = tf_conv_transpose(x, *layer(name))
                x = x if name == names[-1] else relu(x)
        else:
            for name in ("dense", "dense_1", "dense_2"):
                x = np.tanh(dense(x, f"decoder/{name}"))
            x = dense(x, "decoder/dense_3").reshape(-1, 64, 64, channels)
        return torch.from_numpy(x.transpose(0, 3, 1, 2)).float().sigmoid()

    held = {f"{prefix}{name}": array for name, array in weights.items()}
    if training:
        held |= {f"{name}/Adam{slot}": array for name, array in weights.items() for slot in ("", "_1")}
        held |= {"beta1_power": np.float32(0.9).reshape(()), "global_step": np.int64(300000).reshape(())}
        held |= {"discriminator/d1/kernel": np.zeros((LATENTS, 8), np.float32)}
    return Example("google", held, (channels, 64, 64), encode, decode, {"vae.beta": 6.0})

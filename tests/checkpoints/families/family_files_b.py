"""Files as disent, erow, pythae, AntixK and disentanglement_lib write them, with random weights, and their networks.

The networks are written anew from the layers' shapes and names; hidden layers are narrower than in the originals, which
no reader may mind. disentanglement_lib's is NumPy on images [N, rows, columns, channels], as TensorFlow computes it.

Shapes: N images, D latents, C H W channels, rows, columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ifp.checkpoints.source import Source
from ifp.seeds import numpy_generator

from ..files.writers import write_tensor_bundle

LATENTS = 4
HIDDEN = 24
Coder = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Example:
    """A checkpoint's arrays and what its network gives: `encode` means and log variances side by side, `decode` images
    in [0, 1] or logits, as `output` says."""

    family: str
    weights: dict[str, np.ndarray]
    image_shape: tuple[int, int, int]
    encode: Coder
    decode: Coder
    config: dict[str, Any] = field(default_factory=dict)
    latents: int = LATENTS

    def source(self, **changes: np.ndarray | None) -> Source:
        """As it is read from a file; `changes` replace arrays, None takes one out."""
        weights = {name: array for name, array in {**self.weights, **changes}.items() if array is not None}
        return Source(Path("model.pt"), "torch zip", weights, self.config)


def fill(module: nn.Module, *labels: str) -> nn.Module:
    """Random weights that keep the signal's size, and running statistics that are not the initial ones."""
    generator = numpy_generator(0, "tests", "family files", *labels)
    for name, tensor in module.state_dict().items():
        if not tensor.is_floating_point():
            continue
        fan_in = tensor[0].numel() if tensor.ndim > 1 else 1
        values = generator.standard_normal(tuple(tensor.shape)) * (1.5 / fan_in**0.5 if tensor.ndim > 1 else 0.3)
        if name.endswith("running_var"):
            values = generator.uniform(0.5, 2, tuple(tensor.shape))
        elif "norm" in name or (tensor.ndim == 1 and name.endswith("weight")):
            values = values + 1
        tensor.copy_(torch.from_numpy(values))
    return module.eval()


def arrays(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


class Pair(nn.Module):
    """Two networks under the names of a code base."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)


class View(nn.Module):
    """erow's reshape, which keeps its shape as an array."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.register_buffer("shape", torch.tensor((-1, *shape)))

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(tuple(int(size) for size in self.shape))


def down(into: int, out: int, kernel: int = 4, stride: int = 2, padding: int = 1) -> nn.Conv2d:
    return nn.Conv2d(into, out, kernel, stride, padding)


def up(into: int, out: int, *settings: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(into, out, *(settings or (4, 2, 1)))


# --- erow ---------------------------------------------------------------------------------------------------------


def erow_layers(layout: str, channels: int, base: int, latents: int, act: type[nn.Module]) -> list[nn.Module]:
    """The encoder: layouts "old", "fc" (less its last layer), "new" and "new 128"."""
    sizes = [channels, base, base, 2 * base, 2 * base]
    layers = [part for at in range(4) for part in (down(sizes[at], sizes[at + 1]), act())]
    if layout in ("old", "fc"):
        layers += [nn.Flatten(), nn.Linear(32 * base, HIDDEN), act()]
        return layers + [nn.Linear(HIDDEN, 2 * latents)] * (layout == "old")
    layers += [down(2 * base, 8 * base, 4, 1, 0), act(), nn.Flatten()]
    if layout == "new 128":
        return [*layers, nn.Linear(8 * base, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * latents)]
    return [*layers, nn.Linear(8 * base, 2 * latents)]


class ErowEncoder(nn.Module):
    def __init__(self, layout: str, channels: int, base: int, latents: int, act: type[nn.Module]) -> None:
        super().__init__()
        self.net = nn.Sequential(*erow_layers(layout, channels, base, latents, act))
        if layout == "fc":
            self.fc = nn.Linear(HIDDEN, 2 * latents)

    def forward(self, x: Tensor) -> Tensor:
        x = self.net(x)
        return self.fc(x) if hasattr(self, "fc") else x


def erow_decoder(layout: str, channels: int, latents: int, act: type[nn.Module]) -> nn.Module:
    """ "old", "normalised" and "new"."""
    if layout == "new":
        head: list[nn.Module] = [nn.Linear(latents, HIDDEN), act(), View(HIDDEN, 1, 1), up(HIDDEN, 8, 4), act()]
    elif layout == "normalised":
        head = [nn.Linear(latents, HIDDEN), act(), nn.BatchNorm1d(HIDDEN), nn.Linear(HIDDEN, 8 * 16), act()]
        head += [nn.BatchNorm1d(8 * 16), View(8, 4, 4)]
    else:
        head = [nn.Linear(latents, HIDDEN), act(), nn.Linear(HIDDEN, 8 * 16), act(), View(8, 4, 4)]
    body: list[nn.Module] = []
    for into, out in ((8, 8), (8, 6), (6, 4)):
        body += [up(into, out), act()] + [nn.BatchNorm2d(out)] * (layout == "normalised")
    return Pair(net=nn.Sequential(*head, *body, up(4, channels)))


def erow(
    layout: str, act: type[nn.Module] = nn.ReLU, channels: int = 1, decoder: str = "old", config: Any = None
) -> Example:
    encode = ErowEncoder(layout, channels, 4, LATENTS, act)
    model = fill(Pair(encode=encode, decode=erow_decoder(decoder, channels, LATENTS, act)), "erow", layout)
    net = model.decode.net  # type: ignore[union-attr]
    return Example("erow", arrays(model), (channels, 64, 64), encode, lambda z: net(z).sigmoid(), config or {})


def erow_dense() -> Example:
    encode = nn.Sequential(
        nn.Flatten(), nn.Linear(3 * 16 * 16, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU()
    )
    encode.append(nn.Linear(HIDDEN, 2 * LATENTS))
    decode = nn.Sequential(nn.Linear(LATENTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 3 * 16 * 16))
    model = fill(Pair(encode=Pair(net=encode), decode=Pair(net=decode)), "erow dense")
    return Example(
        "erow", arrays(model), (3, 16, 16), encode, lambda z: decode(z).reshape(-1, 3, 16, 16).sigmoid(),
        {"vae.beta": 4, "dataset.name": "color_dsprites"},
    )  # fmt: skip


def erow_devae() -> Example:
    encode = ErowEncoder("new", 1, 4, LATENTS, nn.ReLU)
    decode = erow_decoder("new", 1, 2 * LATENTS, nn.ReLU)
    decode.stage_embed = nn.Embedding(3, LATENTS)
    encode.projs = nn.ModuleList(
        nn.ParameterDict({w: nn.Parameter(torch.zeros(1, LATENTS)) for w in ("W1", "W2")}) for _ in range(3)
    )
    model = fill(Pair(encode=encode, decode=decode), "erow devae")
    row = decode.stage_embed.weight[0]

    def decoded(z: Tensor) -> Tensor:
        return decode.net(torch.cat([z, row.expand(len(z), -1)], dim=1)).sigmoid()  # type: ignore[operator]

    return Example("erow", arrays(model), (1, 64, 64), encode, decoded)


def erow_groups(
    layout: str,
    container: str,
    stage: int,
    trained: int = 0,
    added: bool = True,
    decoder_act: type[nn.Module] = nn.ReLU,
    act: type[nn.Module] = nn.ReLU,
) -> Example:
    """Three groups of two latents at `stage`; the first `trained` projections are not zero."""
    groups = nn.ModuleList(ErowEncoder(layout, 1, 2, 2, act) for _ in range(3))
    encode = Pair(**{container: groups})
    decode = erow_decoder("new" if layout == "new" else "old", 1, 6, decoder_act)
    model = fill(Pair(encode=encode, decode=decode), "erow groups", layout, container)
    weights = arrays(model)
    projections = numpy_generator(0, "tests", "projections").normal(0, 0.5, (3, 2, 1, 2)).astype(np.float32)
    projections[trained:] = 0
    if container == "sub_encoders":
        for group in range(3):
            for which in (1, 2):
                weights[f"encode.projs.{group}.W{which}"] = projections[group, which - 1]

    def encoded(x: Tensor) -> Tensor:
        means, logvars = torch.zeros(len(x), 6), torch.zeros(len(x), 6)
        for group in range(min(stage, 2) + 1):
            at = slice(2 * group, 2 * group + 2)
            means[:, at], logvars[:, at] = groups[group](x).split(2, dim=1)
            if group < stage:
                w1, w2 = torch.from_numpy(projections[group])
                means[:, at] *= torch.exp(w1)
                logvars[:, at] = logvars[:, at] + w2 if added else logvars[:, at] * torch.exp(w2)
        return torch.cat([means, logvars], dim=1)

    return Example(
        "erow_groups",
        weights,
        (1, 64, 64),
        encoded,
        lambda z: decode.net(z).sigmoid(),
        latents=6,  # type: ignore[operator]
    )


# --- disent -------------------------------------------------------------------------------------------------------


def disent(kind: str, channels: int = 1, config: Any = None, norm: str = "layer", pre_act: bool = True) -> Example:
    """ "conv", "norm" (leaky ReLU), "dense" and "linear"; `encode` and `decode` on the scale of the network's input."""
    pixels = channels * 64 * 64
    tail = [nn.Linear(LATENTS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 8 * 16), nn.ReLU(), nn.Unflatten(1, (8, 4, 4))]
    plan = [(channels, 6), (6, 6), (6, 8), (8, 8)]
    back = [(8, 8), (8, 6), (6, 6), (6, channels)]
    if kind == "conv":
        encoder = [part for into, out in plan for part in (down(into, out, 4, 2, 2), nn.ReLU())]
        encoder += [nn.Flatten(), nn.Linear(8 * 25, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * LATENTS)]
        decoder = [*tail, *(part for into, out in back for part in (up(into, out), nn.ReLU()))][:-1]
    elif kind == "norm":

        def step(features: int, side: int) -> list[nn.Module]:
            shapes = {"layer": [side, side], "layer_chn": [features, side, side]}
            layer = (
                nn.BatchNorm2d(features) if norm == "batch" else nn.LayerNorm(shapes[norm]) if norm != "none" else None
            )
            both = [layer, nn.LeakyReLU()] if pre_act else [nn.LeakyReLU(), layer]
            return [part for part in both if part is not None]

        encoder = []
        for (into, out), kernel, side in zip(plan, (4, 4, 2, 2), (33, 17, 9, 5), strict=True):
            encoder += [down(into, out, kernel, 2, kernel // 2), *step(out, side)]
        encoder += [nn.Flatten(), nn.Linear(8 * 25, HIDDEN), nn.LeakyReLU(), nn.Linear(HIDDEN, 2 * LATENTS)]
        decoder = [nn.LeakyReLU() if isinstance(part, nn.ReLU) else part for part in tail]
        for (into, out), side in zip(back, (8, 16, 32, 64), strict=True):
            decoder += [up(into, out), *(step(out, side) if side < 64 else [])]
    elif kind == "dense":
        encoder = [nn.Flatten(), nn.Linear(pixels, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU()]
        encoder.append(nn.Linear(HIDDEN, 2 * LATENTS))
        decoder = [
            nn.Linear(LATENTS, HIDDEN),
            nn.Tanh(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.Tanh(),
            nn.Linear(HIDDEN, pixels),
        ]
        decoder.append(nn.Unflatten(1, (channels, 64, 64)))
    else:
        encoder = [nn.Flatten(), nn.Linear(pixels, 2 * LATENTS)]
        decoder = [nn.Linear(LATENTS, pixels), nn.Unflatten(1, (channels, 64, 64))]
    parts = [Pair(model=nn.Sequential(*encoder)), Pair(model=nn.Sequential(*decoder))]
    model = fill(Pair(_encoder=parts[0], _decoder=parts[1]), "disent", kind)
    networks = parts[0].get_submodule("model"), parts[1].get_submodule("model")
    return Example("disent", arrays(model), (channels, 64, 64), *networks, config or {})


# --- pythae and AntixK --------------------------------------------------------------------------------------------


def pythae_dense(config: Any = None) -> Example:
    layers = nn.ModuleList([nn.Sequential(nn.Linear(3 * 10 * 12, HIDDEN), nn.ReLU())])
    encoder = Pair(layers=layers, embedding=nn.Linear(HIDDEN, LATENTS), log_var=nn.Linear(HIDDEN, LATENTS))
    back = nn.ModuleList(
        [
            nn.Sequential(nn.Linear(LATENTS, HIDDEN), nn.ReLU()),
            nn.Sequential(nn.Linear(HIDDEN, 3 * 10 * 12), nn.Sigmoid()),
        ]
    )
    model = fill(Pair(encoder=encoder, decoder=Pair(layers=back)), "pythae dense")

    def encode(x: Tensor) -> Tensor:
        hidden = layers[0](x.reshape(len(x), -1))
        return torch.cat([encoder.embedding(hidden), encoder.log_var(hidden)], dim=1)  # type: ignore[operator]

    usual = {"name": "BetaVAEConfig", "input_dim": [3, 10, 12], "latent_dim": LATENTS, "beta": 2.0}
    return Example(
        "pythae",
        arrays(model),
        (3, 10, 12),
        encode,
        lambda z: back[1](back[0](z)).reshape(-1, 3, 10, 12),
        usual | (config or {}),
    )


def pythae_conv(data: str) -> Example:
    """The networks shipped for MNIST, CIFAR and CelebA."""
    channels, side = {"mnist": (1, 28), "cifar": (3, 32), "celeba": (3, 64)}[data]
    widths = [channels, 4, 5, 6, 7]
    blocks = [nn.Sequential(down(i, o), nn.BatchNorm2d(o), nn.ReLU()) for i, o in itertools.pairwise(widths)]
    features = widths[-1] * (side // 16) ** 2
    layers = nn.ModuleList(blocks)
    encoder = Pair(layers=layers, embedding=nn.Linear(features, LATENTS), log_var=nn.Linear(features, LATENTS))
    grid = 4 if data == "mnist" else 8
    first = nn.Linear(LATENTS, 7 * grid**2)
    plan = {
        "mnist": [(7, 6, 3, 2, 1), (6, 5, 3, 2, 1, 1), (5, 1, 3, 2, 1, 1)],
        "cifar": [(7, 6, 4, 2, 1), (6, 5, 4, 2, 1, 1), (5, 3, 4, 1, 2)],
        "celeba": [(7, 6, 5, 2, 2), (6, 5, 5, 2, 1), (5, 4, 5, 2, 2, 1), (4, 3, 5, 1, 1)],
    }[data]
    back = [nn.Sequential(up(*settings), nn.BatchNorm2d(settings[1]), nn.ReLU()) for settings in plan[:-1]]
    last = nn.Sequential(up(*plan[-1]), nn.Sigmoid())
    decoder = Pair(layers=nn.ModuleList([nn.Sequential(first) if data == "celeba" else first, *back, last]))
    model = fill(Pair(encoder=encoder, decoder=decoder), "pythae", data)

    def encode(x: Tensor) -> Tensor:
        for block in layers:
            x = block(x)
        x = x.flatten(1)
        return torch.cat([encoder.embedding(x), encoder.log_var(x)], dim=1)  # type: ignore[operator]

    def decode(z: Tensor) -> Tensor:
        x = first(z).reshape(-1, 7, grid, grid)
        for block in [*back, last]:
            x = block(x)
        return x

    return Example("pythae", arrays(model), (channels, side, side), encode, decode)


def antixk(total_correlation: bool = False, config: Any = None) -> Example:
    widths = [3, 4, 5, 6, 7] if total_correlation else [3, 4, 5, 6, 7, 8]

    def block(layer: nn.Module, out: int) -> nn.Sequential:
        return nn.Sequential(layer, *([] if total_correlation else [nn.BatchNorm2d(out)]), nn.LeakyReLU())

    pairs = list(itertools.pairwise(widths))
    encoder = nn.Sequential(*(block(nn.Conv2d(i, o, 3, 2, 1), o) for i, o in pairs))
    grid = 4 if total_correlation else 2
    features = widths[-1] * grid**2
    heads = HIDDEN if total_correlation else features
    parts: dict[str, nn.Module] = {"encoder": encoder}
    if total_correlation:
        parts["fc"] = nn.Linear(features, HIDDEN)
    parts |= {"fc_mu": nn.Linear(heads, LATENTS), "fc_var": nn.Linear(heads, LATENTS)}
    parts["decoder_input"] = nn.Linear(LATENTS, features)
    parts["decoder"] = nn.Sequential(*(block(up(o, i, 3, 2, 1, 1), i) for i, o in reversed(pairs[1:])))
    final = block(up(4, 4, 3, 2, 1, 1), 4)
    parts["final_layer"] = final.append(nn.Conv2d(4, 3, 3, padding=1)).append(nn.Tanh())
    model = fill(Pair(**parts), "antixk", str(total_correlation))

    def encode(x: Tensor) -> Tensor:
        x = encoder(x).flatten(1)
        x = parts["fc"](x) if total_correlation else x
        return torch.cat([parts["fc_mu"](x), parts["fc_var"](x)], dim=1)

    def decode(z: Tensor) -> Tensor:
        x = parts["decoder_input"](z).reshape(-1, widths[-1], grid, grid)
        return parts["final_layer"](parts["decoder"](x))

    return Example("antixk", arrays(model), (3, 64, 64), encode, decode, config or {})


# --- disentanglement_lib ------------------------------------------------------------------------------------------


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


EXAMPLES: dict[str, Callable[[], Example]] = {
    "erow old": lambda: erow("old"),
    "erow old leaky": lambda: erow("old", nn.LeakyReLU),
    "erow normalised": lambda: erow("old", decoder="normalised"),
    "erow fc": lambda: erow("fc", channels=3),
    "erow new": lambda: erow("new", decoder="new"),
    "erow new 128": lambda: erow("new 128"),
    "erow dense": erow_dense,
    "erow devae": erow_devae,
    "groups 2021-04": lambda: erow_groups("old", "convs", 2, decoder_act=nn.LeakyReLU, act=nn.LeakyReLU),
    "groups 2021": lambda: erow_groups("old", "encoders", stage=2),
    "groups fc": lambda: erow_groups("fc", "encoders", stage=2),
    "groups 2022-05": lambda: erow_groups("old", "sub_encoders", 1, trained=1, decoder_act=nn.LeakyReLU),
    "groups 2022-06": lambda: erow_groups("new 128", "sub_encoders", 2, trained=2),
    "groups added": lambda: erow_groups("new", "sub_encoders", 2, trained=2),
    "groups scaled": lambda: erow_groups("new", "sub_encoders", 2, trained=2, added=False),
    "groups first": lambda: erow_groups("new", "sub_encoders", 0),
    "groups all": lambda: erow_groups("new", "sub_encoders", 3, trained=3),
    "disent conv": lambda: disent("conv"),
    "disent conv 3": lambda: disent("conv", channels=3),
    "disent dense": lambda: disent("dense"),
    "disent linear": lambda: disent("linear", channels=3),
    "disent norm": lambda: disent("norm"),
    "disent norm post": lambda: disent("norm", pre_act=False),
    "disent norm channels": lambda: disent("norm", norm="layer_chn"),
    "disent norm batch": lambda: disent("norm", norm="batch"),
    "disent norm none": lambda: disent("norm", norm="none"),
    "pythae dense": pythae_dense,
    "pythae mnist": lambda: pythae_conv("mnist"),
    "pythae cifar": lambda: pythae_conv("cifar"),
    "pythae celeba": lambda: pythae_conv("celeba"),
    "antixk": antixk,
    "antixk tc": lambda: antixk(total_correlation=True),
    "google conv": lambda: google("conv"),
    "google conv 3": lambda: google("conv", channels=3, prefix="module/"),
    "google training": lambda: google("conv", training=True),
    "google dense": lambda: google("dense", channels=3),
}
"""Name -> a model of each family and layout."""

_PREFIX = {"erow": "", "erow_groups": "ae.", "disent": "_model.", "pythae": "", "antixk": "model."}


def write(folder: Path, example: Example) -> Path:
    """The example in its code base's usual container."""
    if example.family == "google":
        return write_tensor_bundle(folder / "variables" / "variables", example.weights)
    prefix = _PREFIX[example.family]
    state = {f"{prefix}{name}": torch.from_numpy(np.array(array)) for name, array in example.weights.items()}
    path = folder / "last.ckpt"
    tree: dict[str, Any] = {"model_state_dict": state} if example.family == "pythae" else {"state_dict": state}
    if example.family in ("disent", "antixk", "erow_groups"):
        tree |= {"pytorch-lightning_version": "1.9.0", "global_step": 7, "epoch": 0}
    torch.save(tree, path)
    return path

"""Which form of the convolutional network is faster on a device, by timing both there.

Shapes: M members, P pixels, D latents.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ifp.networks.convolutional import ConvNetwork
from ifp.networks.fully_connected import Network, Parameters
from ifp.networks.member_products import ProductConvNetwork
from ifp.system.graphs import Recordings, recorder
from ifp.system.timing import measured_seconds

IMAGES = 32
"""Images per member of the timed passes."""
REPEATS = 5
HOPELESS, LAUNCHES = 3.0, 0.05
"""A form whose plain pass takes so many times the other's replay, and these seconds for launches, is not recorded."""
_CHOSEN: dict[tuple[object, ...], Network] = {}


def faster_network(network: Network, parameters: Parameters, precision: str) -> Network:
    """`network`, or the same by batched products where that is faster with these parameters [M, ...] on a GPU.

    Measured once per number of members (to the next power of two), precision and device. On other devices, and for
    networks that have no such form, it is `network` itself.
    """
    device = next(iter(parameters.values())).device
    if type(network) is not ConvNetwork or device.type != "cuda":
        return network
    members = len(next(iter(parameters.values())))
    kind = (network, math.ceil(math.log2(members)), precision, device)
    if kind not in _CHOSEN:
        seconds = pass_seconds(network, parameters, precision)
        _CHOSEN[kind] = min(seconds, key=lambda form: seconds[form])
    return _CHOSEN[kind]


def pass_seconds(network: ConvNetwork, parameters: Parameters, precision: str) -> dict[Network, float]:
    """Seconds of one pass forward and back, by form of the network; infinite where the device cannot do it."""
    found: dict[Network, float] = {}
    for form in (ProductConvNetwork(network.image_shape, network.latents), network):
        found[form] = _seconds(form, parameters, precision, min(found.values(), default=math.inf))
    return found


def _seconds(network: ConvNetwork, parameters: Parameters, precision: str, best: float) -> float:
    """The time of a replay, or, where that is hopeless against `best`, of a plain pass."""
    leaves = {name: value.detach().clone().requires_grad_() for name, value in parameters.items()}
    device = next(iter(leaves.values())).device
    shape = (len(next(iter(leaves.values()))), IMAGES, math.prod(network.image_shape))
    # from a generator of its own: the user's random numbers stay what they are
    x_MNP = torch.rand(shape, generator=torch.Generator(device).manual_seed(0), device=device)

    def one_pass(x_MNP: Tensor) -> Tensor:
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            mean, logvar = network.encode(leaves, x_MNP)
            out = network.decode(leaves, mean + logvar)
        found = torch.autograd.grad(out.float().sum(), list(leaves.values()))
        return found[0].sum()

    recordings = Recordings(recorder(device))
    try:
        one_pass(x_MNP)
        plain = measured_seconds(lambda: one_pass(x_MNP), device)
        if plain > HOPELESS * best + LAUNCHES:
            return plain
        for _ in range(3):  # plainly, recorded, and a replay
            recordings.run(one_pass, x_MNP)
        return measured_seconds(lambda: [recordings.run(one_pass, x_MNP) for _ in range(REPEATS)], device) / REPEATS
    except RuntimeError:  # out of memory, or a library that has no kernel for so many groups
        return math.inf

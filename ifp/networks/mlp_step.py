"""One training step of `MlpNetwork` for many members on a CPU, with the gradients written out by hand.

It is the step of `ifp.annealing.ensemble.Ensemble`, which differentiates automatically, with every array of a step
allocated once: fresh memory is what costs most there. Passes forward are those of `MlpNetwork.encode` and `decode`.

A kernel may treat the end of an array apart and round differently there. The decoder's output is whole vectors
(`ifp.networks.adam`); small arrays are computed one operation at a time, each of which rounds in one way only.

Shapes: R rows of the stacked tensors, S noise draws per image, N images per step, B = S x N, P pixels, H hidden units,
D latents.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ifp.likelihood import Bernoulli, Likelihood
from ifp.networks.flat_adam import FlatParameters, whole_vectors
from ifp.networks.fully_connected import VECTOR
from ifp.networks.products import prepared_product

_relu_backward = torch.ops.aten.threshold_backward.grad_input


class MlpStep:
    """The arrays of a step, and the operations on them.

    Parameters
    ----------
    parameters : those that are trained, by their names in `MlpNetwork`.
    draws, images : S and N.

    Attributes
    ----------
    x_RNP : the encoder's input, centred and weighted; to be filled before a pass.
    mean_RND, logvar_RND, out_RSNP : what `forward` gives; the output without its scale.
    out : the memory of `out_RSNP`, whole vectors.
    """

    def __init__(self, parameters: FlatParameters, draws: int, images: int) -> None:
        first = parameters.values["encoder.0.weight"]
        rows, pixels, hidden = first.shape
        latents = parameters.values["encoder.mean.weight"].shape[2]

        def array(*shape: int) -> Tensor:
            return first.new_empty(rows, *shape)

        def layer(name: str, inputs: Tensor, out: Tensor, grad_out: Tensor, grad_in: Tensor | None) -> _Layer:
            return _Layer(parameters, name, inputs, out, grad_out, grad_in)

        batch = draws * images
        self._parameters = parameters
        self.x_RNP = array(images, pixels)
        self.mean_RND, self.logvar_RND, self._std, self._small = (array(images, latents) for _ in range(4))
        self._grad_mean, self._grad_logvar = array(images, latents), array(images, latents)
        self._z, self._grad_z, self._grad_z_noise = (array(draws, images, latents) for _ in range(3))
        size = rows * batch * pixels
        self.out = first.new_zeros(whole_vectors(size))
        self.out_RSNP = self.out[:size].view(rows, draws, images, pixels)

        e0, e1, grad_e0, grad_e1, self._grad_e1_more = (array(images, hidden) for _ in range(5))
        self._encoder = [
            layer("encoder.0", self.x_RNP, e0, grad_e0, None),
            layer("encoder.1", e0, e1, grad_e1, grad_e0),
        ]
        self._heads = [
            layer("encoder.mean", e1, self.mean_RND, self._grad_mean, grad_e1),
            layer("encoder.logvar", e1, self.logvar_RND, self._grad_logvar, self._grad_e1_more),
        ]
        self._grad_e1 = grad_e1
        d0, d1, grad_d0, grad_d1 = (array(batch, hidden) for _ in range(4))
        out, z, grad_z = self.out_RSNP.flatten(1, 2), self._z.flatten(1, 2), self._grad_z.flatten(1, 2)
        self._decoder = [layer("decoder.0", z, d0, grad_d0, grad_z), layer("decoder.1", d0, d1, grad_d1, grad_d0)]
        # the gradient takes the place of the output
        self._decoder_out = layer("decoder.out", d1, out, out, grad_d1)

    def take(self, noise_RSND: Tensor, target: PixelTarget, pressure_R11: Tensor) -> None:
        """One step of Adam along the gradient of mean_images(reconstruction + beta x KL).

        Parameters
        ----------
        pressure_R11 : beta / N of each row.
        """
        self.find_gradients(noise_RSND, target, pressure_R11)
        self._parameters.descend()

    def find_gradients(self, noise_RSND: Tensor, target: PixelTarget, pressure_R11: Tensor) -> None:
        """Those of `take`, into the parameters' `gradients`."""
        self.forward(noise_RSND)
        target.output_to_gradient(self.out_RSNP, self.out)
        self._decoder_out.backward()
        for layer in reversed(self._decoder):
            layer.relu_backward()
            layer.backward()
        self._latents_backward(noise_RSND, pressure_R11)
        for head in self._heads:
            head.backward()
        self._grad_e1.add_(self._grad_e1_more)
        for layer in reversed(self._encoder):
            layer.relu_backward()
            layer.backward()

    def forward(self, noise_RSND: Tensor) -> None:
        """Both networks, of `x_RNP`."""
        for layer in self._encoder:
            layer.forward().relu_()
        for head in self._heads:
            head.forward()
        torch.mul(self.logvar_RND, 0.5, out=self._std).exp_()
        torch.mul(self._std[:, None], noise_RSND, out=self._z).add_(self.mean_RND[:, None])
        for layer in self._decoder:
            layer.forward().relu_()
        self._decoder_out.forward()

    def _latents_backward(self, noise_RSND: Tensor, pressure_R11: Tensor) -> None:
        """Through z = mean + std x noise, and of the KL: pressure x mean, and pressure x (std^2 - 1) / 2."""
        std, small = self._std, self._small
        torch.sum(self._grad_z, 1, out=self._grad_mean)
        self._grad_mean.add_(torch.mul(self.mean_RND, pressure_R11, out=small))
        torch.mul(self._grad_z, noise_RSND, out=self._grad_z_noise)
        torch.sum(self._grad_z_noise, 1, out=self._grad_logvar)
        torch.mul(std, pressure_R11, out=small)
        self._grad_logvar.add_(small).mul_(std).sub_(pressure_R11).mul_(0.5)


class _Layer:
    """A linear layer with the arrays on its two sides."""

    def __init__(
        self, p: FlatParameters, name: str, inputs: Tensor, out: Tensor, grad_out: Tensor, grad_in: Tensor | None
    ) -> None:
        weight, self._bias = p.values[f"{name}.weight"], p.values[f"{name}.bias"]
        self._out, self._grad_out, self._grad_bias = out, grad_out, p.gradients[f"{name}.bias"]
        self._multiply = prepared_product(inputs, weight, out)
        self._find_grad_weight = prepared_product(inputs.transpose(1, 2), grad_out, p.gradients[f"{name}.weight"])
        self._find_grad_in = None if grad_in is None else prepared_product(grad_out, weight.transpose(1, 2), grad_in)

    def forward(self) -> Tensor:
        """The output's array, filled."""
        self._multiply()
        return self._out.add_(self._bias)

    def relu_backward(self) -> None:
        """The gradient behind the ReLU becomes that before it."""
        _relu_backward(self._grad_out, self._out, 0, grad_input=self._grad_out)

    def backward(self) -> None:
        """The gradients of the inputs and of the parameters."""
        if self._find_grad_in is not None:
            self._find_grad_in()
        self._find_grad_weight()
        torch.sum(self._grad_out, 1, keepdim=True, out=self._grad_bias)


class PixelTarget:
    """What the decoder is to give, and the gradient of the reconstruction with respect to its output.

    Parameters
    ----------
    x_RNP : the images of a step. weight_RP : of the pixels.
    output_scale_R11 : what the decoder's last layer is multiplied by. draws : S.
    """

    def __init__(
        self, x_RNP: Tensor, weight_RP: Tensor, output_scale_R11: Tensor, likelihood: Likelihood, draws: int
    ) -> None:
        self._scale = output_scale_R11[:, :, None] if bool((output_scale_R11 != 1).any()) else None
        self._is_logit = isinstance(likelihood, Bernoulli)
        per_residual = weight_RP[:, None, None] * (likelihood.inverse_variance / (draws * x_RNP.shape[1]))
        self._per_residual = per_residual * output_scale_R11[:, :, None]
        self._is_small = x_RNP.shape[2] <= VECTOR
        if self._is_small:
            self._x = x_RNP[:, None]
            self._per_residual = self._per_residual.expand(self._x.shape).contiguous()
        else:
            self._minus_x = -self._per_residual * x_RNP[:, None]

    def output_to_gradient(self, out_RSNP: Tensor, out: Tensor) -> None:
        """Replace the output of the last layer by the gradient; `out` is all of its memory."""
        if self._scale is not None:
            out_RSNP.mul_(self._scale)
        if self._is_logit:
            out.sigmoid_()
        if self._is_small:
            # rows of less than a vector: one operation at a time
            out_RSNP.sub_(self._x).mul_(self._per_residual)
        else:
            torch.addcmul(self._minus_x, out_RSNP, self._per_residual, out=out_RSNP)

"""GanFolder: the folder of a run of GANs, laid out as that of any training run; its checkpoints are `ifp-gan` files.

A checkpoint has the layout of the public InfoGAN code bases (`netG`, `discriminator`, `netD`, `netQ`, `params`), so
that one reader serves both.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from ifp.adversarial.records import GanRecords
from ifp.formats import GAN_FORMAT
from ifp.objectives.base import ADVERSARY
from ifp.system.files import write_whole
from ifp.training.folder import TrainFolder, plain
from ifp.training.records import TrainRecord, TrainRecords
from ifp.training.state import MemberState

VERSION = 1


class GanFolder(TrainFolder):
    """See `ifp.training.folder.TrainFolder`."""

    checkpoint_format = GAN_FORMAT
    records_type: ClassVar[type[TrainRecords]] = GanRecords

    def _checkpoint_content(self, seed: int, state: MemberState, record: TrainRecord) -> dict[str, Any]:
        config, objective = self.config, self.about["objective"]
        buffers = {name: value for name, value in state.objective.items() if not name.startswith(ADVERSARY)}
        about = {"objective": objective, "seed": seed, "config": config.to_json()}
        options = objective["options"]
        return {
            **by_network({**state.parameters, **buffers}),
            "params": {
                "num_z": options["noise"],
                "num_dis_c": 0,
                "num_con_c": config.latents,
                "complex_codes": options["complex_codes"],
            },
            "hyper_parameters": {
                **plain(about),
                "format": GAN_FORMAT,
                "format_version": VERSION,
                "image_shape": list(self.image_shape),
                "latents": config.latents,
                "info_weight": 1 / record.beta if record.beta else 0.0,
            },
            "global_step": state.step,
        }

    def _save_checkpoint(self, seed: int, state: MemberState, record: TrainRecord) -> None:
        write_whole(self._checkpoint_path(seed, state.step), self._checkpoint_content(seed, state, record))


def by_network(arrays: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Arrays in one dictionary per network, on the CPU: "netQ.lin_mu.weight" is "lin_mu.weight" of "netQ"."""
    found: dict[str, dict[str, Tensor]] = {}
    for name, value in arrays.items():
        network, _, inner = name.partition(".")
        found.setdefault(network, {})[inner] = value.detach().cpu().contiguous().clone()
    return found

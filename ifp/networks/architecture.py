"""Which network takes images of a given shape, where nobody asked for one."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeVar


class HasArchitecture(Protocol):
    """A frozen dataclass of settings with the name of an architecture."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def architecture(self) -> str: ...


Settings = TypeVar("Settings", bound=HasArchitecture)


def fit_architecture(
    config: Settings, image_shape: tuple[int, ...], typed: Collection[str], *, used: bool = True
) -> tuple[Settings, list[str]]:
    """The config with an MLP where its conv network was not asked for and cannot take the images, and a line on it.

    Parameters
    ----------
    config : with an `architecture`.
    typed : names of the settings that the user gave.
    used : whether anything is trained.
    """
    fits = tuple(image_shape[1:]) == (64, 64) and image_shape[0] in (1, 3)
    if fits or not used or "architecture" in typed or config.architecture != "conv":
        return config, []
    shape = " x ".join(map(str, image_shape))
    note = f"Architecture: mlp, because conv, the default here, takes images of 64 x 64, not {shape}."
    return replace(config, architecture="mlp"), [note]

"""AnnealTrace: what an annealing run recorded, exact or trained, and its file.

Shapes: M members (one curve each: a factor, context, seed, method and direction), F factors, T records, D latents.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from ifp.datasets.own_arrays import FLOAT, INT, TEXT, Declared, read_own_arrays
from ifp.errors import IfpError, counted
from ifp.system.files import replacing

METHODS = ("closed-form", "exact", "train")
OK, DIVERGED = "ok", "diverged"
NO_NUISANCE = -1

Key = tuple[str, tuple[int, ...], int, str, str]
"""A curve's labels, unique in a run: factor, context, seed, method, direction."""


@dataclass(frozen=True, repr=False)
class AnnealTrace:
    """Curves of KL and reconstruction against beta.

    Attributes
    ----------
    factor_M, method_M, direction_M, status_M : text. method is "closed-form" (no records), "exact" or "train";
        direction is "cool", "heat", "equilibrium" (exact only: the branch with the lower objective) or "" (closed
        form); status is "ok" or "diverged".
    context_MF : int, the value index of every factor, -1 for the moving one.
    seed_M, n_images_M : int.
    nuisance_M : int, the nuisance that all images of the traversal share with those of other contexts, -1 for none; -1
        for all if None, as in files of before.
    beta_closed_form_M, beta_upper_M : the two edges, NaN where not computed.
    beta_MT, recon_nats_MT, kl_nats_MTD : float64, in the order recorded (beta falls when cooling, rises when
        heating), NaN after a member's last record. Nats per image; recon summed over all pixels of the original
        image, KL per latent.
    ended_M : text, why an exact curve ended at its deep end (keys of `ifp.exact.ends.ENDS`); "" for all others and in
        traces written before this was recorded.
    """

    factor_M: np.ndarray
    context_MF: np.ndarray
    seed_M: np.ndarray
    method_M: np.ndarray
    direction_M: np.ndarray
    status_M: np.ndarray
    n_images_M: np.ndarray
    beta_closed_form_M: np.ndarray
    beta_upper_M: np.ndarray
    beta_MT: np.ndarray
    recon_nats_MT: np.ndarray
    kl_nats_MTD: np.ndarray
    nuisance_M: np.ndarray = None  # type: ignore[assignment]
    ended_M: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.nuisance_M is None:
            object.__setattr__(self, "nuisance_M", np.full(len(self.factor_M), NO_NUISANCE))
        if self.ended_M is None:
            object.__setattr__(self, "ended_M", np.full(len(self.factor_M), "", dtype="<U8"))
        for field in fields(self):
            value = getattr(self, field.name)
            assert len(value) == len(self.factor_M), field.name
            value.flags.writeable = False

    def __len__(self) -> int:
        return len(self.factor_M)

    def __repr__(self) -> str:
        methods = [f"{count} {method}" for method in METHODS if (count := int((self.method_M == method).sum()))]
        factors = list(dict.fromkeys(map(str, self.factor_M)))
        records, latents = self.kl_nats_MTD.shape[1:]
        size = f"at most {records} records, {latents} latent{'s' if latents != 1 else ''}"
        return f"<AnnealTrace: {counted(len(self), 'curve')} ({', '.join(methods)}) of {', '.join(factors)}; {size}>"

    @property
    def total_kl_nats_MT(self) -> np.ndarray:
        """KL summed over latents; NaN where nothing was recorded."""
        return self.kl_nats_MTD.sum(axis=2)

    def labels(self) -> list[Key]:
        """What tells a member from all others."""
        contexts = [tuple(int(v) for v in row) for row in self.context_MF]
        rows = zip(self.factor_M, contexts, self.seed_M, self.method_M, self.direction_M, strict=True)
        return [(str(f), c, int(s), str(m), str(d)) for f, c, s, m, d in rows]

    def with_nuisances(self, nuisances: Mapping[tuple[str, tuple[int, ...]], int]) -> AnnealTrace:
        """The same curves with the nuisance of each factor and context that is named."""
        known = [nuisances.get(key[:2], old) for key, old in zip(self.labels(), self.nuisance_M.tolist(), strict=True)]
        return replace(self, nuisance_M=np.array(known, dtype=int))

    def select(self, rows_M: np.ndarray) -> AnnealTrace:
        """The members at these rows (a boolean mask or indices)."""
        return replace(self, **{f.name: getattr(self, f.name)[rows_M] for f in fields(self)})

    @classmethod
    def concatenate(cls, traces: Sequence[AnnealTrace]) -> AnnealTrace:
        """All members of several traces, padded with NaN to the longest record and the most latents."""
        records = max(t.beta_MT.shape[1] for t in traces)
        latents = max(t.kl_nats_MTD.shape[2] for t in traces)

        def padded(name: str, trace: AnnealTrace) -> np.ndarray:
            value = getattr(trace, name)
            if name.endswith("_MT"):
                return np.pad(value, ((0, 0), (0, records - value.shape[1])), constant_values=np.nan)
            if name.endswith("_MTD"):
                # a latent that a model does not have holds nothing: 0, so that totals stay right
                value = np.pad(value, ((0, 0), (0, 0), (0, latents - value.shape[2])))
                return np.pad(value, ((0, 0), (0, records - value.shape[1]), (0, 0)), constant_values=np.nan)
            return value

        both = {f.name: np.concatenate([padded(f.name, t) for t in traces]) for f in fields(cls)}
        # where nothing was recorded every latent is NaN, in whatever order traces were put together
        both["kl_nats_MTD"][np.isnan(both["beta_MT"])] = np.nan
        return cls(**both)

    def save(self, path: Path) -> None:
        """Write `path` (npz, no pickles) whole or not at all; equal traces give equal bytes."""
        with replacing(path) as file:
            np.savez(file, **{f.name: getattr(self, f.name) for f in fields(self)})

    @classmethod
    def load(cls, path: Path) -> AnnealTrace:
        """Read a trace; raises IfpError when the file is missing, damaged or of another layout."""
        if not path.exists():
            raise IfpError(f"There is no {path}; is the folder an `ifp anneal` run, and has it finished a chunk?")
        trace = cls(**read_own_arrays(path, _FILE, _ADVICE))
        for method, direction in set(zip(trace.method_M.tolist(), trace.direction_M.tolist(), strict=True)):
            if direction not in _DIRECTIONS[method]:
                raise IfpError(f"{path} holds a curve of {method!r} in the direction {direction!r}; {_ADVICE}.")
        return trace


_ADVICE = "delete it and run the same command again"
_DIRECTIONS = {"closed-form": ("",), "exact": ("cool", "heat", "equilibrium"), "train": ("cool", "heat")}
"""The directions in which the members of each method are followed."""
_FILE = {
    "factor_M": Declared(TEXT, "M"),
    "context_MF": Declared(INT, "MF", low=-1),
    "seed_M": Declared(INT, "M", low=0),
    "method_M": Declared(TEXT, "M", among=METHODS),
    "direction_M": Declared(TEXT, "M", among=("cool", "heat", "equilibrium", "")),
    "status_M": Declared(TEXT, "M", among=(OK, DIVERGED)),
    "n_images_M": Declared(INT, "M", low=0),
    "beta_closed_form_M": Declared(FLOAT, "M", low=0),
    "beta_upper_M": Declared(FLOAT, "M", low=0),
    "beta_MT": Declared(FLOAT, "MT", low=0, no_infinity=True),
    "recon_nats_MT": Declared(FLOAT, "MT"),
    "kl_nats_MTD": Declared(FLOAT, "MTD"),
    "nuisance_M": Declared(INT, "M", low=NO_NUISANCE, optional=True),
    "ended_M": Declared(TEXT, "M", optional=True),
}
"""The arrays of trace.npz."""


def closed_form_trace(
    factors: Sequence[str],
    contexts: Sequence[tuple[int, ...]],
    n_images: Sequence[int],
    beta_closed_form: np.ndarray,
    beta_upper: np.ndarray,
) -> AnnealTrace:
    """The edges of traversals as a trace without records."""
    members = len(factors)
    return AnnealTrace(
        factor_M=np.array(factors),
        context_MF=np.array(contexts),
        seed_M=np.zeros(members, dtype=int),
        method_M=np.array(["closed-form"] * members),
        direction_M=np.array([""] * members),
        status_M=np.array([OK] * members),
        n_images_M=np.array(n_images),
        beta_closed_form_M=np.array(beta_closed_form, dtype=float),
        beta_upper_M=np.array(beta_upper, dtype=float),
        beta_MT=np.empty((members, 0)),
        recon_nats_MT=np.empty((members, 0)),
        kl_nats_MTD=np.empty((members, 0, 1)),
    )

"""What a checkpoint may cost to read: limits on sizes, counts and depth, and the error of a file beyond them.

Every number in a file is a claim. It is compared with the bytes that the file has, or with a limit here, before
anything is allocated for it.
"""

from __future__ import annotations

MAX_FILE_BYTES = 8 * 2**30
"""A larger file is refused unread."""

MAX_PICKLE_BYTES = 32 * 2**20
"""The part of a file that describes its objects; the numbers of tensors lie outside it."""

MAX_OPCODES = 2_000_000
MAX_NODES = 1_000_000
MAX_DEPTH = 100
MAX_AXES = 32
MAX_WHOLE_NUMBER_BITS = 256
MAX_NAME_LENGTH = 400
MAX_ENTRIES = 20_000
"""Entries of a zip archive, or variables of a tensor bundle."""

MAX_DIRECTORY_BYTES = 16 * 2**20
"""The table of contents of a zip archive or tensor bundle, or the JSON header of another container."""

_SLACK_BYTES = 64 * 2**20
_AMPLIFICATION = 4  # half precision becomes float32 (twice), and tied tensors may be written once and named twice


SAVE_WEIGHTS = "save the weights alone with torch.save(model.state_dict(), 'weights.pt') where they came from"


class Unreadable(Exception):
    """Why a file is refused: a clause that follows its path, and what to do next."""

    def __init__(self, clause: str, remedy: str = "get the file again from where it came, or save it anew") -> None:
        super().__init__(clause)
        self.clause, self.remedy = clause, remedy


class Budget:
    """How many bytes may be made out of a file of `source_bytes`: sharing and compression must not multiply it."""

    def __init__(self, source_bytes: int) -> None:
        self.allowed = _SLACK_BYTES + _AMPLIFICATION * source_bytes
        self.spent = 0

    def spend(self, size: int, what: str) -> None:
        """Count `size` more bytes, or raise Unreadable."""
        self.spent += size
        if self.spent > self.allowed:
            raise Unreadable(
                f"would unpack to more than {self.allowed // 2**20} MiB, far more than it holds ({what}), as no "
                "checkpoint does"
            )

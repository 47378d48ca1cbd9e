"""Limits on the sizes, counts and depth of what a checkpoint may hold, and the error for a file beyond them.

Every number in a file is a claim. It is compared with the number of bytes in the file, or with a limit defined here,
before anything is allocated for it.
"""

from __future__ import annotations

MAX_FILE_BYTES = 8 * 2**30
"""Maximum size of a file; a larger one is refused without being read."""

MAX_PICKLE_BYTES = 32 * 2**20
"""Maximum size of the part of a file that describes its objects; the numbers of its tensors lie outside that part."""

MAX_OPCODES = 2_000_000
"""Maximum number of instructions in the pickles of one file."""
MAX_NODES = 1_000_000
"""Maximum number of values in the objects of one file, with shared parts counted once for each place."""
MAX_DEPTH = 100
"""Maximum depth to which objects may be nested."""
MAX_AXES = 32
"""Maximum number of axes of a tensor."""
MAX_WHOLE_NUMBER_BITS = 256
"""Maximum length of an integer in a pickle, in bits."""
MAX_NAME_LENGTH = 400
"""Maximum length of the name of a class or an array, in characters."""
MAX_ENTRIES = 20_000
"""Maximum number of entries of a zip archive, or of variables of a tensor bundle."""

MAX_DIRECTORY_BYTES = 16 * 2**20
"""Maximum size of the table of contents of a zip archive or tensor bundle, or of a JSON header."""

_SLACK_BYTES = 64 * 2**20
"""Number of bytes that any file, however small, may become in memory."""
_AMPLIFICATION = 4
"""How many bytes each byte of a file may become beyond that: half precision becomes float32 (a factor of 2), and tied
tensors may be written once and named twice."""

SAVE_WEIGHTS = "save the weights alone with torch.save(model.state_dict(), 'weights.pt') where they came from"
"""What to do with a file whose weights can only be taken out by the program that wrote it."""


class Unreadable(Exception):
    """The reason why a file is refused: a clause that follows its path, and what to do next."""

    def __init__(self, clause: str, remedy: str = "get the file again from where it came, or save it anew") -> None:
        super().__init__(clause)
        self.clause, self.remedy = clause, remedy


class Budget:
    """Limits how many bytes are made out of a file of `source_bytes`, whatever it shares or compresses."""

    def __init__(self, source_bytes: int) -> None:
        self.allowed = _SLACK_BYTES + _AMPLIFICATION * source_bytes
        self.spent = 0

    def spend(self, size: int, what: str) -> None:
        """Count `size` more bytes for `what`; raise Unreadable if they exceed the budget."""
        self.spent += size
        if self.spent > self.allowed:
            raise Unreadable(
                f"would unpack to more than {self.allowed // 2**20} MiB, far more than it holds ({what}), as no "
                "checkpoint does"
            )

"""The former place of StageProgress."""

from ifp.cli.progress import StageProgress as StageProgress

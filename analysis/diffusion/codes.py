"""Codes, under the name by which the measures know them."""

from ifp.codes import Codes

__all__ = ["Codes"]

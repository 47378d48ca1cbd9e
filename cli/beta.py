"""`ifp beta`: other projects' betas in our units, and back."""

from __future__ import annotations

import json
import math

import click

from ifp.cli.option_help import CommandGroup, GroupedCommand
from ifp.cli.output import echo
from ifp.errors import IfpError, bad_value
from ifp.theory.beta_units import from_nats, to_nats
from ifp.theory.conventions import CONVENTIONS, find_convention


class NumberFirst(GroupedCommand):
    """A command whose first word is a number: a negative one is a wrong number, not an unknown option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does it, but for the message about a negative number."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            if error.option_name[1:2].isdigit() or error.option_name[1:2] == ".":
                raise IfpError("VALUE must be a number of at least 0, got a negative one.") from error
            raise


def _families() -> str:
    """The table of conventions for the help text."""
    names = max(map(len, CONVENTIONS))
    losses = max(len(convention.loss) for convention in CONVENTIONS.values())
    return "\n".join(f"{name:<{names}} {its.loss:<{losses}} {its.formula}" for name, its in CONVENTIONS.items())


@click.group(cls=CommandGroup)
def beta() -> None:
    """Convert the betas of other projects."""


@beta.command(
    cls=NumberFirst,
    help=f"""Convert VALUE, the beta of another project, into our units, or back with --to.

Our units are nats per image: reconstruction summed over pixels and channels, KL summed over latents. A Gaussian's beta
is given beside the squared error SE, which is our Gaussian likelihood at sigma 0.7071, unless --sigma says otherwise.

Example: `ifp beta convert 0.003 --from disent-mean --shape 3,64,64 --latents 9` prints 4.10.

FAMILY, its loss for an image, and our beta from its own:

\b
{_families()}

BCE: sum of cross-entropies; SE: of squared errors; L1: of absolute errors.""",
)
@click.argument("value", type=float)
@click.option("--from", "from_", metavar="FAMILY", help="Whose beta VALUE is.", show_default="none; this or --to")
@click.option("--to", metavar="FAMILY", help="VALUE is in our units: convert it into theirs.",
              show_default="none; this or --from")  # fmt: skip
@click.option("--shape", metavar="C,H,W", help="Channels, height and width of their images, as in 3,64,64.",
              show_default="none; needed for losses with C H W")  # fmt: skip
@click.option("--latents", type=int, metavar="D", help="Their number of latents.",
              show_default="none; needed for losses with latents")  # fmt: skip
@click.option("--sigma", type=float, help="The Gaussian's sigma to which our beta belongs.",
              show_default="0.7071, where the cost is the squared error")  # fmt: skip
@click.option("--kld-weight", type=float, help="The kld_weight of antixk.",
              show_default=f"{CONVENTIONS['antixk'].kld_weight}")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout and nothing else there.")
def convert(
    value: float,
    from_: str | None,
    to: str | None,
    shape: str | None,
    latents: int | None,
    sigma: float | None,
    kld_weight: float | None,
    as_json: bool,
) -> None:
    """Convert VALUE from or to a family's convention (the help text is made above)."""
    if (from_ is None) == (to is None):
        raise IfpError("Give one of --from FAMILY (into our units) and --to FAMILY (out of them).")
    family = from_ or to or ""
    convention = find_convention(family)
    image = _image_shape(shape)
    theirs = value if to is None else from_nats(value, family, shape=image, latents=latents, kld_weight=kld_weight,
                                                sigma=sigma)  # fmt: skip
    reference = to_nats(theirs, family, shape=image, latents=latents, kld_weight=kld_weight)
    ours = reference if sigma is None else reference.at_sigma(sigma)
    if as_json:
        converted = {
            "beta": ours.beta, "likelihood": ours.likelihood, "sigma": ours.sigma, "in_words": ours.in_words,
            "family": family, "family_beta": theirs, "loss": convention.loss, "formula": convention.formula,
            "shape": image, "latents": latents, "kld_weight": kld_weight or convention.kld_weight,
            "note": convention.note,
        }  # fmt: skip
        echo(json.dumps(converted, indent=2))
        return
    spelled = convention.spelled(f"{theirs:.6g}", f"{math.prod(image or ()):,}", str(latents), kld_weight)
    worked_out = "the same" if convention.formula == "beta" else f"{spelled} = {reference.beta:.6g}"
    if to is None:
        echo(f"{_three_digits(ours.beta)}  ({ours.in_words})")
    else:
        echo(f"{_three_digits(theirs)}  (the beta of {family}; VALUE, {value:g}, is in {ours.in_words})")
    echo(f"{family} is {convention.project}: {convention.loss}; ours is {worked_out}")
    if ours.sigma is not None:
        same = " and ".join(f"{ours.at_sigma(s).beta:.6g} at sigma {s:.4g}" for s in (math.sqrt(0.5), 1.0))
        echo(f"For a Gaussian only beta x 2 sigma^2 counts: the same model is {same}.")
    if convention.note:
        echo(convention.note)


def _image_shape(text: str | None) -> tuple[int, int, int] | None:
    if text is None:
        return None
    try:
        channels, height, width = map(int, text.split(","))
    except ValueError as error:
        raise bad_value("--shape", text, "three whole numbers, channels, height and width, as in 3,64,64") from error
    return channels, height, width


def _three_digits(beta: float) -> str:
    """Three significant digits or more, never an exponent unless the number is tiny."""
    if beta == 0 or beta < 1e-4:
        return f"{beta:.3g}"
    return f"{beta:.{max(0, 2 - math.floor(math.log10(beta)))}f}"

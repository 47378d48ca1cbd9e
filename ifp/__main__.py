"""`python -m ifp`: the same as the command `ifp`."""

from ifp.cli import main

if __name__ == "__main__":
    main(prog_name="ifp")

"""A run, or several, as one page of HTML that needs nothing else."""

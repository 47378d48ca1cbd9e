"""What a run needs of the machine: whole files, threads, versions of libraries, stored settings, its output folder."""

"""Networks as each code base defines them, and files as it writes them, with random weights."""

"""Analysis of saved runs: freezing points, tables and figures. No torch."""

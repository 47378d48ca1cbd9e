"""Recordings of a user's own training loop: `ifp.Recorder`, the callback for Lightning, and what was recorded."""

"""Testing: the pytest fixture `spane` and what stands behind it."""

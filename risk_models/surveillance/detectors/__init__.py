"""Methods that compare counts with what is expected: pure functions over arrays."""

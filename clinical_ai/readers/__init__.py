"""One module per reading task; a reader says what it accepts and returns a `Reading`."""

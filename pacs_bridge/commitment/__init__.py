"""Storage commitment: a peer confirms that it keeps what it was sent (PS3.4 annex J)."""

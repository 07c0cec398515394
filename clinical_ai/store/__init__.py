"""Tables of readings, decisions, signatures and accounts; SQLite or PostgreSQL."""

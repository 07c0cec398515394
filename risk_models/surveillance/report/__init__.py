"""Reports of surveillance: what is written, its charts and its words."""

"""How well the knowledge graph answers."""

"""What medicine says: the knowledge graph, care pathways and decision support."""

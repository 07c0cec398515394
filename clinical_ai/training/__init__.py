"""How the weights of each bundle were made; one command per bundle."""

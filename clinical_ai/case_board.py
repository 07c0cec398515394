"""The multidisciplinary case board."""

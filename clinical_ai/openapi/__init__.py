"""One OpenAPI description of all our HTTP addresses."""

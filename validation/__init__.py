"""Metrics, benchmarks and monitoring of the readers and the risk models."""

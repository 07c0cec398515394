"""Runs a network: OpenVINO on the CPU, torch on CUDA; the one place that knows devices."""

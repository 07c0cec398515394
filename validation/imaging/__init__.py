"""Measurements of the imaging readers on images with known truth."""

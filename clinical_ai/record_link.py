"""The record that belongs to a study."""

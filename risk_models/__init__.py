"""Published cardiovascular and metabolic risk equations; pure, no I/O outside `cohort`."""

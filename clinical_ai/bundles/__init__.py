"""Model bundles in MONAI layout: metadata, weights (safetensors) and a signed manifest."""

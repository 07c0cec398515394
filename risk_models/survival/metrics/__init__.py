"""One pure function a metric: arrays of follow-up and predicted risk in, a number out."""

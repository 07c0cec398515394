"""Care pathways: stages, goals and visits of a chronic disease, and where a patient stands."""

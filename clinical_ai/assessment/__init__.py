"""One module per imaging guideline; pure rules from findings to a category and advice."""

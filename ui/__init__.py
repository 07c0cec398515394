"""Review screens for radiologists, reports for public health, pages for administrators."""

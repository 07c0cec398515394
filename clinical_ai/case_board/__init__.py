"""The multidisciplinary case board: a patient's case, its questions and its opinions."""

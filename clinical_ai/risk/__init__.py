"""Risk of a person from the record: equations as they are, and what imaging adds beside them."""

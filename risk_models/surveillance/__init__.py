"""Counts of disease events by week or month, and the methods that raise alarms on them."""

"""Cohorts: tables, files and FHIR exports in; scores, strata and reports out.

The one part of `risk_models` that reads and writes files.
"""

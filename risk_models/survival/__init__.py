"""Survival models fitted to local data: fit, check, validate, recalibrate, export, score.

lifelines is imported only by the modules that fit; scoring an exported model needs numpy alone.
"""

"""Routing: what is to be done with a complete study, by the rules of the site.

Pure but for `source` and `headers`: rules and facts in, a decision out.
"""

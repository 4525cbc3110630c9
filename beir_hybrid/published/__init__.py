"""Facts the package carries: published scores, facts on languages, and what a run of our own should give again.

Built by ``benchmarks/published_facts.py``; see `scores`, `languages` and `check`.
"""

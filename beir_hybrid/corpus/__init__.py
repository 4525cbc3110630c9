"""Corpora on disk: one Arrow file of passages in the order of their ids, written once and opened in an instant.

Writing and reading are pyarrow's. What is ours beside it, and why. 10 million passages are to open in .1 s, to stay
below 200 MB after 20,000 look-ups, and to be converted, from where an interrupt left off, at 60 thousand a CPU second
(`benchmarks/bench_corpus.py`):

- Looking up (`arrow_corpus`). `datasets.Dataset` has no look-up by id, and rows read here and there stay mapped: of a
  file of 492 MB it holds 463 MB more after 20,000 rows, at 29 microseconds each (datasets 5.2). Here a record batch is
  a few dozen passages, read as a whole and not mapped: that holds nothing and takes 18, 7 of them for its checksum.
- Converting (`convert`, `workers`). The generators of `datasets` begin anew after an interrupt and do not know the line
  of a malformed record. Here every source is a file of its own that counts once it is whole.
"""

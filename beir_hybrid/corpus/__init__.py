"""Corpora on disk: Arrow files, written once by pyarrow and mapped, opened in an instant whatever their size.

What is ours beside pyarrow, and why. 10 million passages are to open in .1 s, to stay below 200 MB after 20,000
look-ups, and to be converted, from where an interrupt left off, at 60 thousand a CPU second
(`benchmarks/bench_corpus.py`):

- Looking up (`mapped`, `order`, `shards`). `datasets.Dataset` has no look-up by id, and rows read here and there stay
  mapped: of a file of 492 MB it holds 463 MB more after 20,000 rows, at 29 microseconds each (datasets 5.2). Cells that
  are looked up are copied with ``pread``, which holds nothing and takes 15; the order of the ids is a file of its own,
  so that the texts need not be written a second time.
- Converting (`convert`, `workers`). The generators of `datasets` begin anew after an interrupt and do not know the line
  of a malformed record. Here every source is a file of its own that counts once it is whole.
"""

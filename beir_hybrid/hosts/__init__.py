"""The tools people already use: mteb's models, tasks and results, ir_datasets' collections, model cards of the hub."""

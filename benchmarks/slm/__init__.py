"""The on-device engine and its peers on the same weights, measured side by side in one run: `python -m benchmarks.slm`.

The command's `--help` says what is measured and how.
"""

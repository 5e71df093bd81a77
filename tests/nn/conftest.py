"""The script that makes the reference values needs torch, which the tests do not."""

collect_ignore = ["make_torch_reference.py"]

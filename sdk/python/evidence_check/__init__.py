"""An independent reading of docs/evidence-format.md: the standard library and `cryptography`, nothing of ours."""

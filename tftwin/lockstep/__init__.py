"""refnn and TensorFlow side by side: every number held against a bound that is derived."""

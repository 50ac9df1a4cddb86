"""The six chapters of the tutorial, each in refnn and in TensorFlow, with its pictures."""

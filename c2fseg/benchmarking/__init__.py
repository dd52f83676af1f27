"""Speed, operations, bytes and memory of models, for the benchmark tools."""

"""What is said on a line: framings, replies as words and numbers, what passed, recordings of it.

Opens nothing and waits for nobody.
"""

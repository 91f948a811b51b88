"""The worker process, and whoever starts it, watches it and relays for it.

`worker` puts the parts of one together, `process` runs it, `commands` carries out what people ask
for. Rooms of their own have the `schema` of all that is said, the `edits` of a nodespace, what is
`shown` of it, the `guard` and the `manager`.
"""

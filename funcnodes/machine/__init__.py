"""What processes of one user on one machine share: a place, locks, private files, doors.

Knows nothing of nodes, devices and workers.
"""

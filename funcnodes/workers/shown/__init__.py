"""What browsers are shown: from nodes, devices, runs and benches to the structs of the schema."""

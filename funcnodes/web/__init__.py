"""The server: sign-in, the gate, the HTTP interface, the live socket, and the built editor."""

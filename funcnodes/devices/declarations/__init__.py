"""The words of a driver, and what is made of them without a connection: schema, stand-in, test."""

"""What makes a bench safe when its worker's event loop does not answer, or its process is gone."""

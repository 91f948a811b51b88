"""The door for packages that bring models: how one says what it takes in a bench file.

The names here keep their place; what they are is `instruments.models`' business.
"""

from funcnodes_simulators.instruments.models import (
    Attachment,
    BenchError,
    Model,
    Setting,
    Setup,
    broken_models,
    find_model,
    model_names,
)

__all__ = [
    "Attachment",
    "BenchError",
    "Model",
    "Setting",
    "Setup",
    "broken_models",
    "find_model",
    "model_names",
]

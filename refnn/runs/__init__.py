"""Around the training steps: runs, their history, and their files."""

from refnn.runs.checkpoints import Checkpoint
from refnn.runs.fit import fit, resume
from refnn.runs.history import History, Interrupted, NonFiniteError, SaveError
from refnn.runs.models import SavedModel, load_model, save_model
from refnn.runs.states import load_state, save_state

__all__ = [
    "Checkpoint",
    "History",
    "Interrupted",
    "NonFiniteError",
    "SaveError",
    "SavedModel",
    "fit",
    "load_model",
    "load_state",
    "resume",
    "save_model",
    "save_state",
]

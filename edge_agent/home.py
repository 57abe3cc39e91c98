"""Where state lives on this device: the platform's user data folder, or `EDGEWISE_HOME`."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """The folder of the configuration, the databases and the models. Not created here."""
    configured = os.environ.get("EDGEWISE_HOME")
    return Path(configured).expanduser() if configured else platformdirs.user_data_path("edgewise", appauthor=False)


def models_dir() -> Path:
    """The folder with one sub-folder for each installed model: `EDGEWISE_MODELS`, or `models` under `home()`."""
    configured = os.environ.get("EDGEWISE_MODELS")
    return Path(configured).expanduser() if configured else home() / "models"

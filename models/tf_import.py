"""The one way in which TensorFlow is imported: quietly; where it is missing, with what installs it."""

from __future__ import annotations

import logging
import os
from typing import Any

from utils.imports import optional
from utils.quiet import held_back


def load() -> tuple[Any, Any]:
    """Import TensorFlow and tf_keras without their greetings.

    Returns:
        The modules `tensorflow` and `tf_keras`.

    Raises:
        BenchError: one of them is not installed; the sentence holds the command that installs it.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors still show
    with held_back():
        tensorflow, keras = optional("tensorflow", "tensorflow"), optional("tf_keras", "tensorflow")
    tensorflow.get_logger().setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)
    return tensorflow, keras

"""What a night imports on its way: for the server that nights are forked from, and nobody else."""

from __future__ import annotations

import gc
import threading
import warnings

import skops.io  # noqa: F401  # first: it looks up every public name of what is loaded before it

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import great_expectations.expectations  # noqa: F401

import duckdb  # noqa: F401
import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401
import xgboost  # noqa: F401
from tqdm import tqdm

import tests.faults.night_process  # noqa: F401

tqdm.set_lock(threading.RLock())  # its own is a semaphore, which the killed never give back
gc.freeze()  # what is here stays shared: no child's collector walks through it

"""How long FinRisk waits for an MLflow server: the one place that bounds every HTTP call to it.

A try fails where connecting takes longer than ``FINRISK_REMOTE_TIMEOUT_SECONDS``, or where the
server then sends nothing for as long. It is repeated ``FINRISK_REMOTE_RETRIES`` times: at once,
then after 2, 4, 8 … seconds, each plus up to two by chance, so that many nights do not come back
together. What is repeated are lost connections and the statuses 408, 429, 500, 502, 503 and 504, a
POST as well as a GET: MLflow's client does not tell a call that had no effect from one whose answer
was lost. An answer that breaks off in the middle is not repeated.

With the defaults, 10 s and 3 retries, a port that refuses costs 10 s at most, a server that never
answers 50 s, one that also takes its time to connect 90 s; whatever the settings say, no call
waits longer than 300 s. Files go through the server by the same calls, one a file.

Not bounded here: a server that sends a byte now and then forever (a task's ``execution_timeout``
is), and an object store that a server's clients write to directly without passing it.
"""

from __future__ import annotations

import os

from finrisk.config import Settings

LONGEST_CALL_SECONDS = 300
BACKOFF_SECONDS = 1  # urllib3 doubles it before it waits the first time
JITTER_SECONDS = 2
LONGEST_PAUSE_SECONDS = 120  # urllib3's


def bound_every_call(settings: Settings) -> None:
    """Tell MLflow's client how long to wait and how often to ask again; for the whole process.

    A ``Retry-After`` is not obeyed: a server that is busy for an hour would hold the night for
    hours. Files are not sent in parts, because MLflow sends parts without any deadline.
    """
    seconds = settings.remote_timeout_seconds
    retries = retries_that_fit(seconds, settings.remote_retries)
    os.environ.update(
        {
            "MLFLOW_HTTP_REQUEST_TIMEOUT": str(seconds),
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(retries),
            "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": str(BACKOFF_SECONDS),
            "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": str(JITTER_SECONDS),
            "MLFLOW_HTTP_RESPECT_RETRY_AFTER_HEADER": "false",
            "MLFLOW_ARTIFACT_UPLOAD_DOWNLOAD_TIMEOUT": str(seconds),
            "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD": "false",
            "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD": "false",
        }
    )


def longest_wait(seconds: int, retries: int) -> int:
    """Return the worst case of one call in seconds: each try connects and then reads.

    Examples
    --------
    >>> longest_wait(10, 3), longest_wait(1, 1)
    (90, 4)
    """
    pauses: list[int] = [
        min(BACKOFF_SECONDS * 2**n + JITTER_SECONDS, LONGEST_PAUSE_SECONDS)
        for n in range(1, retries)
    ]
    return 2 * seconds * (retries + 1) + sum(pauses)


def retries_that_fit(seconds: int, retries: int) -> int:
    """Return as many of the retries as keep a call within ``LONGEST_CALL_SECONDS``.

    Examples
    --------
    >>> retries_that_fit(10, 3), retries_that_fit(10, 10), retries_that_fit(60, 3)
    (3, 7, 1)
    """
    while retries and longest_wait(seconds, retries) > LONGEST_CALL_SECONDS:
        retries -= 1
    return retries

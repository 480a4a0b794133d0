"""The adapter for Apache Spark: one task a split, only numbers and sealed outcomes in its frames.

Spark runs a task again that failed or was lost, or runs it twice where one is slow, and gives the outcome of one
attempt. It is used by its DataFrame interface alone, so that local, standalone and Connect sessions are alike.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from coffer.errors import Unavailable
from coffer.extras import extra
from coffer.procedures.ingest.spread.task import TaskFailed, sealed_splits
from coffer.procedures.ingest.spread.work import Work

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LIBRARIES: Final = 'pip install "surecoffer[spark]" where this command runs; for sc:// also grpcio and grpcio-status'
_COLUMNS: Final = "split long, outcome binary"
_SCHEMA: Final = pa.schema([("split", pa.int64()), ("outcome", pa.binary())])


class SparkCluster:
    """A Spark cluster.

    ``master``: ``local[2]``, ``spark://host:port``, or ``sc://host:port`` for Connect; empty takes what ``spark-submit``
    or the environment says.
    """

    def __init__(self, master: str = "") -> None:
        self._master = master

    def run(self, work: Work) -> Iterable[tuple[int, bytes]]:
        """See ``Cluster``."""
        with extra("spark"):
            from py4j.protocol import Py4JError  # noqa: PLC0415 - with pyspark
            from pyspark.errors import PySparkException, PySparkImportError  # noqa: PLC0415 - half a second, and an extra
        count = len(work.splits)
        try:
            session = self._session()
            try:
                # A range of as many partitions as rows is one split a task.
                frame = session.range(0, count, 1, count).mapInArrow(_tasks(work), _COLUMNS)
                return [(row["split"], bytes(row["outcome"])) for row in frame.collect()]
            finally:
                session.stop()
        except PySparkImportError:
            raise Unavailable("engine spark: a library of Spark's is missing", hint=_LIBRARIES) from None
        except (PySparkException, Py4JError) as error:
            raise _failed(error) from None

    def _session(self) -> "SparkSession":
        from pyspark.sql import SparkSession  # noqa: PLC0415 - as above

        builder = SparkSession.builder.appName("coffer ingest")
        builder = builder.config("spark.ui.showConsoleProgress", str(sys.stderr.isatty()).lower())
        if self._master.startswith("sc://"):
            builder = builder.remote(self._master)
        elif self._master:
            builder = builder.master(self._master)
        if self._master.startswith("local"):  # tasks run on this machine, which has one Python that knows coffer
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        return builder.getOrCreate()


def _tasks(work: Work) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    """The function that a task runs over its part of the range."""

    def tasks(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number, outcome in sealed_splits(work, batch.column(0).to_pylist()):
                yield pa.RecordBatch.from_pylist([{"split": number, "outcome": outcome}], schema=_SCHEMA)

    return tasks


def _failed(error: Exception) -> Unavailable:
    """What to say of Spark's own error, whose text is long and names what was run.

    Of a task's failure it says the part that the task itself chose, which holds no content.
    """
    mark = f"{TaskFailed.__name__}: "
    said = next((line.partition(mark)[2] for line in str(error).splitlines() if mark in line), "")
    what = said or f"{type(error).__name__}"
    return Unavailable(f"engine spark: {what}", hint="the logs of Spark's driver and executors say more")

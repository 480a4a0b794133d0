"""A cluster of two workers that speculates, and a store that they reach; without Spark or Java these tests skip."""

import pytest

from clustering import is_here, standalone
from storing import Bucket

EAGER = {
    "spark.speculation": "true",
    "spark.speculation.interval": "200ms",
    "spark.speculation.multiplier": "1.5",
    "spark.speculation.quantile": "0.5",
    "spark.speculation.minTaskRuntime": "1s",
}


@pytest.fixture(scope="module")
def bucket():
    with Bucket.serve() as served:
        yield served


@pytest.fixture(scope="module")
def cluster(tmp_path_factory, bucket):
    if not is_here():
        pytest.skip("no Spark here: make spark, and Java 17 or later")
    with standalone(tmp_path_factory.mktemp("spark"), 2, EAGER) as made:
        yield made

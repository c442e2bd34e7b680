"""`make spark-up`: a Spark cluster on this machine."""

from __future__ import annotations

from orchestration.lib.core.settings import read_spark_cluster


def command() -> int:
    """Start a Spark cluster on this machine.

    A master, two workers and a server for queries, on loopback alone, which run on until make spark-down. Ports, memory
    and the folder of logs are settings (docs/spark.md).
    """
    from orchestration.lib.core.activity import step
    from orchestration.lib.spark.cluster import logs, start

    cluster = read_spark_cluster()
    with step("starting Spark"):
        start(cluster, progress=print)
    print(f"Spark is up and takes queries at {cluster.remote}. Its logs are in {logs(cluster)},")
    print(f"its pages at http://127.0.0.1:{cluster.pages_port}. Run the models on it: make run TARGET=spark")
    print("Anyone who has an account on this machine can use it. End it: make spark-down")
    return 0

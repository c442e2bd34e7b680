"""`make spark-down`: ends the Spark cluster on this machine."""

from __future__ import annotations

from orchestration.lib.core.settings import read_spark_cluster


def command() -> int:
    """End every process of the Spark cluster on this machine.

    Also those that a killed command left behind.
    """
    from orchestration.lib.core.activity import step
    from orchestration.lib.spark.cluster import stop

    with step("ending Spark"):
        count = stop(read_spark_cluster())
    print(f"{count} processes of Spark were ended." if count else "No process of Spark was running.")
    return 0

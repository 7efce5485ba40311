"""A small openb trace and its nodes, of our own, with everything that a lease replay must come to worked out by hand.

At 30 000 000 µ per GPU and 1e6 seconds (30 µ a second), 333 basis points, three customers, and money for at most 100
seconds a lease:

| line | GPUs x milli | from - to | rate | budget | funded until | ends | gross | fee | refund |
| ---: | --- | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: |
| 2 | 1 x 1000 | 10 - 50 | 30 000 000 | 40 x 30 = 1 200 | 50 | 50, by its money and its job | 1 200 | 39.96 | 0 |
| 3 | 2 x 1000 | 0 - 500 | 60 000 000 | 100 x 60 = 6 000 | 100 | 100, by its money | 6 000 | 199.8 | 0 |
| 5 | 1 x 333 | 10 - 17 | 9 990 000 | 69.93, so 70 | 10 + 7.007 | 17 | 69.93 | 2.29 | 1 |
| 6 | 1 x 10 | 100 - 105 | 300 000 | 1.5, so 2 | 100 + 6.67 | 105, by its provider | 1.5 | 0.03 | 1 |
| 8 | 1 x 1000 | 10 - 400.9 | 30 000 000 | 3 000 | 110 | 110, by its money | 3 000 | 99.9 | 0 |

Nodes: line 3 comes first, at 0, and of the two largest takes the upper one, rack-b. At 10 rack-c has most; lines
2, 5 and 8 all go there: 4 000, 3 000, 2 667 milli are free before them, and rack-b has 2 000. At 100 line 3 has
just ended, so rack-b has 4 000 again and takes line 6.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tallystick.replay.lease.plan import LeasePlan, plan_leases
from tallystick.sources.nodes import read_nodes
from tallystick.sources.traces import TraceFile

__all__ = ["FEE_BPS", "LEASES", "REJECTED", "SECONDS", "UNIT_PRICE", "plan_of", "write_world"]

UNIT_PRICE: Final = 30_000_000
FEE_BPS: Final = 333
SECONDS: Final = 100
CUSTOMERS: Final = 3

NODES: Final = """sn,cpu_milli,memory_mib,gpu,model
rack-a,64000,262144,2,T4
rack-b,96000,393216,4,V100
rack-c,96000,393216,4,V100
office,32000,65536,0,
"""

_COLUMNS: Final = (
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time"
)
PODS: Final = f"""{_COLUMNS},scheduled_time
paid-to-the-end,4000,8192,1,1000,,LS,Succeeded,0,50,10
too-long,4000,8192,2,1000,,LS,Succeeded,0,500,0
no-gpu,4000,8192,0,0,,BE,Succeeded,0,60,5
a-third,4000,8192,1,333,,LS,Succeeded,0,17,10
a-hundredth,4000,8192,1,10,,LS,Succeeded,0,105,100
too-wide,4000,8192,8,1000,,LS,Failed,0,30,20
fraction,4000,8192,1,1000,,LS,Succeeded,0,400.9,10
nothing,4000,8192,1,0.00001,,BE,Succeeded,0,200005,5
never,4000,8192,1,1000,,BE,Pending,0,,
"""

REJECTED: Final = [(4, "no_gpu"), (7, "no_node"), (9, "rate_is_zero"), (10, "no_scheduled_time")]

_NAMES: Final = (
    "line", "customer", "provider", "node", "rate", "start", "stop", "downtime", "served", "gross", "fee", "net",
    "refund", "close_reason", "deletion_time", "budget",
)  # fmt: skip
LEASES: Final[list[dict[str, Any]]] = [
    dict(zip(_NAMES, row, strict=True))
    for row in (
        (2, 0, 2, "rack-c", 30_000_000, 10, 50, 0, 40, 1_200, 39, 1_161, 0, "stopped", 50, 1_200),
        (3, 1, 1, "rack-b", 60_000_000, 0, 100, 0, 100, 6_000, 199, 5_801, 0, "exhausted", 500, 6_000),
        (5, 0, 2, "rack-c", 9_990_000, 10, 17, 0, 7, 69, 2, 67, 1, "stopped", 17, 70),
        (6, 1, 1, "rack-b", 300_000, 100, 105, 0, 5, 1, 0, 1, 1, "stopped", 105, 2),
        (8, 0, 2, "rack-c", 30_000_000, 10, 110, 0, 100, 3_000, 99, 2_901, 0, "exhausted", 400, 3_000),
    )
]
"""What the report says, but for the agreements' numbers; customers are data row (from 0, rejected ones too) mod 3."""


def write_world(folder: Path) -> tuple[Path, Path]:
    """Writes both files; returns (trace, nodes)."""
    trace, nodes = folder / "pods.csv", folder / "nodes.csv"
    trace.write_text(PODS)
    nodes.write_text(NODES)
    return trace, nodes


def plan_of(folder: Path, seconds: int | None = SECONDS) -> LeasePlan:
    """The plan of that world."""
    trace, nodes = write_world(folder)
    return plan_leases(
        TraceFile(trace, "openb"),
        read_nodes(nodes),
        customers=CUSTOMERS,
        unit_price=UNIT_PRICE,
        fee_bps=FEE_BPS,
        budget_seconds=seconds,
    )

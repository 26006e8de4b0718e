"""The features of one closed window of one sensor, as Feast reads them: a view for each window length.

Sensorium itself writes the online store (Redis) and keeps each sensor's newest window there: nothing has to be
materialized. Where Sensorium runs with FEATURES or WINDOWS, set the same in the environment of `feast apply`.
"""

import os
import re
from datetime import timedelta

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.data_format import ParquetFormat
from feast.types import Float64, Int64

# Generated from src/sensors/features.ts by `npm run generate`:
DEFAULT_FEATURES = (
    "count,avg_value,min_value,max_value,std_dev,anomaly_count,anomaly_rate"
)
DECLARED = [
    Field(
        name="count",
        dtype=Int64,
        description="Number of readings in the window.",
    ),
    Field(
        name="avg_value",
        dtype=Float64,
        description="Arithmetic mean of the readings.",
    ),
    Field(
        name="min_value",
        dtype=Float64,
        description="Least reading.",
    ),
    Field(
        name="max_value",
        dtype=Float64,
        description="Greatest reading.",
    ),
    Field(
        name="std_dev",
        dtype=Float64,
        description="Population standard deviation of the readings; 0 where all are equal.",
    ),
    Field(
        name="anomaly_count",
        dtype=Int64,
        description="Readings further from the sensor's baseline than the anomaly threshold.",
    ),
    Field(
        name="anomaly_rate",
        dtype=Float64,
        description="Anomalies per reading, 0 to 1.",
    ),
    Field(
        name="sum",
        dtype=Float64,
        description="Sum of the readings.",
    ),
    Field(
        name="first_value",
        dtype=Float64,
        description="Reading earliest in event time; of several, the one first in the log.",
    ),
    Field(
        name="last_value",
        dtype=Float64,
        description="Reading latest in event time; of several, the one last in the log.",
    ),
    Field(
        name="range",
        dtype=Float64,
        description="Greatest reading minus least.",
    ),
    Field(
        name="rate_of_change",
        dtype=Float64,
        description="From first_value to last_value, per second between them; 0 where they are of one instant.",
    ),
    Field(
        name="median",
        dtype=Float64,
        description="Middle reading; exact for up to 63 distinct values, else to 1.7 % of the range.",
    ),
    Field(
        name="p95",
        dtype=Float64,
        description="Value that 95 % of the readings do not exceed; as exact as the median.",
    ),
    Field(
        name="gap_max_ms",
        dtype=Int64,
        description="Greatest gap of event time between readings, as seen when each came; 0 for one reading.",
    ),
    Field(
        name="alarm_count",
        dtype=Int64,
        description="Alarms of the adaptive baseline; 0 with BASELINE=cumulative.",
    ),
    Field(
        name="alarm_score_max",
        dtype=Float64,
        description="Greatest alarm score of the readings, an alarm from 3 on; 0 while the baseline warms.",
    ),
]
# End of what is generated.

# Set FEAST_JOIN_KEY as on Sensorium: it is part of every key in Redis. Feast alone uses the name of
# the entity.
join_key = os.environ.get("FEAST_JOIN_KEY") or "sensor_id"

sensor = Entity(
    name=os.environ.get("FEAST_ENTITY") or join_key,
    join_keys=[join_key],
    value_type=ValueType.STRING,
    description="The id a sensor sends with every reading.",
)

# DuckDB looks for a relative path in the folder that Python was started in, not in this one.
history_folder = os.path.abspath(
    os.environ.get("HISTORY_DIR") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
)

declared = {field.name: field for field in DECLARED}
selected = [name.strip() for name in (os.environ.get("FEATURES") or DEFAULT_FEATURES).split(",")]


def history_path(view):
    """Returns the files of `view`, as DuckDB takes them."""
    return os.path.join(history_folder, view, "*.parquet")


def feature_view(name, ttl):
    """Returns the view `name`.

    `ttl` is how far back a historical join may look for a sensor's last window. Online reads ignore it: there only
    ONLINE_TTL_S makes a sensor that fell silent disappear.
    """
    # Training data: the Parquet files that Sensorium writes, in HISTORY_DIR or by `export --out feature_repo/data`, with
    # event_timestamp = the window's end and available_at = from when on the row counts as readable: a join with
    # filter_by_created_timestamp=True gives what was served. The folder need not exist for `feast apply` and for
    # online reads.
    history = FileSource(
        name=f"{name}_history",
        path=history_path(name),
        file_format=ParquetFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="available_at",
        field_mapping={} if join_key == "sensor_id" else {"sensor_id": join_key},
    )
    return FeatureView(
        name=name,
        entities=[sensor],
        ttl=ttl,
        schema=[declared[feature] for feature in selected],
        online=True,
        source=history,
    )


def window_hop(window):
    """Returns how long after one row of the larger window `window` (5m, or 5m/1m) its next one ends."""
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h|d)", window.split("/")[-1]).groups()
    units = {"ms": "milliseconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    return timedelta(**{units[unit]: int(number)})


base_ttl = timedelta(hours=2)
sensor_features = feature_view("sensor_features", base_ttl)

# Larger windows: 5m is the view sensor_features_5m, 5m/1m is sensor_features_5m_1m. Feast finds views by the module's
# names.
for window in os.environ.get("WINDOWS", "").split(","):
    if window.strip():
        view = f"sensor_features_{window.strip().replace('/', '_')}"
        globals()[view] = feature_view(view, base_ttl + window_hop(window.strip()))

"""The features of one closed window of one sensor, as Feast reads them.

Sensorium itself writes the online store (Redis) and keeps each sensor's newest window there: nothing has to be
materialized. The fields and their types are those of src/sensors/features.ts; test/feast holds the two together.
"""

from datetime import timedelta

from feast import Entity, FeatureView, Field, FileSource, ValueType
from feast.types import Float64, Int64

sensor = Entity(
    name="sensor_id",
    join_keys=["sensor_id"],
    value_type=ValueType.STRING,
    description="The id a sensor sends with every reading.",
)

# Training data: parquet part files of feature rows, with event_timestamp = the window's end. The directory need not
# exist for `feast apply` and for online reads.
history = FileSource(
    name="sensor_features_history",
    path="data/sensor_features",
    timestamp_field="event_timestamp",
    created_timestamp_column="created",
)

sensor_features = FeatureView(
    name="sensor_features",
    entities=[sensor],
    # How far back a historical join may look for a sensor's last window. Online reads ignore it: there only
    # ONLINE_TTL_S makes a sensor that fell silent disappear.
    ttl=timedelta(hours=2),
    schema=[
        Field(name="count", dtype=Int64, description="Number of readings in the window."),
        Field(name="avg_value", dtype=Float64, description="Arithmetic mean of the readings."),
        Field(name="min_value", dtype=Float64, description="Least reading."),
        Field(name="max_value", dtype=Float64, description="Greatest reading."),
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
        Field(name="anomaly_rate", dtype=Float64, description="Anomalies per reading, 0 to 1."),
    ],
    online=True,
    source=history,
)

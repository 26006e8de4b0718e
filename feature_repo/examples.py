"""Examples to copy or delete: a service, a feature computed on demand, and a view that is pushed to.

Sensorium reads none of them. They show how its views stand beside features of your own.
"""

from datetime import timedelta

import pandas as pd
from feast import FeatureService, FeatureView, Field, FileSource, PushSource
from feast.data_format import ParquetFormat
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, String
from sensor_features import history_path, selected, sensor, sensor_features

# Facts of your own about each sensor: `store.push("sensor_maintenance_push", frame)`. Keep the columns apart from the
# views that Sensorium writes: a row pushed there with a date in the future would block later windows.
maintenance_push = PushSource(
    name="sensor_maintenance_push",
    batch_source=FileSource(
        name="sensor_maintenance_history",
        path=history_path("sensor_maintenance"),
        file_format=ParquetFormat(),
        timestamp_field="event_timestamp",
    ),
)
sensor_maintenance = FeatureView(
    name="sensor_maintenance",
    entities=[sensor],
    ttl=timedelta(days=365),
    schema=[
        Field(name="last_service", dtype=String, description="What was done at the last service."),
        Field(name="hours_running", dtype=Float64, description="Hours run since the last service."),
    ],
    source=maintenance_push,
)

served = [sensor_features]

if {"avg_value", "std_dev"} <= set(selected):

    @on_demand_feature_view(
        sources=[sensor_features],
        schema=[Field(name="relative_spread", dtype=Float64)],
        description="std_dev in relation to avg_value; computed when it is read, in training and serving alike.",
    )
    def sensor_spread(inputs: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame({"relative_spread": inputs["std_dev"] / inputs["avg_value"].abs()})

    served.append(sensor_spread)

# Everything that one model takes, under one name: get_online_features(features=store.get_feature_service("sensor_model"), …).
sensor_model = FeatureService(
    name="sensor_model",
    features=served,
    description="The features of the model in notebooks/train_and_serve.ipynb.",
)

"""Reads and writes features through the real Feast SDK, for the tests.

Usage: read_features.py FEATURE_REPO, with one JSON command a line on standard input and one JSON answer a line on
standard output:

    {"read": ["sensor-1", ...], "view": "sensor_features"}
                                  {"values": {"avg_value": ["0x1.8p+3", null], "count": [{"int": "60"}, null], ...},
                                   "event_timestamps_ms": [1700000100000, 0]}
    {"write": [{"sensor_id": ..., "event_time_ms": ..., "features": {...}}]}    {"written": 1}
    {"join": [{"sensor_id": ..., "event_time_ms": ...}], "view": ..., "at": "event" or "available"}
                                  {"values": {...}} as above, in its order
    {"parquet": "file or folder"}                               {"rows": 60, "columns": {"count": "int64", ...}}

Doubles are given as float.hex() and integers as decimal text, so that nothing is rounded on the way.
"""

import json
import sys
from datetime import datetime, timezone

import pandas as pd
import pyarrow.parquet as pq
from feast import FeatureStore

VIEW = "sensor_features"


def exact(value):
    if value is None:
        return None
    if isinstance(value, float):
        return value.hex()
    return {"int": str(value)}


def read(store, view, sensor_ids):
    names = [field.name for field in store.get_feature_view(view).features]
    [join_key] = store.get_feature_view(view).join_keys
    response = store.get_online_features(
        features=[f"{view}:{name}" for name in names],
        entity_rows=[{join_key: sensor_id} for sensor_id in sensor_ids],
    )
    values = response.to_dict()
    # The protobuf carries the times; any feature's column has them.
    column = list(response.proto.metadata.feature_names.val).index(names[0])
    times = response.proto.results[column].event_timestamps
    return {
        "values": {name: [exact(value) for value in values[name]] for name in names},
        "event_timestamps_ms": [time.ToMilliseconds() for time in times],
    }


def write(store, rows):
    frame = pd.DataFrame(
        {
            "sensor_id": row["sensor_id"],
            "event_timestamp": datetime.fromtimestamp(row["event_time_ms"] / 1000, timezone.utc),
            "available_at": datetime.now(timezone.utc),
            **row["features"],
        }
        for row in rows
    )
    store.write_to_online_store(VIEW, df=frame)
    return {"written": len(rows)}


def join(store, view, entities, at):
    """The features of a training set: the newest row of each sensor at each moment, by get_historical_features."""
    names = [field.name for field in store.get_feature_view(view).features]
    frame = pd.DataFrame(
        {
            "sensor_id": [entity["sensor_id"] for entity in entities],
            "event_timestamp": pd.to_datetime([entity["event_time_ms"] for entity in entities], unit="ms", utc=True),
        }
    )
    features = [f"{view}:{name}" for name in names]
    filters = {"filter_by_created_timestamp": True} if at == "available" else {}
    joined = store.get_historical_features(frame, features, **filters).to_df()
    # Feast answers in the order of time.
    rows = frame.merge(joined, on=["sensor_id", "event_timestamp"], how="left", validate="one_to_one")
    return {"values": {name: [exact(value) for value in rows[name].tolist()] for name in names}}


def parquet(path):
    table = pq.read_table(path)
    columns = {field.name: str(field.type) for field in table.schema}
    return {"rows": table.num_rows, "columns": columns}


def main():
    store = FeatureStore(repo_path=sys.argv[1])
    for line in sys.stdin:
        command = json.loads(line)
        if "read" in command:
            answer = read(store, command["view"], command["read"])
        elif "join" in command:
            answer = join(store, command["view"], command["join"], command["at"])
        elif "parquet" in command:
            answer = parquet(command["parquet"])
        else:
            answer = write(store, command["write"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

"""Reads and writes the online features through the real Feast SDK, for the tests.

Usage: read_features.py FEATURE_REPO, with one JSON command a line on standard input and one JSON answer a line on
standard output:

    {"read": ["sensor-1", ...], "view": "sensor_features"}
                                  {"values": {"avg_value": ["0x1.8p+3", null], "count": [{"int": "60"}, null], ...},
                                   "event_timestamps_ms": [1700000100000, 0]}
    {"write": [{"sensor_id": ..., "event_time_ms": ..., "features": {...}}]}    {"written": 1}

Doubles are given as float.hex() and integers as decimal text, so that nothing is rounded on the way.
"""

import json
import sys
from datetime import datetime, timezone

import pandas as pd
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
    response = store.get_online_features(
        features=[f"{view}:{name}" for name in names],
        entity_rows=[{"sensor_id": sensor_id} for sensor_id in sensor_ids],
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
            "created": datetime.now(timezone.utc),
            **row["features"],
        }
        for row in rows
    )
    store.write_to_online_store(VIEW, df=frame)
    return {"written": len(rows)}


def main():
    store = FeatureStore(repo_path=sys.argv[1])
    for line in sys.stdin:
        command = json.loads(line)
        if "read" in command:
            answer = read(store, command["view"], command["read"])
        else:
            answer = write(store, command["write"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

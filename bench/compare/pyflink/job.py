"""The job on PyFlink's DataStream API: local cluster, parallelism 2, exactly-once Kafka sink, a checkpoint every 30 s.

job.py variant=typical|tuned brokers=HOST:PORT in=TOPIC out=TOPIC state=DIR jar=FILE

typical: a keyed Welford, then a keyed window operator. tuned: both in one keyed operator.
"""

import json
import math
import sys
import time

from pyflink.common import Configuration, Duration, Time, Types, WatermarkStrategy
from pyflink.common.serialization import SimpleStringSchema
from pyflink.common.watermark_strategy import TimestampAssigner
from pyflink.datastream import StreamExecutionEnvironment
from pyflink.datastream.connectors.base import DeliveryGuarantee
from pyflink.datastream.connectors.kafka import (
    KafkaOffsetsInitializer,
    KafkaRecordSerializationSchema,
    KafkaSink,
    KafkaSource,
)
from pyflink.datastream.functions import AggregateFunction, KeyedProcessFunction, ProcessWindowFunction
from pyflink.datastream.state import ValueStateDescriptor
from pyflink.datastream.window import TumblingEventTimeWindows

WINDOW_MS = 60_000
ANOMALY_THRESHOLD = 2.5
# Python operators handle bundles: disorder between the two subtasks' partitions is far below this.
DISORDER_S = 300

options = dict(argument.split("=", 1) for argument in sys.argv[1:])


class EventTime(TimestampAssigner):
    def extract_timestamp(self, value, record_timestamp):
        return value[1]


def parse(text):
    reading = json.loads(text)
    return reading["sensor_id"], reading["timestamp"], reading["value"]


def learn(n, mean, m2, value):
    """Scores against the statistics before this reading, then includes it."""
    anomaly = 0
    if n >= 2:
        deviation = math.sqrt(m2 / (n - 1))
        anomaly = 1 if deviation > 0 and abs((value - mean) / deviation) > ANOMALY_THRESHOLD else 0
    n += 1
    d = value - mean
    mean += d / n
    return n, mean, m2 + d * (value - mean), anomaly


def add(window, value, anomaly):
    n, low, high, mean, m2, anomalies = window
    n += 1
    d = value - mean
    mean += d / n
    return n, min(low, value), max(high, value), mean, m2 + d * (value - mean), anomalies + anomaly


EMPTY = (0, math.inf, -math.inf, 0.0, 0.0, 0)


def row(sensor_id, start, window):
    n, low, high, mean, m2, anomalies = window
    return json.dumps(
        {
            "sensor_id": sensor_id,
            "window_start": start,
            "window_end": start + WINDOW_MS,
            "count": n,
            "avg_value": mean,
            "min_value": low,
            "max_value": high,
            "std_dev": math.sqrt(m2 / n),
            "anomaly_count": anomalies,
            "anomaly_rate": anomalies / n,
        }
    )


class Score(KeyedProcessFunction):
    def open(self, context):
        kind = Types.TUPLE([Types.LONG(), Types.DOUBLE(), Types.DOUBLE()])
        self.state = context.get_state(ValueStateDescriptor("stats", kind))

    def process_element(self, reading, context):
        n, mean, m2 = self.state.value() or (0, 0.0, 0.0)
        n, mean, m2, anomaly = learn(n, mean, m2, reading[2])
        self.state.update((n, mean, m2))
        yield reading[0], reading[1], reading[2], anomaly


class Window(AggregateFunction):
    def create_accumulator(self):
        return EMPTY

    def add(self, scored, window):
        return add(window, scored[2], scored[3])

    def get_result(self, window):
        return window

    def merge(self, left, right):
        raise NotImplementedError("tumbling windows do not merge")


class Emit(ProcessWindowFunction):
    def process(self, sensor_id, context, windows):
        yield row(sensor_id, context.window().start, next(iter(windows)))


class Features(KeyedProcessFunction):
    """Statistics and open windows in one state, an event-time timer at a window's end."""

    def open(self, context):
        self.state = context.get_state(ValueStateDescriptor("stats", Types.PICKLED_BYTE_ARRAY()))

    def process_element(self, reading, context):
        n, mean, m2, windows = self.state.value() or (0, 0.0, 0.0, {})
        _, timestamp, value = reading
        n, mean, m2, anomaly = learn(n, mean, m2, value)
        start = timestamp - timestamp % WINDOW_MS
        if start not in windows:
            context.timer_service().register_event_time_timer(start + WINDOW_MS - 1)
        windows[start] = add(windows.get(start, EMPTY), value, anomaly)
        self.state.update((n, mean, m2, windows))
        return []

    def on_timer(self, timestamp, context):
        n, mean, m2, windows = self.state.value()
        start = timestamp + 1 - WINDOW_MS
        window = windows.pop(start, None)
        self.state.update((n, mean, m2, windows))
        if window is not None:
            yield row(context.get_current_key(), start, window)


def main():
    name = f"pyflink-{options['out']}"
    settings = Configuration()
    for key, value in {
        "execution.checkpointing.interval": "30000ms",
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.storage": "filesystem",
        "execution.checkpointing.dir": f"file://{options['state']}",
        "state.backend.type": "hashmap",
        "parallelism.default": "2",
        "restart-strategy.type": "none",
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "python.execution-mode": "process",
        "pipeline.jars": f"file://{options['jar']}",
    }.items():
        settings.set_string(key, value)
    env = StreamExecutionEnvironment.get_execution_environment(settings)
    env.set_parallelism(2)
    source = (
        KafkaSource.builder()
        .set_bootstrap_servers(options["brokers"])
        .set_topics(options["in"])
        .set_group_id(name)
        .set_starting_offsets(KafkaOffsetsInitializer.earliest())
        .set_bounded(KafkaOffsetsInitializer.latest())
        .set_value_only_deserializer(SimpleStringSchema())
        .build()
    )
    reading = Types.TUPLE([Types.STRING(), Types.LONG(), Types.DOUBLE()])
    readings = env.from_source(source, WatermarkStrategy.no_watermarks(), "readings").map(
        parse, output_type=reading
    )
    readings = readings.assign_timestamps_and_watermarks(
        WatermarkStrategy.for_bounded_out_of_orderness(
            Duration.of_seconds(DISORDER_S)
        ).with_timestamp_assigner(EventTime())
    )
    keyed = readings.key_by(lambda reading: reading[0], key_type=Types.STRING())
    if options["variant"] == "tuned":
        rows = keyed.process(Features(), output_type=Types.STRING())
    else:
        scored = Types.TUPLE([Types.STRING(), Types.LONG(), Types.DOUBLE(), Types.INT()])
        window = Types.TUPLE(
            [Types.LONG(), Types.DOUBLE(), Types.DOUBLE(), Types.DOUBLE(), Types.DOUBLE(), Types.LONG()]
        )
        rows = (
            keyed.process(Score(), output_type=scored)
            .key_by(lambda scored: scored[0], key_type=Types.STRING())
            .window(TumblingEventTimeWindows.of(Time.milliseconds(WINDOW_MS)))
            .aggregate(Window(), Emit(), accumulator_type=window, output_type=Types.STRING())
        )
    rows.sink_to(
        KafkaSink.builder()
        .set_bootstrap_servers(options["brokers"])
        .set_record_serializer(
            KafkaRecordSerializationSchema.builder()
            .set_topic(options["out"])
            .set_value_serialization_schema(SimpleStringSchema())
            .build()
        )
        .set_delivery_guarantee(DeliveryGuarantee.EXACTLY_ONCE)
        .set_transactional_id_prefix(name)
        .set_property("transaction.timeout.ms", "600000")
        .build()
    )
    started = time.time()
    env.execute(name)
    print("JOB " + json.dumps({"wallSeconds": round(time.time() - started, 3)}), flush=True)


main()

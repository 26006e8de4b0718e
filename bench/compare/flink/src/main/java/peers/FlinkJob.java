package peers;

import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.AbstractDeserializationSchema;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import peers.Common.Meter;
import peers.Common.Reading;
import peers.Common.Row;
import peers.Common.Stats;

/**
 * The job on Flink's DataStream API, local cluster, exactly-once Kafka sink, a checkpoint every
 * 30 s.
 *
 * <p>variant=typical: a keyed Welford, then a keyed window operator. variant=tuned: both in one
 * keyed operator, object reuse. threads=PARALLELISM brokers=HOST:PORT in=TOPIC out=TOPIC
 * n=READINGS state=DIR
 */
public final class FlinkJob {
  private static final long windowMs = 60_000;

  private FlinkJob() {}

  public static final class ReadingSchema extends AbstractDeserializationSchema<Reading> {
    private transient ObjectReader reader;

    @Override
    public void open(InitializationContext context) {
      reader = Common.JSON.readerFor(Reading.class);
    }

    @Override
    public Reading deserialize(byte[] bytes) throws IOException {
      return reader.readValue(bytes);
    }
  }

  public static class Scored {
    public String sensor_id;
    public double value;
    public boolean anomaly;
  }

  /** typical, first operator: scores each reading against its sensor's life. */
  public static final class Score extends KeyedProcessFunction<String, Reading, Scored> {
    private transient ValueState<Stats> state;

    @Override
    public void open(OpenContext context) {
      state = getRuntimeContext().getState(new ValueStateDescriptor<>("stats", Stats.class));
    }

    @Override
    public void processElement(Reading reading, Context context, Collector<Scored> out)
        throws Exception {
      Stats stats = state.value();
      if (stats == null) stats = new Stats();
      Scored scored = new Scored();
      scored.sensor_id = reading.sensor_id;
      scored.value = reading.value;
      scored.anomaly = stats.score(reading.value);
      state.update(stats);
      Meter.tick();
      out.collect(scored);
    }
  }

  /** typical, second operator: the window. */
  public static final class Window implements AggregateFunction<Scored, Stats, Stats> {
    @Override
    public Stats createAccumulator() {
      Stats stats = new Stats();
      stats.open(0);
      return stats;
    }

    @Override
    public Stats add(Scored scored, Stats stats) {
      stats.add(scored.value, scored.anomaly);
      return stats;
    }

    @Override
    public Stats getResult(Stats stats) {
      return stats;
    }

    @Override
    public Stats merge(Stats left, Stats right) {
      throw new UnsupportedOperationException("tumbling windows do not merge");
    }
  }

  public static final class Emit extends ProcessWindowFunction<Stats, Row, String, TimeWindow> {
    @Override
    public void process(String id, Context context, Iterable<Stats> windows, Collector<Row> out) {
      Stats stats = windows.iterator().next();
      stats.start = context.window().getStart();
      out.collect(stats.close(id, windowMs));
    }
  }

  /**
   * tuned: statistics and the open window in one state, an event-time timer at the window's end.
   */
  public static final class Features extends KeyedProcessFunction<String, Reading, Row> {
    private transient ValueState<Stats> state;

    @Override
    public void open(OpenContext context) {
      state = getRuntimeContext().getState(new ValueStateDescriptor<>("stats", Stats.class));
    }

    @Override
    public void processElement(Reading reading, Context context, Collector<Row> out)
        throws Exception {
      Stats stats = state.value();
      if (stats == null) stats = new Stats();
      long start = reading.timestamp - Math.floorMod(reading.timestamp, windowMs);
      if (start != stats.start) {
        if (stats.start != Long.MIN_VALUE && stats.count > 0) {
          out.collect(stats.close(reading.sensor_id, windowMs));
        }
        stats.open(start);
        context.timerService().registerEventTimeTimer(start + windowMs - 1);
      }
      stats.add(reading.value, stats.score(reading.value));
      state.update(stats);
      Meter.tick();
    }

    @Override
    public void onTimer(long time, OnTimerContext context, Collector<Row> out) throws Exception {
      Stats stats = state.value();
      if (stats == null || stats.count == 0 || stats.start + windowMs - 1 != time) return;
      out.collect(stats.close(context.getCurrentKey(), windowMs));
      stats.count = 0;
      state.update(stats);
    }
  }

  public static final class RowJson implements SerializationSchema<Row> {
    @Override
    public byte[] serialize(Row row) {
      try {
        return Common.JSON.writeValueAsBytes(row);
      } catch (IOException error) {
        throw new IllegalStateException(error);
      }
    }
  }

  public static final class RowKey implements SerializationSchema<Row> {
    @Override
    public byte[] serialize(Row row) {
      return row.sensor_id.getBytes(StandardCharsets.UTF_8);
    }
  }

  public static void main(String[] args) throws Exception {
    Map<String, String> options = Common.arguments(args);
    Meter.goal = Long.parseLong(options.get("n"));
    boolean tuned = options.get("variant").equals("tuned");
    String name = "flink-" + options.get("out");
    Configuration settings = new Configuration();
    settings.setString("execution.checkpointing.interval", "30000ms");
    settings.setString("execution.checkpointing.mode", "EXACTLY_ONCE");
    settings.setString("execution.checkpointing.storage", "filesystem");
    settings.setString("execution.checkpointing.dir", "file://" + options.get("state"));
    settings.setString("state.backend.type", "hashmap");
    if (tuned) settings.setString("pipeline.object-reuse", "true");
    int threads = Integer.parseInt(options.get("threads"));
    StreamExecutionEnvironment env =
        StreamExecutionEnvironment.createLocalEnvironment(threads, settings);
    DataStream<Reading> readings =
        env.fromSource(
            KafkaSource.<Reading>builder()
                .setBootstrapServers(options.get("brokers"))
                .setTopics(options.get("in"))
                .setGroupId(name)
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setBounded(OffsetsInitializer.latest())
                .setValueOnlyDeserializer(new ReadingSchema())
                .build(),
            WatermarkStrategy.<Reading>forMonotonousTimestamps()
                .withTimestampAssigner((reading, time) -> reading.timestamp),
            "readings");
    var keyed = readings.keyBy(reading -> reading.sensor_id);
    DataStream<Row> rows =
        tuned
            ? keyed.process(new Features()).name("features")
            : keyed
                .process(new Score())
                .name("score")
                .keyBy(scored -> scored.sensor_id)
                .window(TumblingEventTimeWindows.of(Duration.ofMillis(windowMs)))
                .aggregate(new Window(), new Emit())
                .name("window");
    rows.sinkTo(
        KafkaSink.<Row>builder()
            .setBootstrapServers(options.get("brokers"))
            .setRecordSerializer(
                KafkaRecordSerializationSchema.<Row>builder()
                    .setTopic(options.get("out"))
                    .setKeySerializationSchema(new RowKey())
                    .setValueSerializationSchema(new RowJson())
                    .build())
            .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
            .setTransactionalIdPrefix(name)
            .setProperty("transaction.timeout.ms", "600000")
            .build());
    env.execute(name);
    System.exit(0);
  }
}

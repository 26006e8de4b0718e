package peers;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.AutoOffsetReset;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import peers.Common.Meter;
import peers.Common.Reading;
import peers.Common.Stats;

/**
 * The job on Kafka Streams, exactly_once_v2, Processor API, two threads.
 *
 * <p>brokers=HOST:PORT in=TOPIC out=TOPIC n=READINGS store=rocks|mem cache=0|1 state=DIR
 */
public final class KStreams {
  private static final long windowMs = 60_000;

  private KStreams() {}

  static final class StatsSerde implements Serde<Stats>, Serializer<Stats>, Deserializer<Stats> {
    @Override
    public Serializer<Stats> serializer() {
      return this;
    }

    @Override
    public Deserializer<Stats> deserializer() {
      return this;
    }

    @Override
    public void configure(Map<String, ?> configs, boolean isKey) {}

    @Override
    public void close() {}

    @Override
    public byte[] serialize(String topic, Stats s) {
      if (s == null) return null;
      ByteBuffer bytes = ByteBuffer.allocate(80);
      bytes.putLong(s.n).putDouble(s.mean).putDouble(s.m2);
      bytes.putLong(s.start).putLong(s.count).putLong(s.anomalies);
      bytes.putDouble(s.windowMean).putDouble(s.windowM2).putDouble(s.min).putDouble(s.max);
      return bytes.array();
    }

    @Override
    public Stats deserialize(String topic, byte[] data) {
      if (data == null) return null;
      ByteBuffer bytes = ByteBuffer.wrap(data);
      Stats s = new Stats();
      s.n = bytes.getLong();
      s.mean = bytes.getDouble();
      s.m2 = bytes.getDouble();
      s.start = bytes.getLong();
      s.count = bytes.getLong();
      s.anomalies = bytes.getLong();
      s.windowMean = bytes.getDouble();
      s.windowM2 = bytes.getDouble();
      s.min = bytes.getDouble();
      s.max = bytes.getDouble();
      return s;
    }
  }

  static final class Features implements Processor<String, Reading, String, byte[]> {
    private final CountDownLatch done;
    private ProcessorContext<String, byte[]> context;
    private KeyValueStore<String, Stats> store;

    Features(CountDownLatch done) {
      this.done = done;
    }

    @Override
    public void init(ProcessorContext<String, byte[]> context) {
      this.context = context;
      store = context.getStateStore("stats");
    }

    @Override
    public void process(Record<String, Reading> record) {
      Reading reading = record.value();
      Stats stats = store.get(reading.sensor_id);
      if (stats == null) stats = new Stats();
      long start = reading.timestamp - Math.floorMod(reading.timestamp, windowMs);
      if (stats.start == Long.MIN_VALUE) stats.open(start);
      else if (start > stats.start) {
        byte[] row;
        try {
          row = Common.JSON.writeValueAsBytes(stats.close(reading.sensor_id, windowMs));
        } catch (Exception error) {
          throw new IllegalStateException(error);
        }
        context.forward(record.withKey(reading.sensor_id).withValue(row));
        stats.open(start);
      }
      stats.add(reading.value, stats.score(reading.value));
      store.put(reading.sensor_id, stats);
      if (Meter.tick()) done.countDown();
    }
  }

  public static void main(String[] args) throws Exception {
    Map<String, String> options = Common.arguments(args);
    Meter.goal = Long.parseLong(options.get("n"));
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, "kstreams-" + options.get("out"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.get("brokers"));
    settings.put(
        StreamsConfig.NUM_STREAM_THREADS_CONFIG, Integer.parseInt(options.get("threads")));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, options.get("state"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
    CountDownLatch done = new CountDownLatch(1);
    try (KafkaStreams streams = new KafkaStreams(topology(options, done), settings)) {
      streams.setUncaughtExceptionHandler(
          error -> {
            error.printStackTrace();
            done.countDown();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
          });
      streams.start();
      boolean finished = done.await(30, TimeUnit.MINUTES);
      streams.close(Duration.ofSeconds(60));
      if (!finished) System.exit(1);
    }
  }

  private static Topology topology(Map<String, String> options, CountDownLatch done) {
    var reader = Common.JSON.readerFor(Reading.class);
    Deserializer<Reading> readings =
        (topic, bytes) -> {
          try {
            return reader.readValue(bytes);
          } catch (Exception error) {
            throw new IllegalStateException(error);
          }
        };
    TimestampExtractor eventTime = (record, partitionTime) -> ((Reading) record.value()).timestamp;
    var supplier =
        options.get("store").equals("mem")
            ? Stores.inMemoryKeyValueStore("stats")
            : Stores.persistentKeyValueStore("stats");
    var store = Stores.keyValueStoreBuilder(supplier, Serdes.String(), new StatsSerde());
    if (options.get("cache").equals("1")) store = store.withCachingEnabled();
    Topology topology = new Topology();
    topology.addSource(
        (AutoOffsetReset) null,
        "readings",
        eventTime,
        new StringDeserializer(),
        readings,
        options.get("in"));
    topology.addProcessor("features", () -> new Features(done), "readings");
    topology.addStateStore(store, "features");
    topology.addSink(
        "rows", options.get("out"), new StringSerializer(), new ByteArraySerializer(), "features");
    return topology;
  }
}

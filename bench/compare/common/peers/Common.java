package peers;

import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/** What both peers share: the reading, the row, the statistics, the meter. */
public final class Common {
  private Common() {}

  static final ObjectMapper JSON =
      new ObjectMapper().configure(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, false);

  /** Returns arguments of the form name=value. */
  static Map<String, String> arguments(String[] args) {
    Map<String, String> options = new HashMap<>();
    for (String arg : args) {
      int at = arg.indexOf('=');
      options.put(arg.substring(0, at), arg.substring(at + 1));
    }
    return options;
  }

  public static class Reading {
    public String sensor_id;
    public long timestamp;
    public double value;
  }

  public static class Row {
    public String sensor_id;
    public long window_start, window_end, count, anomaly_count;
    public double avg_value, min_value, max_value, std_dev, anomaly_rate;
  }

  /** The sensor's statistics (Welford, over its life) and its open window. */
  public static class Stats {
    public long n;
    public double mean, m2;
    public long start = Long.MIN_VALUE, count, anomalies;
    public double windowMean, windowM2, min, max;

    /** Scores against the statistics before this reading, then includes it. */
    boolean score(double value) {
      boolean anomaly = false;
      if (n >= 2) {
        double deviation = Math.sqrt(m2 / (n - 1));
        anomaly = deviation > 0 && Math.abs((value - mean) / deviation) > 2.5;
      }
      n++;
      double d = value - mean;
      mean += d / n;
      m2 += d * (value - mean);
      return anomaly;
    }

    void open(long windowStart) {
      start = windowStart;
      count = anomalies = 0;
      windowMean = windowM2 = 0;
      min = Double.POSITIVE_INFINITY;
      max = Double.NEGATIVE_INFINITY;
    }

    void add(double value, boolean anomaly) {
      count++;
      double d = value - windowMean;
      windowMean += d / count;
      windowM2 += d * (value - windowMean);
      if (value < min) min = value;
      if (value > max) max = value;
      if (anomaly) anomalies++;
    }

    Row close(String sensorId, long size) {
      Row row = new Row();
      row.sensor_id = sensorId;
      row.window_start = start;
      row.window_end = start + size;
      row.count = count;
      row.avg_value = windowMean;
      row.min_value = min;
      row.max_value = max;
      row.std_dev = Math.sqrt(windowM2 / count);
      row.anomaly_count = anomalies;
      row.anomaly_rate = (double) anomalies / count;
      return row;
    }
  }

  /**
   * CPU of this process, all threads, from the first reading to the last; marks at the first, the
   * middle and the last.
   */
  public static final class Meter {
    private static final AtomicLong seen = new AtomicLong();
    private static volatile long startNanos;
    private static volatile long startCpu;
    static long goal;

    private Meter() {}

    private static long cpuNanos() {
      return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
          .getProcessCpuTime();
    }

    /** Counts a reading; returns whether it was the last. */
    static boolean tick() {
      long n = seen.incrementAndGet();
      if (n == 1) {
        startNanos = System.nanoTime();
        startCpu = cpuNanos();
      }
      if (n == goal / 2 || n == goal) {
        System.out.printf(
            "MARK {\"readings\":%d,\"wallSeconds\":%.3f,\"cpuSeconds\":%.3f}%n",
            n, (System.nanoTime() - startNanos) / 1e9, (cpuNanos() - startCpu) / 1e9);
        System.out.flush();
      }
      return n == goal;
    }
  }
}

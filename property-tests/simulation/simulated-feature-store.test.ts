// The simulated feature store passes the suite that the real ones pass: what the projector may rely on is the same.
import { featureStoreContract } from '../../test/contracts/feature-store.contract.ts';
import type { FeatureStore } from '../../src/stores/feature-store.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { Calls } from './simulated-calls.ts';
import { SimulatedFeatureStore } from './simulated-feature-store.ts';
import { Life } from './simulated-life.ts';

featureStoreContract('simulated', async () => {
  const scheduler = createScheduler(1, 0);
  const store = new SimulatedFeatureStore(scheduler, new Calls(scheduler));
  const connect = (): FeatureStore => movingTime(scheduler, store.connect(new Life()));
  return { store: connect(), openAnother: async () => connect(), close: async () => undefined };
});

/** Outside a history nobody moves time on: here each call does. */
function movingTime(scheduler: Scheduler, store: FeatureStore): FeatureStore {
  const move = async <T>(result: Promise<T>): Promise<T> => {
    await scheduler.runUntil(scheduler.nowMs + 100);
    return result;
  };
  return {
    upsert: (rows, view) => move(store.upsert(rows, view)),
    read: (sensorIds, view) => move(store.read(sensorIds, view)),
    ping: () => move(store.ping()),
    close: () => store.close(),
  };
}

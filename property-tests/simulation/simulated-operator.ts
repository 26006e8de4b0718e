// An operator who saw the feature store emptied and runs `project --rebuild`, again and again until it succeeds.
import { rebuild } from '../../src/projections/rebuild.ts';
import { processClock, Life } from './simulated-life.ts';
import type { World } from './simulated-threads.ts';

const noticedMs = 5_000;

/** Begins a rebuild a little later. */
export function operatorRebuilds(world: World): void {
  const { broker, scheduler, store, featureTopics: topics } = world;
  const again = (): void => operatorRebuilds(world);
  scheduler.after(noticedMs, () => {
    const life = new Life();
    life.onCrash = again;
    const options = { topics, clock: processClock(scheduler, life) };
    rebuild(broker.connect(life), store.connect(life), options, () => undefined).catch(again);
  });
}

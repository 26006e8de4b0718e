// The package's public names.
export {
  createFeatureClient,
  type ClientOptions,
  type FeatureClient,
  type FeatureName,
  type FeatureRequest,
  type FeatureTypes,
  type FeatureValues,
  type ReadOptions,
  type ServiceRequest,
} from './client.ts';
export { FeatureError, type FeatureErrorKind } from './errors.ts';
export type { OnlineRow } from './rows.ts';
export type { EntityColumns, EntityValue, FeatureStatus, FeatureValue } from './wire.ts';

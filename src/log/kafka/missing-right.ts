// The right that a broker found missing, and what to do about it: one ACL line to paste.
import { X509Certificate } from 'node:crypto';
import { ConfigError, type ErrorDetails } from '../../errors.ts';

export type RightResource = 'topic' | 'group' | 'transactional-id' | 'cluster';

export type RightOperation =
  'Read' | 'Write' | 'Create' | 'Describe' | 'DescribeConfigs' | 'IdempotentWrite';

export interface Right {
  readonly operation: RightOperation;
  readonly resource: RightResource;
  /** Undefined for the cluster, and where the answer does not say which of several it was. */
  readonly name: string | undefined;
}

/** A right that `principal` lacks at the brokers of `bootstrapServer`. */
export interface MissingRight extends Right {
  readonly principal: string;
  readonly bootstrapServer: string;
}

const property = Symbol('sensorium.missing-right');

/** Attaches the right to the error of the request that was refused for want of it. */
export function setMissingRight(error: Error, right: MissingRight): void {
  Object.defineProperty(error, property, { value: right, configurable: true });
}

/** Returns the right that a refused request lacked; undefined where the error is another. */
export function missingRightOf(error: unknown): MissingRight | undefined {
  const right: unknown = error instanceof Error ? Reflect.get(error, property) : undefined;
  return right as MissingRight | undefined;
}

/**
 * Returns the error of `what` that needed `right`: who lacks which right on what, and the line that
 * gives it.
 */
export function missingRightError(
  what: string,
  right: MissingRight,
  details: ErrorDetails,
  cause?: unknown,
): ConfigError {
  const { principal, operation, resource, name } = right;
  const cure = aclLine(right, details['groupId']);
  const refusal = `${what} was refused: ${refusalOf(right)}`;
  return new ConfigError(
    `${refusal}. Grant it: ${cure}`,
    { ...details, principal, operation, resource, resourceName: name, refusal, cure },
    cause,
  );
}

/** Returns who lacks what, for people. */
export function refusalOf(right: MissingRight): string {
  return `${right.principal} lacks ${right.operation} on ${nameOf(right)}`;
}

/**
 * Returns the command that gives the right. Transactional ids begin with the group's: one line then
 * gives them all.
 */
export function aclLine(right: MissingRight, groupId?: unknown): string {
  const { principal, bootstrapServer, operation, resource, name } = right;
  const add = `kafka-acls --bootstrap-server ${bootstrapServer} --add --allow-principal ${quoted(principal)}`;
  return `${add} --operation ${operation} ${resourceFlags({ resource, name }, groupId)}`;
}

function resourceFlags(
  { resource, name = '*' }: Pick<Right, 'resource' | 'name'>,
  groupId: unknown,
): string {
  if (resource === 'cluster') return '--cluster';
  const ofGroup = typeof groupId === 'string' && name.startsWith(groupId);
  if (resource === 'transactional-id' && ofGroup) {
    return `--transactional-id ${quoted(groupId)} --resource-pattern-type prefixed`;
  }
  return `--${resource} ${quoted(name)}`;
}

function nameOf({ resource, name }: Right): string {
  const words = resource === 'cluster' ? 'the cluster' : resource.replace('-', ' ');
  return name === undefined ? words : `${words} ${name}`;
}

function quoted(text: string): string {
  return /^[\w.:=,@%+/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Returns who the brokers take this client for, by their default rules. */
export function principalOf(login: {
  readonly username?: string | undefined;
  /** The client's certificate, PEM. */
  readonly certificate?: string | undefined;
}): string {
  if (login.username !== undefined) return `User:${login.username}`;
  if (login.certificate === undefined) return 'User:ANONYMOUS';
  // Java names the parts of a subject from the last to the first.
  const parts = new X509Certificate(login.certificate).subject.split('\n').reverse();
  return `User:${parts.join(',')}`;
}

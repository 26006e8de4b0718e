// The steps by which the client sets up a connection: AUTH, SELECT, READONLY, CLIENT SETNAME. When
// the server refuses one, ioredis goes on: it writes to database 0 after a SELECT that failed, and
// stays logged out after an AUTH it takes for needless. Here a connection whose set-up failed is
// closed before it is ready, and is opened again as after any loss.
import type { Redis } from 'ioredis';

export interface SetupWatch {
  /** Why the current attempt to connect failed; undefined where no step was refused. */
  refusal(): Error | undefined;
}

/**
 * The steps that must succeed. The client itself adapts to a server without HELLO, and needs
 * neither INFO nor CLIENT SETINFO. A caller's command that comes before the connection is ready is
 * refused by the client, which says nothing of the connection.
 */
const requiredSteps: ReadonlySet<string> = new Set([
  'AUTH',
  'SELECT',
  'READONLY',
  'CLIENT SETNAME',
]);

/** Keeps `client` from becoming ready after a set-up step that failed. */
export function watchSetup(client: Redis): SetupWatch {
  let refusal: Error | undefined;
  const send = client.sendCommand.bind(client);
  client.sendCommand = (command, stream) => {
    const isSetUp = client.status !== 'connect';
    const answer = send(command, stream);
    const step = isSetUp ? '' : stepOf(command);
    if (!requiredSteps.has(step)) return answer;
    Promise.resolve(answer).catch((error: unknown) => {
      if (client.status !== 'connect' || refusal !== undefined) return;
      refusal = new Error(`${describedStep(step, client)}: ${messageOf(error)}`);
      client.disconnect(true);
    });
    return answer;
  };
  // A new attempt: the address may lead to another server by now.
  client.on('reconnecting', () => (refusal = undefined));
  return { refusal: () => refusal };
}

function stepOf(command: { readonly name: string; readonly args: readonly unknown[] }): string {
  const name = command.name.toUpperCase();
  return name === 'CLIENT' ? `${name} ${String(command.args[0]).toUpperCase()}` : name;
}

/** Names the database, never the arguments of AUTH. */
function describedStep(step: string, { options }: Redis): string {
  if (step !== 'SELECT') return `${step} was refused`;
  return `database ${options.db ?? 0} of REDIS_URL cannot be selected`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

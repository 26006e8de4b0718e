// The control channel between two threads as either of its ends sees it: a MessagePort, or a channel in memory.

export interface ControlPort {
  postMessage(message: object): void;
  on<Message>(event: 'message', listener: (message: Message) => void): unknown;
  close(): void;
}

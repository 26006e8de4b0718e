// One end of the control channel between two threads: a MessagePort, or a channel in memory.

export interface ControlPort {
  postMessage(message: object): void;
  on<Message>(event: 'message', listener: (message: Message) => void): unknown;
  close(): void;
}

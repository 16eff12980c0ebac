import { Conversation, type Exchange } from './conversation.ts';
import { MessageReader, type Message } from './message.ts';
import type { WireEvent } from './timeline.ts';

/** An event of a recording, with what it says and what it belongs to. */
export interface ReadEvent {
  readonly event: WireEvent;
  /** Undefined for what is no message. */
  readonly message: Message | undefined;
  /** The stream or request; undefined for what belongs to none. */
  readonly exchange: Exchange | undefined;
}

/** Takes the messages of one conversation apart, in their order. */
export function readEvents(events: readonly WireEvent[]): ReadEvent[] {
  const reader = new MessageReader();
  const conversation = new Conversation();
  return events.map((event) => {
    if (event.kind !== 'message') return { event, message: undefined, exchange: undefined };
    const message = reader.read(event.from, event.message);
    const exchange =
      event.from === 'host' ? conversation.hostSaid(message) : conversation.moduleSaid(message);
    return { event, message, exchange };
  });
}

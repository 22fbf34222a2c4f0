/**
 * The device side of Tidegate for browsers and Node: connect to one of many gateways, subscribe, publish, and go on where
 * the last connection ended.
 *
 * ```js
 * import { Device } from 'tidegate-client';
 *
 * const device = new Device(['100 wss://a.example', '100 wss://b.example', '50 wss://c.example']);
 * device.addEventListener('message', ({ detail: message }) => console.log(message.subject, message.data));
 * device.subscribe('/telemetry/dev-1');
 * await device.publish('/commands/dev-1', 'on');
 * ```
 *
 * All times are in milliseconds.
 */

/** Where a message stands in the log. Store it as it is, and compare epochs for equality only. */
export interface Position {
  /** Names the history that `seq` belongs to. */
  epoch: string;
  /** The record's offset in its partition; -1 is before the first one. */
  seq: number;
}

/** A record's value: text, bytes that are not UTF-8, or `null`, which deletes the key in a compacted topic. */
export type Data = string | Uint8Array | null;

/** What can be published. Bytes are copied. */
export type PublishData = string | ArrayBuffer | ArrayBufferView | null;

/** Messages are missing, and no gateway said so. */
export interface Gap {
  /** The sequence number of the last message before the gap, where that is certain. */
  after: number | null;
  /** The sequence number that the gateway says came right before the message; `null` if it says that none did. */
  expected: number | null;
}

/** A message of a subscription: new, and in order on its subject and partition. */
export interface Message extends Position {
  /** The subscription, which is the record's own subject or a whole topic. */
  subject: string;
  /** Which record of a whole topic it is: `/topic/` and this is its own subject. `null` where the record has no key, and on other subjects. */
  key: string | null;
  /** The record's partition, on a whole topic. */
  partition: number | null;
  /** A last value as the subscription began; a record just written; or one that was missed, or asked for with `history`. */
  kind: 'snapshot' | 'update' | 'recovered';
  data: Data;
  /** What is missing right before it, if anything. */
  gap: Gap | null;
}

/** Why an attempt failed, or a connection was lost. */
export type Cause =
  /** No WebSocket came about. Browsers do not say why: no such name, nothing there, TLS, an HTTP error, a redirect. */
  | 'unreachable'
  /** The server answered with an HTTP error. Only the package `ws` shows it; with it, `Retry-After` is obeyed. */
  | 'refused'
  /** The server answered with a redirect, which is never followed. Only the package `ws` shows it. */
  | 'redirected'
  /** TCP, TLS and the handshake took too long. */
  | 'connect-timeout'
  /** The server does not speak `tidegate.v1.json`. */
  | 'not-a-gateway'
  /** The gateway closed the connection properly; see `code`. */
  | 'closed'
  /** The connection broke. */
  | 'broken'
  /** Nothing was heard, not even when asked for a sign of life. */
  | 'silent'
  /** A request was not answered in time. */
  | 'no-answer'
  /** The gateway sent something that is no message. */
  | 'bad-message'
  /** The device moves to another server, as the gateway asked. */
  | 'moved';

/** Why a device could not be given exactly what it missed. `other` is a reason of a newer gateway. */
export type ResyncReason = 'history-evicted' | 'history-not-loaded' | 'diverged' | 'other';

/** What a device tells, besides messages; each is the `detail` of the event of that type. */
export interface DeviceEvents {
  /** A message. */
  message: Message;
  /** Messages are missing right before the message that follows; `seq` and `epoch` are the message's. */
  gap: Gap & Position & { subject: string };
  /** A connection is up. */
  connected: { url: string };
  /** An attempt failed, or a connection is lost. The device goes on by itself, in `retryIn`. */
  lost: {
    url: string;
    cause: Cause;
    /** The WebSocket close code of `closed`. */
    code: number | null;
    /** For people; may be empty. */
    detail: string;
    /** Whether the connection had been up. */
    wasConnected: boolean;
    retryIn: number;
  };
  /** Connections are lost so often that something may be wrong with this device, its network or the gateways. */
  'lost-often': { count: number; within: number };
  /** The gateway announced that it leaves; the device will move to another. */
  leaving: { after: number };
  /**
   * A subscription begins or goes on. `synced`: nothing was missed, or it follows. `resynced`: something is missing, and
   * the last value follows. `none`: there was nothing to go on from.
   */
  subscribed: { subject: string; recovery: 'none' | 'synced' | 'resynced'; reason: ResyncReason | null };
  /** A subscription is refused. Unless it is `retried`, it is gone. */
  'subscription-refused': { subject: string; code: string; reason: string; retried: boolean };
  /** The gateway left out messages because this device was too slow. */
  dropped: { subject: string; count: number; reason: string };
  /** The gateway complains about something that is no open request. */
  complaint: { code: string; reason: string };
}

export declare class DeviceEvent<Type extends keyof DeviceEvents = keyof DeviceEvents> extends Event {
  readonly type: Type;
  readonly detail: DeviceEvents[Type];
}

/** How patient a device is. What is left out has the default. */
export interface Settings {
  /** The longest an attempt may take, to the end of the WebSocket handshake. 10,000. */
  connectTimeout?: number;
  /** The longest a gateway may take to answer a request. 15,000. */
  answerTimeout?: number;
  /**
   * Ask for a sign of life when nothing was heard for `interval` (25,000), and leave when nothing was heard for `timeout`
   * (10,000) after that. `null` leaves it to the transport.
   */
  keepalive?: { interval?: number; timeout?: number } | null;
  /** How long a server that failed is left alone while there are others; all are tried again once all have failed. 60,000. */
  setAside?: number;
  /**
   * With one server there is no other to go to at once, so a first retry waits a random part of this; and so does whoever a
   * server told to come back later, after that time. 2,000.
   */
  spread?: number;
  /** The back-off after a round of failures is a random part of this, doubled with each further round… 500. */
  backoffBase?: number;
  /** …up to this. 30,000. */
  backoffCap?: number;
  /** A connection without requests counts as working after so long; otherwise the first answer decides. 5,000. */
  settle?: number;
  /** The longest wait that a gateway may ask for. 600,000. */
  longestHint?: number;
  /** Tell when this many connections were lost within `oftenWithin`. 10. */
  often?: number;
  /** See `often`. 60,000. */
  oftenWithin?: number;
  /**
   * How many publishes may wait for their answer on a connection. With 1, a publish that is put off never changes places
   * with a later one. 64.
   */
  publishWindow?: number;
  /** How many publishes the device holds before it refuses more. 1,000. */
  publishQueue?: number;
  /** How long to wait before a request is sent again that the gateway could not serve just now. 1,000. */
  retryAfterRefusal?: number;
}

/** As much of a WebSocket as a device needs. */
export interface WebSocketLike {
  readonly readyState: number;
  readonly protocol: string;
  onopen: ((event: any) => void) | null;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export interface DeviceOptions {
  settings?: Settings;
  /** Where there is no global one (Node before 22), for example the one of the package `ws`. */
  WebSocket?: new (url: string, protocol: string) => WebSocketLike;
}

export interface SubscribeOptions {
  /** Where an earlier run ended: see `Device.positions`. */
  from?: Position | readonly Position[];
  /** How many of the last messages to get first, where there is no position to go on from. */
  history?: number;
}

/** Where a published record is in the log. */
export interface Published {
  partition: number;
  seq: number;
}

/** What a device has seen since it was made. */
export interface Counters {
  /** Messages told. */
  received: number;
  /** Messages filtered out because they had been told before. */
  duplicates: number;
  /** Gaps told. */
  gaps: number;
  /** Messages for subjects that are not subscribed (any more). */
  strays: number;
  /** Attempts to connect. */
  attempts: number;
}

/**
 * Connects, and stays connected: to one of the servers at a time, to another when that fails, until it is closed. Events
 * begin after the code that made it has run. Messages are told as they arrive and are not queued. It is an `EventTarget`; only
 * the types of its events are narrower.
 */
export declare class Device {
  /**
   * Servers like `100 wss://a.example:443`, with weights from 0 (never chosen) to 100 (the default).
   * @throws {ServerListError} There is no server, or none that can be chosen, or one is spelled wrong.
   * @throws {TypeError} A setting is unknown or wrong, or there is no WebSocket.
   */
  constructor(servers: string | Iterable<string>, options?: DeviceOptions);

  /** The server that is connected, or `null`. */
  readonly connectedTo: string | null;

  /** How many publishes wait for their answer. */
  readonly unansweredPublishes: number;

  /**
   * Subscribes to `/topic/key` or `/topic/*`, now and on every later connection. Does nothing if it is subscribed already.
   * @throws {SubjectError} The subject is spelled wrong.
   * @throws {DeviceClosed} The device is closed.
   */
  subscribe(subject: string, options?: SubscribeOptions): void;

  /**
   * Ends a subscription and forgets its positions.
   * @throws {DeviceClosed} The device is closed.
   */
  unsubscribe(subject: string): void;

  /**
   * Publishes; settles when the record is in the log, through as many connections as it takes. Devices are given the
   * record once, however often it was sent. Rejects with a `SubjectError` or a `TypeError` if it cannot be sent, with
   * `PublishQueueFull`, with `PublishRefused` by the gateway, or with `DeviceClosed`.
   */
  publish(subject: string, data: PublishData): Promise<Published>;

  /** The last positions of a subscription, to be given as `from` by a later run. */
  positions(subject: string): Position[];

  /** The subjects that are subscribed. */
  subjects(): string[];

  counters(): Counters;

  /**
   * Takes another list of servers; the present connection stays, and servers that failed lately stay set aside.
   * @throws {ServerListError} As the constructor.
   * @throws {DeviceClosed} The device is closed.
   */
  replaceServers(servers: string | Iterable<string>): void;

  /** Closes the connection properly, and settles when that is done. Nothing is told after this call. */
  close(): Promise<void>;

  addEventListener<Type extends keyof DeviceEvents>(
    type: Type,
    listener: ((this: Device, event: DeviceEvent<Type>) => void) | null,
    options?: boolean | AddEventListenerOptions,
  ): void;

  removeEventListener<Type extends keyof DeviceEvents>(
    type: Type,
    listener: ((this: Device, event: DeviceEvent<Type>) => void) | null,
    options?: boolean | EventListenerOptions,
  ): void;
}

/**
 * A record's key, text or bytes, as it is spelled in a subject: `/topic/` followed by it. Only percent signs, control
 * characters, bytes that are not UTF-8 and a lone `*` are escaped.
 */
export declare function encodeKey(key: string | Uint8Array): string;

/** Servers that make no list. */
export declare class ServerListError extends Error {}

/** A text that is no subject. */
export declare class SubjectError extends Error {}

/** As many publishes wait for their answer as may. Wait for some, or drop this one. */
export declare class PublishQueueFull extends Error {
  readonly limit: number;
}

/** The gateway refused a publish for good. */
export declare class PublishRefused extends Error {
  /** Why, as a word of the gateway's closed list. */
  readonly code: string;
  /** Why, for people. */
  readonly reason: string;
}

/** The device has been closed. A publish that was under way may be in the log. */
export declare class DeviceClosed extends Error {}

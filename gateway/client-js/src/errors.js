/** What an application can get wrong, and what can happen to a publish. */

/** Servers that make no list. */
export class ServerListError extends Error {
  name = 'ServerListError';
}

/** A text that is no subject. */
export class SubjectError extends Error {
  name = 'SubjectError';
}

/** As many publishes wait for their answer as may. Wait for some, or drop this one. */
export class PublishQueueFull extends Error {
  name = 'PublishQueueFull';

  constructor(limit) {
    super(`${limit} publishes wait for their answer already`);
    this.limit = limit;
  }
}

/** The gateway refused a publish for good; `code` is a word of a closed list. */
export class PublishRefused extends Error {
  name = 'PublishRefused';

  constructor(code, reason) {
    super(`${code}: ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

/** The device has been closed. A publish that was under way may be in the log. */
export class DeviceClosed extends Error {
  name = 'DeviceClosed';

  constructor() {
    super('the device is closed');
  }
}

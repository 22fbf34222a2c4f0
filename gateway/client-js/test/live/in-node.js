/** `node in-node.js PARAMETERS`: a told device in Node, with Node's own WebSocket or the package `ws`. */

import { createRequire } from 'node:module';

import { live } from './told.js';

const { ws, ...parameters } = JSON.parse(process.argv[2]);
const WebSocket = ws ? createRequire(import.meta.url)('ws').WebSocket : globalThis.WebSocket;
await live(parameters, (line) => console.log(JSON.stringify(line)), WebSocket);

/** Serves this package's files on loopback, on a free port or a given one: `node serve.js [PORT]`. */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

/** Serves on this port of 127.0.0.1, or on a free one if it is 0; answers the server once it listens. */
export async function serve(port) {
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise((resolve, reject) => server.on('error', reject).listen(port, '127.0.0.1', resolve));
  return server;
}

async function answer(request, response) {
  const { pathname } = new URL(request.url, 'http://localhost');
  // `normalize` takes the steps upwards out of an absolute path.
  const path = join(ROOT, normalize(pathname.endsWith('/') ? `${pathname}index.html` : pathname));
  const type = TYPES[extname(path)];
  const isFile = type !== undefined && (await stat(path).then((found) => found.isFile(), () => false));
  if (!isFile || request.method !== 'GET') {
    response.writeHead(404).end('there is no such file\n');
    return;
  }
  response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8`, 'Cache-Control': 'no-cache' });
  createReadStream(path).pipe(response);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await serve(Number(process.argv[2] ?? 8080));
  console.log(`http://127.0.0.1:${server.address().port}/demo/`);
}

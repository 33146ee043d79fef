// Lists files with redis-filtered-sort as its users do: sort the ids of an index, filter them, read the page's hashes.
// node fsort.cjs PORT: requests as lines of JSON on standard input, answers as lines of JSON on standard output.
//
// A list is {index, tags, filter, offset, limit}. The package keeps each list that it has made until it expires, or
// until a write to the index drops it; with "fresh" every list is read as after such a write.
'use strict';

const readline = require('node:readline');
const Redis = require('ioredis');
const { attach, filter: encodeFilter } = require('redis-filtered-sort');

const METADATA = 'files-data:*';
const KEEP_MS = 30_000;
const redis = new Redis({ host: '127.0.0.1', port: Number(process.argv[2]) });
attach(redis, 'fsort');

async function list({ index, tags, filter, offset, limit }) {
  let base = index;
  if (tags.length > 0) {
    base = `files-list:${index}:${tags.join(':')}`;
    if ((await redis.pttl(base)) < 2_000) {
      const sets = [index, ...tags.map((tag) => `files-index-tags:${tag}`)];
      await redis.pipeline().sinterstore(base, ...sets).pexpire(base, 15_000).exec();
    }
  }
  const sort = (encoded) => redis.fsort(base, METADATA, 'uploadedAt', 'DESC', encoded, Date.now(), offset, limit, KEEP_MS);
  let found = await sort('{}');
  if (Object.keys(filter).length > 0) {
    found = await sort(encodeFilter(filter));
  }
  found.pop();
  const reads = redis.pipeline();
  for (const id of found) {
    reads.hgetall(METADATA.replace('*', id));
  }
  const rows = await reads.exec();
  return rows.map(([, row]) => row);
}

async function forget({ index, tags }) {
  const base = tags.length > 0 ? `files-list:${index}:${tags.join(':')}` : index;
  await redis.fsortBust(base, Date.now(), KEEP_MS);
  if (tags.length > 0) {
    await redis.del(base);
  }
}

async function timed(request) {
  const times = [];
  let files = 0;
  for (let call = 0; call < request.calls; call += 1) {
    if (request.fresh) {
      await forget(request.list);
    }
    const begun = process.hrtime.bigint();
    files = (await list(request.list)).length;
    times.push(Number(process.hrtime.bigint() - begun) / 1e6);
  }
  return { times, files };
}

// All lists in turn, each as after a write, one call at a time.
async function load(request) {
  const end = Date.now() + request.seconds * 1000;
  let calls = 0;
  while (Date.now() < end) {
    const next = request.lists[calls % request.lists.length];
    await forget(next);
    await list(next);
    calls += 1;
  }
  return { calls };
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    const answer = await (request.lists ? load(request) : timed(request));
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  redis.disconnect();
}

main();

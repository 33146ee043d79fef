// Drives tus-js-client. Arguments: the folder of its package, and a JSON object:
// endpoint, token, file, chunkSize, defer, parallel, pauseAt (bytes), terminate, metadata.
// Prints {"url": ...} or {"error": ...}.
import fs from "node:fs";
import { createRequire } from "node:module";

const [folder, text] = process.argv.slice(2);
const tus = createRequire(`${folder}/package.json`)("tus-js-client");
const options = JSON.parse(text);
const content = fs.readFileSync(options.file);
let paused = false;

function upload(url) {
  return new Promise((resolve, reject) => {
    const current = new tus.Upload(content, {
      endpoint: options.endpoint,
      uploadUrl: url,
      chunkSize: options.chunkSize ?? Infinity,
      parallelUploads: options.parallel ?? 1,
      uploadLengthDeferred: options.defer ?? false,
      uploadDataDuringCreation: options.early ?? false,
      retryDelays: Array(60).fill(50),
      headers: { Authorization: `Bearer ${options.token}` },
      metadata: options.metadata,
      onShouldRetry: (error) => {
        const status = error.originalResponse ? error.originalResponse.getStatus() : 0;
        return status === 0 || status >= 500 || status === 409 || status === 423 || status === 400;
      },
      onProgress: (sent) => {
        if (options.pauseAt !== undefined && !paused && sent >= options.pauseAt && current.url) {
          paused = true;
          current.abort(options.terminate ?? false).then(() => resolve({ url: current.url, paused: true }), reject);
        }
      },
      onError: reject,
      onSuccess: () => resolve({ url: current.url }),
    });
    current.start();
  });
}

try {
  let result = await upload(null);
  if (result.paused && !options.terminate) {
    result = await upload(result.url);
  }
  console.log(JSON.stringify(result));
} catch (error) {
  console.log(JSON.stringify({ error: String(error) }));
}

// @tus/server over its file store, as its own documentation starts it: the peer of the tus door.
// Arguments: the folder of its packages, a port, a folder for uploads.
import { createRequire } from "node:module";

const [packages, port, folder] = process.argv.slice(2);
const load = (name) => import(createRequire(`${packages}/package.json`).resolve(name));
const { Server } = await load("@tus/server");
const { FileStore } = await load("@tus/file-store");
new Server({ path: "/tus", datastore: new FileStore({ directory: folder }) }).listen({ host: "127.0.0.1", port: Number(port) });

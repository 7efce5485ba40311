// A command line for npm's solc; see the shell script beside it.
//   --version
//   --standard-json [FILE] [--base-path DIR] [--include-path DIR]...    JSON from FILE or standard input
// What the input does not hold is read from the base path (the working folder unless given), the include paths and
// this project's node_modules, in this order. Other options, such as --allow-paths, are accepted and change nothing.
"use strict";

const fs = require("fs");
const path = require("path");

const MODULES = path.join(__dirname, "..", "node_modules");
if (!fs.existsSync(path.join(MODULES, "solc"))) {
  console.error("The Solidity compiler is not installed: run `make setup` first.");
  process.exit(1);
}
const solc = require(path.join(MODULES, "solc"));

function parse(args) {
  const options = { version: false, input: null, basePath: process.cwd(), includePaths: [] };
  for (let i = 0; i < args.length; i++) {
    const [name, joined] = args[i].startsWith("--") ? args[i].split(/=(.*)/s) : [args[i]];
    const value = () => (joined !== undefined ? joined : args[++i]);
    if (name === "--version") options.version = true;
    else if (name === "--standard-json") options.input = "-";
    else if (name === "--base-path") options.basePath = path.resolve(value());
    else if (name === "--include-path") options.includePaths.push(path.resolve(value()));
    else if (name === "--allow-paths") value();
    else if (!name.startsWith("-") && options.input !== null) options.input = name;
  }
  return options;
}

function reader(options) {
  const roots = [options.basePath, ...options.includePaths, MODULES];
  return (name) => {
    const plain = name.replace(/^file:\/\//, "");
    for (const candidate of path.isAbsolute(plain) ? [plain] : roots.map((root) => path.join(root, plain))) {
      if (fs.existsSync(candidate)) return { contents: fs.readFileSync(candidate, "utf8") };
    }
    return { error: `${name} is in none of ${roots.join(", ")}` };
  };
}

const options = parse(process.argv.slice(2));
if (options.version) {
  const version = solc.version().replace("Emscripten.clang", "Linux.g++");
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}`);
} else if (options.input !== null) {
  const input = fs.readFileSync(options.input === "-" ? 0 : options.input, "utf8");
  process.stdout.write(solc.compile(input, { import: reader(options) }) + "\n");
} else {
  console.error("tools/solc answers --version and --standard-json only");
  process.exit(1);
}

#!/usr/bin/env bash
# Durable no-op steps a second in Restate, one invocation and 50 at once, and the memory its server and the Node service hold
# afterwards; beside the figures of `rundown serve` in the file $2, where it is given. Needs node and iproute2, and the right to make a network
# namespace (root): the server and the handlers see nothing but their own loopback. Installs both into $1.
set -euo pipefail
work=$1
ours=$(realpath "${2:-/dev/null}")
mkdir -p "$work/restate"
cd "$work/restate"
if [ ! -x node_modules/.bin/restate-server ]; then
  echo '{ "private": true, "type": "module" }' > package.json
  npm install --silent --no-fund --no-audit @restatedev/restate-server@1 @restatedev/restate-sdk@1
fi
cat > handlers.js <<'JS'
import * as restate from "@restatedev/restate-sdk";
const steps = async (ctx, count) => {
  for (let step = 0; step < count; step++) await ctx.run(`step ${step}`, () => step);
  return count;
};
restate.endpoint().bind(restate.service({ name: "bench", handlers: { steps } })).listen(9080);
JS
# Node 20 lacks what the SDK uses of Node 22.
cat > polyfill.js <<'JS'
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new Promise((yes, no) => { resolve = yes; reject = no; });
  return { promise, resolve, reject };
};
JS
cat > measure.js <<'JS'
const until = async (what) => { for (;;) { try { if ((await what()).ok) return; } catch { /* not up yet */ } } };
const post = (url, body) => fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
await until(() => fetch("http://127.0.0.1:9070/health"));
await until(() => post("http://127.0.0.1:9070/deployments", { uri: "http://127.0.0.1:9080", force: true }));
const run = async (count) => {
  const answer = await post("http://127.0.0.1:8080/bench/steps", count);
  if (!answer.ok) throw new Error(await answer.text());
};
const rate = async (runs, count) => {
  const before = performance.now();
  await Promise.all(Array.from({ length: runs }, () => run(count)));
  return (runs * count * 1000) / (performance.now() - before);
};
const median = async (runs, count) => {
  const rates = [];
  for (let round = 0; round < 3; round++) rates.push(await rate(runs, count));
  return rates.sort((a, b) => a - b)[1];
};
await run(100);
console.log(`restate, one invocation                 ${(await median(1, 1000)).toFixed(0).padStart(9)} /s`);
console.log(`restate, 50 invocations at once         ${(await median(50, 200)).toFixed(0).padStart(9)} /s`);
JS
rm -rf data
export RESTATE_BASE_DIR="$PWD/data" RESTATE_DISABLE_TELEMETRY=true DO_NOT_TRACK=1 RESTATE_LOG_FILTER=error
unshare -n bash -euo pipefail -c '
  ip link set lo up
  node_modules/.bin/restate-server --node-name bench > server.log 2>&1 & server=$!
  node --import ./polyfill.js handlers.js > handlers.log 2>&1 & handlers=$!
  trap "kill $server $handlers 2>/dev/null || true" EXIT
  node measure.js
  held() { awk -v what="$1" "/VmRSS/ { printf \"%-39s %9.0f MB afterwards\\n\", what, \$2 / 1024 }" "/proc/$2/status"; }
  held "restate, its server" "$(pgrep -x restate-server | head -1)"
  held "restate, the Node service" "$handlers"
' | tee figures
# Beside the real program: the same disk, the same minutes.
awk -F '  +' '
  FNR == NR { if (/^rundown serve/) { rate[$1] = $2 + 0; held[$1] = $3 + 0 } next }
  /^restate, one/ { one = $2 + 0 }
  /^restate, 50/ { many = $2 + 0 }
  /^restate, its server/ { server = $2 + 0 }
  END {
    for (name in rate) {
      printf "%-39s %9.1f times Restate, memory of its server %.0f times ours\n", name, rate[name] / (name ~ /one run/ ? one : many), server / held[name]
    }
  }' "$ours" figures | sort

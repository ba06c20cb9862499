#!/usr/bin/env bash
# 100 steps that run /bin/true and 100 that ask a local nginx, whole process: rundown beside the same playbook in
# ansible-core. Prints medians of three and their ratios. Needs python3 with venv and nginx; installs ansible-core into $1.
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd)
work=$1
rundown=${RUNDOWN:-$here/target/release/rundown}
mkdir -p "$work"

if [ ! -x "$work/venv/bin/ansible-playbook" ]; then
  python3 -m venv "$work/venv"
  "$work/venv/bin/pip" install --quiet "ansible-core==2.15.*"
fi

# nginx with a folder, a port and a log of its own.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir -p "$work/nginx"
cat > "$work/nginx/nginx.conf" <<CONF
daemon off; pid $work/nginx/pid; error_log $work/nginx/error.log; worker_processes 1;
events {}
http { access_log off; client_body_temp_path $work/nginx/body; proxy_temp_path $work/nginx/proxy; fastcgi_temp_path $work/nginx/fastcgi;
  uwsgi_temp_path $work/nginx/uwsgi; scgi_temp_path $work/nginx/scgi;
  server { listen 127.0.0.1:$port; location / { default_type application/json; return 200 '{"status":"healthy"}'; } } }
CONF
nginx -c "$work/nginx/nginx.conf" & nginx=$!
trap 'kill "$nginx" 2>/dev/null || true' EXIT
until python3 -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/')" 2>/dev/null; do :; done

# The same hundred steps in both languages.
mkdir -p "$work/runbooks"
cat > "$work/runbooks/targets.yaml" <<YAML
environments:
  local:
    targets:
      backend: { url: "http://127.0.0.1:$port" }
programs:
  "true": { env: [] }
YAML
python3 - "$work" "$port" <<'PY'
import sys
work, port = sys.argv[1:]
page = lambda title, block: f"# {title}\n\n## Steps\n\n" + "".join(
    f"### Step {n}\n\n```yaml rundown\nid: step_{n}\n{block}\n```\n\n" for n in range(100))
open(f"{work}/runbooks/hundred-exec.md", "w").write(page("Hundred programs", 'exec: { argv: ["true"] }'))
open(f"{work}/runbooks/hundred-http.md", "w").write(
    page("Hundred requests", 'http: { get: "{{target.backend.url}}/" }\nexpect: [status == 200]'))
play = lambda task: "- hosts: localhost\n  connection: local\n  gather_facts: false\n  tasks:\n" + "".join(
    f"    - name: step {n}\n{task}" for n in range(100))
open(f"{work}/hundred-exec.yml", "w").write(play("      ansible.builtin.command: /bin/true\n"))
open(f"{work}/hundred-http.yml", "w").write(
    play(f"      ansible.builtin.uri: {{ url: 'http://127.0.0.1:{port}/', status_code: 200 }}\n"))
PY

seconds() { # the median of three runs of a command, in seconds
  for _ in 1 2 3; do
    local before after
    before=$(date +%s%N); "$@" > "$work/last.log" 2>&1 || { cat "$work/last.log" >&2; exit 1; }; after=$(date +%s%N)
    echo $(((after - before) / 1000))
  done | sort -n | sed -n 2p | awk '{ printf "%.3f", $1 / 1000000 }'
}
fresh_run() { rm -rf "$work/journal"; mkdir "$work/journal"; "$rundown" --journal "$work/journal/journal.db" --runbooks "$work/runbooks" run "$1" --yes; }
playbook() { ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_INVENTORY_UNPARSED_WARNING=false "$work/venv/bin/ansible-playbook" -i localhost, "$1"; }

printf '%-22s %12s %14s %8s\n' '100 steps, seconds' rundown ansible-core ratio
for kind in exec http; do
  ours=$(seconds fresh_run "hundred-$kind")
  theirs=$(seconds playbook "$work/hundred-$kind.yml")
  printf '%-22s %12s %14s %7.0fx\n' "$kind" "$ours" "$theirs" "$(echo "$theirs $ours" | awk '{ print $1 / $2 }')"
done

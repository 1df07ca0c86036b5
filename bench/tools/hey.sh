#!/bin/sh
# hey books one ticket a request, for one and the same customer: its body is fixed.
#   bench/tools/hey.sh EVENT_ID [http://127.0.0.1:3000] [further options of hey]
#   CONNECTIONS=64 LASTS=10s API_KEY=bo_… bench/tools/hey.sh 1 http://127.0.0.1:3000 -q 20
# Whoever may list processes here sees the key among hey's arguments.
set -eu

event="${1:?bench/tools/hey.sh EVENT_ID [URL] [options of hey]}"
shift
url="${1:-http://127.0.0.1:3000}"
[ "$#" -eq 0 ] || shift

body="$(mktemp)"
trap 'rm -f "$body"' EXIT
printf '{"eventId":"%s","userId":"hey-%s","quantity":1}' "$event" "$$" >"$body"

[ -z "${API_KEY:-}" ] || set -- -H "Authorization: Bearer $API_KEY" "$@"
hey -z "${LASTS:-10s}" -c "${CONNECTIONS:-64}" -m POST -T application/json -D "$body" "$@" "$url/book"

#!/bin/sh
# Runs the demo and checks that it shows what it says it shows. Skipped (77) without root.
# Usage: demo_test.sh BUILD_DIRECTORY
set -u
if [ "$(id -u)" != 0 ]; then
  echo "skipped: needs root"
  exit 77
fi
here=$(dirname "$0")
before=$(cat /proc/self/mountinfo)
if ! output=$("$here/run" "$1" 2>&1); then
  printf '%s\nthe demo failed\n' "$output"
  exit 1
fi
printf '%s\n' "$output"
status=0
expect() {
  printf '%s\n' "$output" | grep -qE "$1" || {
    echo "the demo does not show: $1"
    status=1
  }
}
expect '^-r--r----- +1 0 +0 .* flows$'
expect '^lookup /sys/fs/bpf/flows 1: ok 42$'
expect '^update /sys/fs/bpf/flows 1 7: EROFS$'
expect '^remount-rw /sys/fs/bpf: EPERM$'
expect '^get-ro /sys/fs/bpf/keys: ENOENT$'
expect '^web .* running .* web-reads-flows .* 1 .* /sys/fs/bpf'
expect '^would start and see 1 pin at /sys/fs/bpf'
expect '^key: 01 00 00 00  value: 2a 00 00 00'
if printf '%s\n' "$output" | grep -q 'exit status'; then
  echo "a command of the demo failed"
  status=1
fi
if [ "$before" != "$(cat /proc/self/mountinfo)" ]; then
  echo "the demo changed the mount table"
  status=1
fi
exit "$status"

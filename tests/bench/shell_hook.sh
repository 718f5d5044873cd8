#!/bin/sh
# The createRuntime hook that people write today to give one container some of the host's pins:
# a private bpffs in the container's mount namespace, the pins repeated in it by bpftool, made
# read-only at the end. The benchmark measures the hook against it. Arguments: the directory of the
# source pins, and how many of them.
set -eu

pins=$1
count=$2

state=$(cat)
pid=$(printf '%s' "$state" | jq -r .pid)
bundle=$(printf '%s' "$state" | jq -r .bundle)
rootfs=$(jq -r .root.path "$bundle/config.json")
case $rootfs in
  /*) ;;
  *) rootfs=$bundle/$rootfs ;;
esac

# The container's mount namespace still shows the host's tree at this point, source pins included.
# shellcheck disable=SC2016 # the inner shell expands it
exec nsenter --target "$pid" --mount sh -eu -c '
  at=$1/sys/fs/bpf
  mount -t bpf bpf "$at"
  i=0
  while [ "$i" -lt "$3" ]; do
    name=$(printf "m%04d" "$i")
    bpftool map pin pinned "$2/$name" "$at/$name"
    chmod 0440 "$at/$name"
    i=$((i + 1))
  done
  mount -o remount,ro "$at"
' sh "$rootfs" "$pins" "$count"

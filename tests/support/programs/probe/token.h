// What the probe's commands on tokens share.
#ifndef PINSCOPE_TESTS_SUPPORT_PROBE_TOKEN_H
#define PINSCOPE_TESTS_SUPPORT_PROBE_TOKEN_H

#include <linux/bpf.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/support/programs/probe/bpf_calls.h"

int bpf_call(int command, void* attr, size_t size);
// A token of the bpffs at `path`, or -1.
int token_of(const char* path);
// A map with a token, or without one where it is -1. `type` as of enum bpf_map_type.
int map_with(int token, uint32_t type);
// The same for a program.
int load_with(int token, uint32_t type, uint32_t attach, const struct bpf_insn* code, size_t count);

#endif

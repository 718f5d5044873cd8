// The probe: a static program that is a test container's process. Each argument is one small
// command
// ("get-rw /sys/fs/bpf/flows"); for each it prints one line, the command and what the kernel said:
//
//   get-rw /sys/fs/bpf/flows: EROFS
//   lookup /sys/fs/bpf/flows 1: ok 42
//
// It uses system calls and libc only, and knows nothing of Pinscope.
#ifndef PINSCOPE_TESTS_SUPPORT_PROBE_H
#define PINSCOPE_TESTS_SUPPORT_PROBE_H

enum { kMaxWords = 5, kTextSize = 4096 };

// What a command has to tell beside "ok": at most one line.
struct answer {
  char text[kTextSize];
};

// Returns 0, or -1 with errno set.
typedef int (*command_function)(char** words, struct answer* answer);

struct command {
  const char* name;
  int arguments;  // how many words follow the name
  command_function run;
  const char* help;
};

extern const struct command kBpfCommands[];
extern const struct command kFileCommands[];
extern const struct command kMapCommands[];
extern const struct command kProcessCommands[];
extern const struct command kReachCommands[];
extern const struct command kDoorCommands[];
extern const struct command kTokenCommands[];
extern const struct command kProgramCommands[];

// A descriptor of a program of these types that returns 1, loaded with a token of `bpffs`; "-":
// with none. -1 with errno set.
int load_return_1(const char* bpffs, unsigned type, unsigned attach);

#endif

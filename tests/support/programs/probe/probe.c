// The probe's main: splits each argument into words, runs it and prints one line.
#include "tests/support/programs/probe/probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct command* const kTables[] = {kBpfCommands,     kFileCommands,  kMapCommands,
                                                kProcessCommands, kTokenCommands, kProgramCommands,
                                                kReachCommands,   kDoorCommands};
enum { kTableCount = sizeof(kTables) / sizeof(kTables[0]) };

static const struct command* find(const char* name) {
  for (int i = 0; i < kTableCount; i++) {
    for (const struct command* command = kTables[i]; command->name; command++) {
      if (strcmp(command->name, name) == 0) return command;
    }
  }
  return NULL;
}

static int split(char* text, char** words) {
  int count = 0;
  for (char* word = strtok(text, " "); word; word = strtok(NULL, " ")) {
    if (count == kMaxWords) return -1;
    words[count++] = word;
  }
  return count;
}

// 0 if the command could be tried, whatever the kernel said to it.
static int run(const char* line) {
  char text[kTextSize];
  char* words[kMaxWords] = {0};
  snprintf(text, sizeof(text), "%s", line);
  const int count = split(text, words);
  const struct command* command = count > 0 ? find(words[0]) : NULL;
  if (!command || count - 1 != command->arguments) {
    printf("%s: not a command\n", line);
    return 1;
  }
  struct answer answer = {{0}};
  errno = 0;
  if (command->run(words + 1, &answer) == 0) {
    printf("%s: ok%s%s\n", line, answer.text[0] ? " " : "", answer.text);
  } else {
    const char* name = strerrorname_np(errno);
    printf("%s: %s\n", line, name ? name : "unknown error");
  }
  return 0;
}

static void usage(void) {
  for (int i = 0; i < kTableCount; i++) {
    for (const struct command* command = kTables[i]; command->name; command++) {
      printf("%-16s %s\n", command->name, command->help);
    }
  }
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc < 2) {
    usage();
    return 2;
  }
  int status = 0;
  for (int i = 1; i < argc; i++) status |= run(argv[i]);
  return status;
}

// Stands in for a low-level runtime: prints how it was started. Arguments, environment, working
// directory, open descriptors and their flags, ignored and blocked signals, umask.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char** environ;

int main(int argc, char** argv) {
  for (int i = 0; i < argc; ++i) printf("argument %s\n", argv[i]);
  for (char** variable = environ; *variable != NULL; ++variable)
    printf("environment %s\n", *variable);
  char path[4096];
  printf("directory %s\n", getcwd(path, sizeof path) != NULL ? path : "none");
  for (int fd = 0; fd < 64; ++fd)
    if (fcntl(fd, F_GETFD) >= 0) printf("descriptor %d %x\n", fd, (unsigned)fcntl(fd, F_GETFL));
  sigset_t blocked;
  sigprocmask(SIG_BLOCK, NULL, &blocked);
  for (int number = 1; number < 32; ++number) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
      printf("ignored %d\n", number);
    if (sigismember(&blocked, number)) printf("blocked %d\n", number);
  }
  printf("umask %03o\n", (unsigned)umask(0));
  const char* status = getenv("RECORDER_STATUS");
  return status != NULL ? atoi(status) : 0;
}

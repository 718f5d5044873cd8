// pam_pinscope: gives each login session a mount namespace of its own with the view that the
// policies grant its user ("one mount per user"). The process that opens the session leaves the
// host's mount namespace; `pinscope run --attach` builds the view from outside it. A user whom no
// policy selects logs in as before, in a namespace of its own.
//
//   session required pam_pinscope.so [program=/usr/bin/pinscope] [policy=/etc/pinscope/policy.d]
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <syslog.h>
#include <unistd.h>

enum { kNotSelected = 3, kMaxArguments = 10, kLongestName = 256 };

struct options {
  const char* program;
  const char* policy;
};

static int parse(pam_handle_t* handle, int count, const char** words, struct options* options) {
  options->program = "/usr/bin/pinscope";
  options->policy = NULL;
  for (int i = 0; i < count; i++) {
    if (strncmp(words[i], "program=", 8) == 0) {
      options->program = words[i] + 8;
    } else if (strncmp(words[i], "policy=", 7) == 0) {
      options->policy = words[i] + 7;
    } else {
      pam_syslog(handle, LOG_ERR, "there is no option \"%s\"", words[i]);
      return PAM_SERVICE_ERR;
    }
  }
  return PAM_SUCCESS;
}

// In the child, which stays in the host's mount namespace: waits until the session has left it.
static void build_view(const struct options* options, const char* user, int left) {
  char pid[24];
  char login[kLongestName + sizeof("--login=")];
  char byte = 0;
  // Until execve(2); su(1) has its caller's real ids, and a caller must have no say in this
  // process.
  if (prctl(PR_SET_DUMPABLE, 0) != 0 || setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0 ||
      prctl(PR_SET_DUMPABLE, 0) != 0)
    _exit(125);
  snprintf(pid, sizeof(pid), "%d", (int)getppid());
  if (read(left, &byte, 1) != 1) _exit(125);
  // One word, and a name: "1000" and "-x" may be somebody's.
  snprintf(login, sizeof(login), "--login=%s", user);
  const char* argv[kMaxArguments] = {options->program, "run", "--attach", pid, login};
  int count = 5;
  if (options->policy) {
    argv[count++] = "--policy";
    argv[count++] = options->policy;
  }
  char* environment[] = {"PATH=/usr/bin:/bin", NULL};
  execve(options->program, (char**)argv, environment);
  _exit(127);
}

static int leave_mount_namespace(pam_handle_t* handle) {
  // As kernel/process/session.cc does it.
  if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 &&
      (mount(NULL, "/sys", NULL, MS_REC | MS_PRIVATE, NULL) == 0 || errno == EINVAL))
    return PAM_SUCCESS;
  pam_syslog(handle, LOG_ERR, "cannot make a mount namespace: %m");
  return PAM_SESSION_ERR;
}

static int result_of(pam_handle_t* handle, const char* user, int status) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return PAM_SUCCESS;
  if (WIFEXITED(status) && WEXITSTATUS(status) == kNotSelected) return PAM_SUCCESS;
  pam_syslog(handle, LOG_ERR, "cannot give user \"%s\" a view: see \"pinscope audit\"", user);
  return PAM_SESSION_ERR;
}

int pam_sm_open_session(pam_handle_t* handle, int flags, int count, const char** words) {
  (void)flags;
  struct options options;
  const char* user = NULL;
  int ends[2];
  if (parse(handle, count, words, &options) != PAM_SUCCESS) return PAM_SERVICE_ERR;
  if (pam_get_user(handle, &user, NULL) != PAM_SUCCESS || !user || !user[0] ||
      strlen(user) > kLongestName)
    return PAM_USER_UNKNOWN;
  if (pipe2(ends, O_CLOEXEC) != 0) return PAM_SYSTEM_ERR;

  // The application may reap children by itself, or ignore them: ours is waited for here.
  const pid_t child = fork();
  if (child == 0) {
    close(ends[1]);
    build_view(&options, user, ends[0]);
  }
  close(ends[0]);
  int outcome = child < 0 ? PAM_SYSTEM_ERR : leave_mount_namespace(handle);
  if (outcome == PAM_SUCCESS && write(ends[1], "+", 1) != 1) outcome = PAM_SYSTEM_ERR;
  close(ends[1]);
  int status = 0;
  if (child > 0) {
    while (waitpid(child, &status, 0) < 0) {
      if (errno == EINTR) continue;
      pam_syslog(handle, LOG_ERR, "cannot wait for \"%s\": %m", options.program);
      return PAM_SYSTEM_ERR;
    }
  }
  return outcome == PAM_SUCCESS ? result_of(handle, user, status) : outcome;
}

// The view goes with the session's last process.
int pam_sm_close_session(pam_handle_t* handle, int flags, int count, const char** words) {
  (void)handle;
  (void)flags;
  (void)count;
  (void)words;
  return PAM_SUCCESS;
}

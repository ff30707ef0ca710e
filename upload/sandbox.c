/* SPDX-License-Identifier: ISC */
/* Limits by setrlimit(2), system calls by libseccomp, files by Landlock. */

#include "upload/sandbox.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include <seccomp.h>

#include "base/attr.h"

enum {
	FILES_MAX = 32
};

/* `hard` at least `soft`; neither is above what is set already. */
static bool
limit_set(int which, rlim_t soft, rlim_t hard)
{
	struct rlimit limit;

	if (getrlimit(which, &limit) == -1)
		return false;
	if (limit.rlim_max == RLIM_INFINITY || hard < limit.rlim_max)
		limit.rlim_max = hard;
	limit.rlim_cur = soft < limit.rlim_max ? soft : limit.rlim_max;
	return setrlimit(which, &limit) == 0;
}

bool
upload_sandbox_limit(const struct upload_sandbox_limits *limits)
{
	/* A second between the signal that tells and the one that kills. */
	bool ok = limit_set(RLIMIT_CORE, 0, 0) &&
	    limit_set(
		RLIMIT_CPU, limits->cpu_seconds, limits->cpu_seconds + 1) &&
	    limit_set(RLIMIT_FSIZE, limits->file_bytes, limits->file_bytes) &&
	    limit_set(RLIMIT_NOFILE, FILES_MAX, FILES_MAX);

	(void)signal(SIGXFSZ, SIG_IGN);
	/* AddressSanitizer's shadow is larger than any limit. */
#ifndef __SANITIZE_ADDRESS__
	ok = ok &&
	    limit_set(RLIMIT_AS, limits->memory_bytes, limits->memory_bytes);
#endif
	return ok;
}

/* Where fonts are, and what says where they are. */
static const char *const font_places[] = { "/etc/fonts", "/usr/share/fonts",
	"/usr/local/share/fonts", "/usr/share/fontconfig",
	"/var/cache/fontconfig", "/usr/share/poppler", "/usr/share/ghostscript",
	"/usr/share/zoneinfo" };

static void
place_allow(int rules, const char *path)
{
	struct landlock_path_beneath_attr beneath = {
		.allowed_access =
		    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
		.parent_fd = open(path, O_PATH | O_CLOEXEC),
	};

	if (beneath.parent_fd == -1)
		return;
	(void)syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH,
	    &beneath, 0);
	close(beneath.parent_fd);
}

bool
upload_sandbox_fonts(void)
{
	/* All that the first version knows, from executing to links. */
	const struct landlock_ruleset_attr all = {
		.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1,
	};
	int rules =
	    (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0);
	bool ok;

	if (rules == -1)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(font_places); i++)
		place_allow(rules, font_places[i]);
	ok = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    syscall(SYS_landlock_restrict_self, rules, 0) == 0;
	close(rules);
	return ok;
}

/* All that decoding asks of the kernel, whatever its arguments. */
static const int allowed[] = {
	/* the descriptors it was given */
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write),
	SCMP_SYS(writev), SCMP_SYS(pwrite64), SCMP_SYS(lseek),
	SCMP_SYS(_llseek), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(fstat64),
	SCMP_SYS(newfstatat), SCMP_SYS(fstatat64), SCMP_SYS(statx),
	SCMP_SYS(dup), SCMP_SYS(fcntl), SCMP_SYS(fcntl64),
	/* memory */
	SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
	/* threads */
	SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
	SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(gettid),
	SCMP_SYS(getpid), SCMP_SYS(membarrier),
	/* clocks and chance */
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday),
	SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(getrusage),
	SCMP_SYS(sysinfo), SCMP_SYS(uname),
	/* letting others in */
	SCMP_SYS(timer_create), SCMP_SYS(timer_settime), SCMP_SYS(timer_delete),
	/* the end, also by abort() */
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(exit),
	SCMP_SYS(exit_group), SCMP_SYS(restart_syscall)
};

/* Nothing that we decode with has a use for these: whoever asks is not ours
 * any more. */
static const int deadly[] = { SCMP_SYS(execve), SCMP_SYS(execveat),
	SCMP_SYS(fork), SCMP_SYS(vfork), SCMP_SYS(socket), SCMP_SYS(socketpair),
	SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen), SCMP_SYS(accept),
	SCMP_SYS(accept4), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg),
	SCMP_SYS(recvmmsg), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev), SCMP_SYS(pidfd_getfd), SCMP_SYS(bpf),
	SCMP_SYS(io_uring_setup), SCMP_SYS(userfaultfd),
	SCMP_SYS(perf_event_open), SCMP_SYS(mount), SCMP_SYS(unshare),
	SCMP_SYS(setns), SCMP_SYS(kexec_load), SCMP_SYS(init_module) };

/* What finding and opening a file by its name asks for besides. */
static const int naming_calls[] = { SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64), SCMP_SYS(fstatfs), SCMP_SYS(statfs),
	SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(getcwd) };

/* Names that this machine's architecture lacks are not an error. */
static bool
rule_add(scmp_filter_ctx filter, uint32_t action, int call, unsigned n,
    const struct scmp_arg_cmp *args)
{
	return call < 0 ||
	    seccomp_rule_add_array(filter, action, call, n, args) == 0;
}

static bool
rules_add(scmp_filter_ctx filter)
{
	const struct scmp_arg_cmp thread =
	    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
	const struct scmp_arg_cmp process =
	    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0);
	const struct scmp_arg_cmp no_code =
	    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
	const struct scmp_arg_cmp naming = SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME);
	const struct scmp_arg_cmp own =
	    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
	const struct scmp_arg_cmp reading = SCMP_A2(SCMP_CMP_EQ, 0);
	bool ok = true;

	for (size_t i = 0; ok && i < ARRAY_LEN(allowed); i++)
		ok = rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0, NULL);
	for (size_t i = 0; ok && i < ARRAY_LEN(deadly); i++)
		ok =
		    rule_add(filter, SCMP_ACT_KILL_PROCESS, deadly[i], 0, NULL);
	/* clone3 hides its flags from a filter: libc falls back on ENOSYS. */
	return ok &&
	    rule_add(
		filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0, NULL) &&
	    rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, &thread) &&
	    rule_add(
		filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), 1, &process) &&
	    rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, &no_code) &&
	    rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap2), 1, &no_code) &&
	    rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, &no_code) &&
	    rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, &naming) &&
	    rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &own) &&
	    rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, &reading);
}

/* Files may be opened, not made or written. */
static bool
names_add(scmp_filter_ctx filter)
{
	const scmp_datum_t writing =
	    O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
	const struct scmp_arg_cmp reading =
	    SCMP_A2(SCMP_CMP_MASKED_EQ, writing, 0);
	const struct scmp_arg_cmp plainly =
	    SCMP_A1(SCMP_CMP_MASKED_EQ, writing, 0);
	bool ok = true;

	for (size_t i = 0; ok && i < ARRAY_LEN(naming_calls); i++)
		ok = rule_add(filter, SCMP_ACT_ALLOW, naming_calls[i], 0, NULL);
	return ok &&
	    rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, &reading) &&
	    rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, &plainly);
}

bool
upload_sandbox_enter(bool has_names)
{
	scmp_filter_ctx filter;
	bool ok;

	/* Without it the kernel takes no filter from who is not root. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    (filter = seccomp_init(SCMP_ACT_ERRNO(EPERM))) == NULL)
		return false;
	ok = rules_add(filter) && (!has_names || names_add(filter)) &&
	    seccomp_load(filter) == 0;
	seccomp_release(filter);
	return ok;
}

void
upload_sandbox_probe(bool *enters, bool *has_fonts)
{
	int status = 0;
	pid_t pid = fork();

	*enters = *has_fonts = false;
	if (pid == -1)
		return;
	if (pid == 0) {
		status = upload_sandbox_fonts() ? 1 : 0;
		_exit(status | (upload_sandbox_enter(false) ? 2 : 0));
	}
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return;
	if (!WIFEXITED(status))
		return;
	*has_fonts = (WEXITSTATUS(status) & 1) != 0;
	*enters = (WEXITSTATUS(status) & 2) != 0;
}

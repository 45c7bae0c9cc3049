/*
 * Simulates a slow disk: every sync takes longer. stress.sh preloads this library into the tests,
 * which pass LD_PRELOAD on to the servers they start.
 *
 *   SLOW_SYNC_MS     delay after each sync; the default is 20
 *   SLOW_SYNC_COUNT  a file to which each sync appends one byte, to show that it took effect
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int slowed(const char *name, int fd)
{
	int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
	int done = real(fd), error = errno;
	const char *text = getenv("SLOW_SYNC_MS");
	long ms = text ? atol(text) : 20;
	struct timespec left = {ms / 1000, ms % 1000 * 1000000};
	while (nanosleep(&left, &left) != 0)
		;
	const char *path = getenv("SLOW_SYNC_COUNT");
	int count = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	if (count >= 0) {
		if (write(count, ".", 1) != 1)
			abort();
		close(count);
	}
	errno = error;
	return done;
}

int fsync(int fd)
{
	return slowed("fsync", fd);
}

int fdatasync(int fd)
{
	return slowed("fdatasync", fd);
}

/*
 * A disk whose every sync takes long. Preloaded by stress.sh into the tests and, as they hand
 * LD_PRELOAD on, into the servers that they start.
 *
 *   SLOW_SYNC_MS     how long each sync takes after it has happened; 20 when not set
 *   SLOW_SYNC_COUNT  a file that gets a byte for each, so that the run can show that it was slow
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

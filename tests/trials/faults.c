/*
 * Faults between a program and its files and clocks. Preloaded into the server by the trials; see
 * faults.rs, which writes the orders and reads the journal.
 *
 *   TRIALS_DIR      the directory whose database is meant
 *   TRIALS_ORDERS   a file of `struct orders`, shared with the trial
 *   TRIALS_JOURNAL  where to note each change of a database's file (optional)
 *
 * Only files that end in .db, -wal or -journal are meant: id 0, 1 and 2. The journal is a row of
 * `struct note`, each followed by its bytes. A change is noted after it was made and a sync
 * after it returned, so what stands before a sync of its file is on disk.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { KIND_WRITE = 1, KIND_SYNC = 2, KIND_TRUNCATE = 4 };

struct orders {
	int64_t countdown;   /* the call that fails, counted from the order; 0: none */
	int64_t kinds;       /* which calls count */
	int64_t error;       /* errno; 0: the process is killed there; -1: the call never returns */
	int64_t repeat;      /* how many calls fail from there on */
	int64_t torn;        /* a write that fails leaves half of its bytes */
	int64_t fired;       /* how many calls have failed (written here) */
	int64_t calls;       /* how many have counted since the start (written here) */
	int64_t clock_ns;    /* by how much the wall clock stands wrong */
};

struct note {
	uint8_t op;          /* W, S, T, U */
	uint8_t file;
	uint16_t pad;
	uint32_t length;
	int64_t offset;
};

enum { FILES = 65536, NONE = 0 };

static const char *directory;
static size_t directory_length;
static volatile struct orders *orders;
static int journal = -1;
static uint8_t file_of[FILES]; /* descriptor to id + 1 */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int (*real_open)(const char *, int, ...);
static int (*real_open64)(const char *, int, ...);
static int (*real_openat)(int, const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static ssize_t (*real_pwrite64)(int, const void *, size_t, off64_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_ftruncate64)(int, off64_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_unlink)(const char *);
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
	real_open = dlsym(RTLD_NEXT, "open");
	real_open64 = dlsym(RTLD_NEXT, "open64");
	real_openat = dlsym(RTLD_NEXT, "openat");
	real_close = dlsym(RTLD_NEXT, "close");
	real_write = dlsym(RTLD_NEXT, "write");
	real_pwrite = dlsym(RTLD_NEXT, "pwrite");
	real_pwrite64 = dlsym(RTLD_NEXT, "pwrite64");
	real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
	real_ftruncate64 = dlsym(RTLD_NEXT, "ftruncate64");
	real_fsync = dlsym(RTLD_NEXT, "fsync");
	real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
	real_unlink = dlsym(RTLD_NEXT, "unlink");
	real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	const char *path = getenv("TRIALS_ORDERS");
	if (path) {
		int fd = real_open(path, O_RDWR | O_CLOEXEC);
		void *map = fd < 0 ? MAP_FAILED
		                   : mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED)
			abort();
		orders = map;
		real_close(fd);
	}
	path = getenv("TRIALS_JOURNAL");
	if (path)
		journal = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	directory = getenv("TRIALS_DIR");
	directory_length = directory ? strlen(directory) : 0;
}

static int ends(const char *path, const char *end)
{
	size_t length = strlen(path), tail = strlen(end);
	return length >= tail && strcmp(path + length - tail, end) == 0;
}

/* The id of a path plus one, or NONE. */
static uint8_t known(const char *path)
{
	if (!directory_length || strncmp(path, directory, directory_length) != 0)
		return NONE;
	return ends(path, ".db") ? 1 : ends(path, "-wal") ? 2 : ends(path, "-journal") ? 3 : NONE;
}

static uint8_t id(int fd)
{
	return fd >= 0 && fd < FILES ? file_of[fd] : NONE;
}

static int opened(int fd, const char *path)
{
	if (fd >= 0 && fd < FILES)
		file_of[fd] = known(path);
	return fd;
}

static void write_all(const void *bytes, size_t length)
{
	const char *at = bytes;
	while (length > 0) {
		ssize_t done = real_write(journal, at, length);
		if (done <= 0)
			abort();
		at += done;
		length -= (size_t)done;
	}
}

static void note(char op, uint8_t file, int64_t offset, const void *bytes, size_t length)
{
	if (journal < 0)
		return;
	struct note head = {.op = (uint8_t)op, .file = (uint8_t)(file - 1),
	                    .length = bytes ? (uint32_t)length : 0, .offset = offset};
	write_all(&head, sizeof head);
	if (bytes)
		write_all(bytes, length);
}

/* Whether this call is to fail. Called with the lock. */
static int fails(int64_t kind)
{
	if (!orders)
		return 0;
	orders->calls++;
	if (orders->countdown <= 0 || !(orders->kinds & kind))
		return 0;
	if (orders->countdown > 1) {
		orders->countdown--;
		return 0;
	}
	if (--orders->repeat <= 0)
		orders->countdown = 0;
	orders->fired++;
	if (orders->error == 0)
		kill(getpid(), SIGKILL);
	/* With the lock: whatever else wants to be written waits for this disk, too. */
	while (orders->error < 0)
		pause();
	return 1;
}

static ssize_t put(int fd, uint8_t file, const void *bytes, size_t length, off64_t offset)
{
	pthread_mutex_lock(&lock);
	ssize_t done;
	if (fails(KIND_WRITE)) {
		size_t half = orders->torn ? length / 2 : 0;
		if (half > 0 && real_pwrite64(fd, bytes, half, offset) == (ssize_t)half)
			note('W', file, offset, bytes, half);
		errno = (int)orders->error;
		done = -1;
	} else {
		done = real_pwrite64(fd, bytes, length, offset);
		if (done > 0)
			note('W', file, offset, bytes, (size_t)done);
	}
	int error = errno;
	pthread_mutex_unlock(&lock);
	errno = error;
	return done;
}

static int cut(int fd, uint8_t file, off64_t length)
{
	pthread_mutex_lock(&lock);
	int done = -1;
	if (fails(KIND_TRUNCATE)) {
		errno = (int)orders->error;
	} else {
		done = real_ftruncate64(fd, length);
		if (done == 0)
			note('T', file, length, NULL, 0);
	}
	int error = errno;
	pthread_mutex_unlock(&lock);
	errno = error;
	return done;
}

static int sync_with(int (*real)(int), int fd, uint8_t file)
{
	pthread_mutex_lock(&lock);
	int done = -1;
	if (fails(KIND_SYNC)) {
		errno = (int)orders->error;
	} else {
		done = real(fd);
		if (done == 0)
			note('S', file, 0, NULL, 0);
	}
	int error = errno;
	pthread_mutex_unlock(&lock);
	errno = error;
	return done;
}

#define MODE(flags) \
	mode_t mode = 0; \
	if ((flags) & (O_CREAT | O_TMPFILE)) { \
		va_list rest; \
		va_start(rest, flags); \
		mode = va_arg(rest, mode_t); \
		va_end(rest); \
	}

int open(const char *path, int flags, ...)
{
	MODE(flags)
	return opened(real_open(path, flags, mode), path);
}

int open64(const char *path, int flags, ...)
{
	MODE(flags)
	return opened(real_open64(path, flags, mode), path);
}

int openat(int at, const char *path, int flags, ...)
{
	MODE(flags)
	return opened(real_openat(at, path, flags, mode), path);
}

int close(int fd)
{
	if (fd >= 0 && fd < FILES)
		file_of[fd] = NONE;
	return real_close(fd);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset)
{
	uint8_t file = id(fd);
	return file ? put(fd, file, bytes, length, offset) : real_pwrite(fd, bytes, length, offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset)
{
	uint8_t file = id(fd);
	return file ? put(fd, file, bytes, length, offset) : real_pwrite64(fd, bytes, length, offset);
}

ssize_t write(int fd, const void *bytes, size_t length)
{
	uint8_t file = id(fd);
	if (!file)
		return real_write(fd, bytes, length);
	/* Such a file is written at a place; whoever does it otherwise must be looked at. */
	abort();
}

int ftruncate(int fd, off_t length)
{
	uint8_t file = id(fd);
	return file ? cut(fd, file, length) : real_ftruncate(fd, length);
}

int ftruncate64(int fd, off64_t length)
{
	uint8_t file = id(fd);
	return file ? cut(fd, file, length) : real_ftruncate64(fd, length);
}

int fsync(int fd)
{
	uint8_t file = id(fd);
	return file ? sync_with(real_fsync, fd, file) : real_fsync(fd);
}

int fdatasync(int fd)
{
	uint8_t file = id(fd);
	return file ? sync_with(real_fdatasync, fd, file) : real_fdatasync(fd);
}

int unlink(const char *path)
{
	uint8_t file = known(path);
	if (!file)
		return real_unlink(path);
	pthread_mutex_lock(&lock);
	int done = real_unlink(path);
	if (done == 0)
		note('U', file, 0, NULL, 0);
	int error = errno;
	pthread_mutex_unlock(&lock);
	errno = error;
	return done;
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
	if (!real_clock_gettime) /* before the constructor of this library */
		real_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	int done = real_clock_gettime(clock, time);
	if (done == 0 && orders && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
		int64_t wrong = time->tv_nsec + orders->clock_ns % 1000000000;
		time->tv_sec += orders->clock_ns / 1000000000 + wrong / 1000000000;
		wrong %= 1000000000;
		if (wrong < 0) {
			wrong += 1000000000;
			time->tv_sec--;
		}
		time->tv_nsec = wrong;
	}
	return done;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone)
{
	(void)zone;
	struct timespec now;
	int done = clock_gettime(CLOCK_REALTIME, &now);
	time->tv_sec = now.tv_sec;
	time->tv_usec = now.tv_nsec / 1000;
	return done;
}

time_t time(time_t *out)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}

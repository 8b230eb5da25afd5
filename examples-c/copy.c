/*
 * copy.c - copy a file to or from a server, or from one server to another, and show the progress.
 *
 *     cc copy.c $(pkg-config --cflags --libs libnfs) -o copy
 *     ./copy SOURCE DESTINATION               each is nfs://server/export/file or a local path
 *
 * Reads and writes may transfer less than they were asked to. Written data is safe only when nfs_close() has returned
 * 0, so that is checked. A copy that fails does not leave half a file behind.
 */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <nfsc/libnfs.h>

static char buffer[1024 * 1024];

/* A file on a server, or a local one: then `nfs` is NULL. */
struct end {
	const char *name;
	struct nfs_context *nfs;
	struct nfs_url *url;
	struct nfsfh *file;
	int fd;
	/* What is known of the file once it has been looked at. */
	uint64_t device, inode, size;
	mode_t mode;
};

/* Whether the line of the progress has not ended yet. */
static int in_line;

static int wrong(const struct end *end, const char *what)
{
	fprintf(stderr, "%scopy: %s: %s\n", in_line ? "\n" : "", end->name, what);
	in_line = 0;
	return -1;
}

/* The sentence for the last error of one end. */
static int failed(const struct end *end)
{
	return wrong(end, end->nfs ? nfs_get_error(end->nfs) : strerror(errno));
}

/* Mounts the directory that a URL names. */
static int begin(struct end *end, const char *name)
{
	*end = (struct end){.name = name, .fd = -1};
	if (strncmp(name, "nfs://", 6) != 0)
		return 0;
	end->nfs = nfs_init_context();
	if (end->nfs == NULL)
		return wrong(end, "out of memory");
	end->url = nfs_parse_url_full(end->nfs, name);
	if (end->url == NULL || nfs_mount(end->nfs, end->url->server, end->url->path) < 0)
		return failed(end);
	return 0;
}

/* Looks at the file, or at a symbolic link in its place, without an error message. */
static int look(struct end *end, int follow)
{
	struct nfs_stat_64 remote;
	struct stat local;

	if (end->nfs) {
		if ((follow ? nfs_stat64 : nfs_lstat64)(end->nfs, end->url->file, &remote) < 0)
			return -1;
		end->device = remote.nfs_dev, end->inode = remote.nfs_ino;
		end->size = remote.nfs_size, end->mode = remote.nfs_mode;
	} else {
		if ((follow ? stat : lstat)(end->name, &local) < 0)
			return -1;
		end->device = local.st_dev, end->inode = local.st_ino;
		end->size = local.st_size, end->mode = local.st_mode;
	}
	return 0;
}

static int open_end(struct end *end, int flags, mode_t mode)
{
	if (end->nfs)
		return nfs_open2(end->nfs, end->url->file, flags, mode, &end->file) < 0 ? failed(end) : 0;
	end->fd = open(end->name, flags, mode);
	return end->fd < 0 ? failed(end) : 0;
}

/* Tells whether the destination is there already, and is the source. */
static int is_same(const struct end *from, struct end *to)
{
	if (!from->nfs != !to->nfs || (from->nfs && strcmp(from->url->server, to->url->server) != 0))
		return 0;
	return look(to, 1) == 0 && from->device == to->device && from->inode == to->inode;
}

static int64_t read_some(struct end *end)
{
	int64_t count = end->nfs ? nfs_read(end->nfs, end->file, sizeof(buffer), buffer)
				 : read(end->fd, buffer, sizeof(buffer));

	return count < 0 ? failed(end) : count;
}

static int write_all(struct end *end, size_t size)
{
	size_t done = 0;

	while (done < size) {
		int64_t count = end->nfs ? nfs_write(end->nfs, end->file, size - done, buffer + done)
					 : write(end->fd, buffer + done, size - done);

		if (count < 0)
			return failed(end);
		if (count == 0)
			return wrong(end, "nothing could be written");
		done += count;
	}
	return 0;
}

static int close_end(struct end *end)
{
	int status = end->nfs ? nfs_close(end->nfs, end->file) : close(end->fd);

	end->file = NULL;
	end->fd = -1;
	return status < 0 ? failed(end) : 0;
}

/* Removes what was written, if that is a file: not a device, not what a link leads to. */
static void discard(struct end *end)
{
	if (look(end, 0) < 0 || !S_ISREG(end->mode))
		return;
	if ((end->nfs ? nfs_unlink(end->nfs, end->url->file) : unlink(end->name)) < 0)
		failed(end);
}

static int transfer(struct end *from, struct end *to)
{
	uint64_t done = 0;
	int64_t count;

	do {
		fprintf(stderr, "\rcopy: %llu of %llu bytes", (unsigned long long)done, (unsigned long long)from->size);
		in_line = 1;
		count = read_some(from);
		if (count < 0 || write_all(to, count) < 0)
			return -1;
		done += count;
	} while (count > 0);
	fprintf(stderr, "\n");
	in_line = 0;
	return 0;
}

static int copy(struct end *from, struct end *to)
{
	int status;

	if (look(from, 1) < 0)
		return failed(from);
	if (S_ISDIR(from->mode))
		return wrong(from, "is a directory");
	if (is_same(from, to))
		return wrong(to, "is the source itself");
	if (open_end(from, O_RDONLY, 0) < 0 || open_end(to, O_WRONLY | O_CREAT | O_TRUNC, from->mode & 0777) < 0)
		return -1;
	status = transfer(from, to);
	if (close_end(to) < 0)
		status = -1;
	if (status < 0)
		discard(to);
	return status;
}

/* Gives back what is still open. */
static void end_of(struct end *end)
{
	if (end->file || end->fd >= 0)
		close_end(end);
	if (end->url)
		nfs_destroy_url(end->url);
	if (end->nfs)
		nfs_destroy_context(end->nfs);
}

int main(int argc, char **argv)
{
	struct end from = {.fd = -1}, to = {.fd = -1};
	int status;

	if (argc != 3) {
		fprintf(stderr, "usage: copy SOURCE DESTINATION\n");
		return 2;
	}
	status = begin(&from, argv[1]) < 0 || begin(&to, argv[2]) < 0 ? -1 : copy(&from, &to);
	end_of(&from);
	end_of(&to);
	return status < 0;
}

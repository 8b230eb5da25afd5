/*
 * async-copy.c - copy a file with many requests in flight, driven by poll(2).
 *
 *     cc async-copy.c $(pkg-config --cflags --libs libnfs) -o async-copy
 *     ./async-copy nfs://server/export/file DESTINATION
 *
 * The destination is another such URL or a local path, and must not exist yet.
 *
 * Each of WINDOW slots reads a piece of the file, writes it, and goes on with the next piece that nobody has taken yet.
 * A callback is called once for each request that was accepted, and a slot's memory is kept until then. Reads and
 * writes may transfer less than they were asked to: the slot asks for the rest. After an error no slot begins anything
 * new, and the copy is over when the last request is.
 */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <nfsc/libnfs.h>

#define WINDOW 16
#define PIECE (128 * 1024)

/* The two files. Where `to_nfs` is NULL the destination is local, and `fd` is it. */
static struct nfs_context *from_nfs, *to_nfs;
static struct nfsfh *from_file, *to_file;
static int fd = -1;

static struct slot {
	uint64_t offset;
	size_t length, done;
	char data[PIECE];
} slots[WINDOW];

static uint64_t size, next_offset;
static int in_flight, has_failed;
/* A connection that cannot be used any more. */
static struct nfs_context *lost;

/* Reports the first failure; the others follow from it. */
static void failed(const char *what, const char *sentence)
{
	if (!has_failed)
		fprintf(stderr, "async-copy: %s: %s\n", what, sentence);
	has_failed = 1;
}

static void read_piece(struct slot *slot);
static void write_piece(struct slot *slot);

/* Takes the next piece of the file, if there is one. */
static void next_piece(struct slot *slot)
{
	if (has_failed || next_offset == size)
		return;
	slot->offset = next_offset;
	slot->length = size - next_offset < PIECE ? size - next_offset : PIECE;
	slot->done = 0;
	next_offset += slot->length;
	read_piece(slot);
}

/* What is read is valid in the callback only. After an error nfs_get_error() has the sentence. */
static void was_read(int status, struct nfs_context *nfs, void *data, void *private_data)
{
	struct slot *slot = private_data;

	in_flight--;
	if (status < 0)
		failed("read", nfs_get_error(nfs));
	else if (status == 0)
		failed("read", "the file has become shorter");
	if (has_failed)
		return;
	memcpy(slot->data + slot->done, data, status);
	slot->done += status;
	if (slot->done < slot->length) {
		read_piece(slot);
		return;
	}
	slot->done = 0;
	write_piece(slot);
}

static void was_written(int status, struct nfs_context *nfs, void *data, void *private_data)
{
	struct slot *slot = private_data;

	(void)data;
	in_flight--;
	if (status < 0)
		failed("write", nfs_get_error(nfs));
	else if (status == 0)
		failed("write", "nothing could be written");
	if (has_failed)
		return;
	slot->done += status;
	if (slot->done < slot->length)
		write_piece(slot);
	else
		next_piece(slot);
}

static void read_piece(struct slot *slot)
{
	in_flight++;
	if (nfs_pread_async(from_nfs, from_file, slot->offset + slot->done, slot->length - slot->done, was_read, slot) < 0) {
		in_flight--;
		failed("read", nfs_get_error(from_nfs));
	}
}

static void write_piece(struct slot *slot)
{
	if (to_nfs == NULL) {
		while (slot->done < slot->length) {
			ssize_t count = pwrite(fd, slot->data + slot->done, slot->length - slot->done,
					       slot->offset + slot->done);

			if (count < 0) {
				failed("write", strerror(errno));
				return;
			}
			slot->done += count;
		}
		next_piece(slot);
		return;
	}
	in_flight++;
	if (nfs_pwrite_async(to_nfs, to_file, slot->offset + slot->done, slot->length - slot->done,
			     slot->data + slot->done, was_written, slot) < 0) {
		in_flight--;
		failed("write", nfs_get_error(to_nfs));
	}
}

/* Waits for both connections and serves them, until nothing is in flight. */
static void turn(void)
{
	while (in_flight > 0) {
		struct pollfd fds[2] = {{.fd = nfs_get_fd(from_nfs), .events = nfs_which_events(from_nfs)}, {.fd = -1}};

		if (to_nfs)
			fds[1] = (struct pollfd){.fd = nfs_get_fd(to_nfs), .events = nfs_which_events(to_nfs)};
		if (poll(fds, 2, 1000) < 0) {
			if (errno == EINTR)
				continue;
			failed("poll", strerror(errno));
			return;
		}
		if (nfs_service(from_nfs, fds[0].revents) < 0)
			lost = from_nfs;
		else if (to_nfs && nfs_service(to_nfs, fds[1].revents) < 0)
			lost = to_nfs;
		if (lost) {
			/* What is in flight ends when the context is destroyed. */
			failed("connection", nfs_get_error(lost));
			return;
		}
	}
}

/* Mounts the directory of a URL and opens the file in it. What it returns is to be destroyed, also after a failure. */
static struct nfs_context *open_url(const char *name, int flags, int mode, struct nfsfh **file)
{
	struct nfs_context *nfs = nfs_init_context();
	struct nfs_url *url = nfs ? nfs_parse_url_full(nfs, name) : NULL;

	if (url == NULL || nfs_mount(nfs, url->server, url->path) < 0 ||
	    nfs_open2(nfs, url->file, flags, mode, file) < 0)
		failed(name, nfs ? nfs_get_error(nfs) : "out of memory");
	if (url)
		nfs_destroy_url(url);
	return nfs;
}

static void open_both(const char *from, const char *to)
{
	struct nfs_stat_64 st;

	from_nfs = open_url(from, O_RDONLY, 0, &from_file);
	if (has_failed)
		return;
	if (nfs_fstat64(from_nfs, from_file, &st) < 0)
		failed(from, nfs_get_error(from_nfs));
	else if (!S_ISREG((mode_t)st.nfs_mode))
		failed(from, "is not a regular file");
	if (has_failed)
		return;
	size = st.nfs_size;
	/* With O_EXCL nothing that exists is overwritten: the source neither. */
	if (strncmp(to, "nfs://", 6) == 0)
		to_nfs = open_url(to, O_WRONLY | O_CREAT | O_EXCL, st.nfs_mode & 0777, &to_file);
	else if ((fd = open(to, O_WRONLY | O_CREAT | O_EXCL, st.nfs_mode & 0777)) < 0)
		failed(to, strerror(errno));
}

/* Written data is safe only when the destination has been closed without an error. A part of it is of no use. */
static void finish(const char *to)
{
	struct nfs_url *url;

	if (to_file && to_nfs != lost && nfs_close(to_nfs, to_file) < 0)
		failed(to, nfs_get_error(to_nfs));
	if (fd >= 0 && close(fd) < 0)
		failed(to, strerror(errno));
	if (has_failed && fd >= 0)
		unlink(to);
	if (has_failed && to_file && to_nfs != lost && (url = nfs_parse_url_full(to_nfs, to)) != NULL) {
		nfs_unlink(to_nfs, url->file);
		nfs_destroy_url(url);
	}
}

int main(int argc, char **argv)
{
	int i;

	if (argc != 3) {
		fprintf(stderr, "usage: async-copy nfs://server/export/file DESTINATION\n");
		return 2;
	}
	open_both(argv[1], argv[2]);
	for (i = 0; i < WINDOW; i++)
		next_piece(&slots[i]);
	turn();
	if (from_nfs) {
		if (from_file && from_nfs != lost)
			nfs_close(from_nfs, from_file);
		nfs_destroy_context(from_nfs);
	}
	finish(argv[2]);
	if (to_nfs)
		nfs_destroy_context(to_nfs);
	return has_failed;
}

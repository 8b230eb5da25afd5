/*
 * cat.c - write files to the standard output.
 *
 *     cc cat.c $(pkg-config --cflags --libs libnfs) -o cat
 *     ./cat nfs://server/export/directory/file...
 *
 * The directory in the URL is mounted, the file is opened in it. nfs_read() may return less than was asked for; only 0
 * is the end of the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

#include <nfsc/libnfs.h>

static char buffer[1024 * 1024];

/* The sentence for the last error of a context. */
static int failed(struct nfs_context *nfs, const char *what)
{
	fprintf(stderr, "cat: %s: %s\n", what, nfs_get_error(nfs));
	return -1;
}

/* Copies an open file; tells what went wrong. */
static int copy_out(struct nfs_context *nfs, struct nfsfh *file, const char *address)
{
	int count;

	while ((count = nfs_read(nfs, file, sizeof(buffer), buffer)) > 0)
		if (fwrite(buffer, 1, count, stdout) != (size_t)count) {
			fprintf(stderr, "cat: standard output: %s\n", strerror(errno));
			return -1;
		}
	return count < 0 ? failed(nfs, address) : 0;
}

static int cat(struct nfs_context *nfs, const char *address)
{
	struct nfs_url *url = nfs_parse_url_full(nfs, address);
	struct nfsfh *file;
	int status;

	if (url == NULL)
		return failed(nfs, address);
	status = nfs_mount(nfs, url->server, url->path);
	if (status == 0)
		status = nfs_open(nfs, url->file, O_RDONLY, &file);
	nfs_destroy_url(url);
	if (status < 0)
		return failed(nfs, address);
	status = copy_out(nfs, file, address);
	nfs_close(nfs, file);
	return status;
}

int main(int argc, char **argv)
{
	int i, failures = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: cat nfs://server/export/file...\n");
		return 2;
	}
	for (i = 1; i < argc; i++) {
		struct nfs_context *nfs = nfs_init_context();

		if (nfs == NULL) {
			fprintf(stderr, "cat: out of memory\n");
			return 1;
		}
		failures += cat(nfs, argv[i]) < 0;
		nfs_destroy_context(nfs);
	}
	if (fflush(stdout) != 0) {
		fprintf(stderr, "cat: standard output: %s\n", strerror(errno));
		failures++;
	}
	return failures > 0;
}

/*
 * hello.c - mount an NFS export, make a directory and a file, read it back, list, stat, clean up.
 *
 *     cc hello.c $(pkg-config --cflags --libs libnfs) -o hello
 *     ./hello nfs://server/export
 *
 * The conventions are those of the whole library: a call that fails returns a negative errno, and nfs_get_error() then
 * returns a sentence that describes the error. Whatever was opened is closed before the context is destroyed, also
 * after an error.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <nfsc/libnfs.h>

#define DIRECTORY "/hello"
#define FILENAME DIRECTORY "/greeting.txt"
#define TEXT "Hello from C, over NFS.\n"

/* Reports the last error of the context and hands the status on. */
static int failed(struct nfs_context *nfs, const char *what, int status)
{
	fprintf(stderr, "hello: %s: %s\n", what, nfs_get_error(nfs));
	return status;
}

static int make_directory(struct nfs_context *nfs, const char *path)
{
	int status = nfs_mkdir(nfs, path);

	if (status < 0 && status != -EEXIST)
		return failed(nfs, "nfs_mkdir", status);
	printf("mkdir  %s\n", path);
	return 0;
}

static int write_file(struct nfs_context *nfs, const char *path, const char *text, size_t size)
{
	struct nfsfh *file;
	size_t done = 0;
	int status = nfs_creat(nfs, path, 0644, &file);

	if (status < 0)
		return failed(nfs, "nfs_creat", status);
	while (done < size) {
		status = nfs_write(nfs, file, size - done, text + done);
		if (status < 0) {
			failed(nfs, "nfs_write", status);
			nfs_close(nfs, file);
			return status;
		}
		done += status;
	}
	status = nfs_close(nfs, file);
	if (status < 0)
		return failed(nfs, "nfs_close", status);
	printf("write  %s: %zu bytes\n", path, done);
	return 0;
}

static int read_file(struct nfs_context *nfs, const char *path)
{
	char buffer[4096];
	struct nfsfh *file;
	int count, status = nfs_open(nfs, path, O_RDONLY, &file);

	if (status < 0)
		return failed(nfs, "nfs_open", status);
	while ((count = nfs_read(nfs, file, sizeof(buffer), buffer)) > 0)
		printf("read   %s: %.*s", path, count, buffer);
	if (count < 0)
		failed(nfs, "nfs_read", count);
	status = nfs_close(nfs, file);
	if (status < 0)
		failed(nfs, "nfs_close", status);
	return count < 0 ? count : status;
}

static int list_directory(struct nfs_context *nfs, const char *path)
{
	struct nfsdir *directory;
	struct nfsdirent *entry;
	int status = nfs_opendir(nfs, path, &directory);

	if (status < 0)
		return failed(nfs, "nfs_opendir", status);
	while ((entry = nfs_readdir(nfs, directory)) != NULL) {
		if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0)
			continue;
		printf("list   %s: %s, %llu bytes\n", path, entry->name, (unsigned long long)entry->size);
	}
	nfs_closedir(nfs, directory);
	return 0;
}

static int stat_file(struct nfs_context *nfs, const char *path)
{
	struct nfs_stat_64 st;
	int status = nfs_stat64(nfs, path, &st);

	if (status < 0)
		return failed(nfs, "nfs_stat64", status);
	printf("stat   %s: %s, mode %03o, %llu bytes\n", path, S_ISREG(st.nfs_mode) ? "regular file" : "not a file",
	       (unsigned)(st.nfs_mode & 07777), (unsigned long long)st.nfs_size);
	return 0;
}

static int clean_up(struct nfs_context *nfs)
{
	int status;

	if ((status = nfs_unlink(nfs, FILENAME)) < 0)
		return failed(nfs, "nfs_unlink", status);
	if ((status = nfs_rmdir(nfs, DIRECTORY)) < 0)
		return failed(nfs, "nfs_rmdir", status);
	printf("remove %s, %s\n", FILENAME, DIRECTORY);
	return 0;
}

static int run(struct nfs_context *nfs, const char *address)
{
	struct nfs_url *url = nfs_parse_url_dir(nfs, address);
	int status;

	if (url == NULL)
		return failed(nfs, "nfs_parse_url_dir", -EINVAL);
	status = nfs_mount(nfs, url->server, url->path);
	if (status < 0)
		failed(nfs, "nfs_mount", status);
	else
		printf("mount  %s from %s\n", url->path, url->server);
	nfs_destroy_url(url);

	if (status < 0 || (status = make_directory(nfs, DIRECTORY)) < 0 ||
	    (status = write_file(nfs, FILENAME, TEXT, strlen(TEXT))) < 0 || (status = read_file(nfs, FILENAME)) < 0 ||
	    (status = list_directory(nfs, DIRECTORY)) < 0 || (status = stat_file(nfs, FILENAME)) < 0)
		return status;
	return clean_up(nfs);
}

int main(int argc, char **argv)
{
	struct nfs_context *nfs;
	int status;

	if (argc != 2) {
		fprintf(stderr, "usage: hello nfs://server/export\n");
		return 2;
	}
	nfs = nfs_init_context();
	if (nfs == NULL) {
		fprintf(stderr, "hello: out of memory\n");
		return 1;
	}
	status = run(nfs, argv[1]);
	nfs_destroy_context(nfs);
	return status < 0;
}

/*
 * stat.c - show what the server knows of a file.
 *
 *     cc stat.c $(pkg-config --cflags --libs libnfs) -o stat
 *     ./stat nfs://server/export/directory/file
 *     ./stat nfs://server/export/                    (with a slash behind it: the export itself)
 *
 * A symbolic link at the end of the path is shown itself: nfs_lstat64(). nfs_stat64() would follow it.
 */
#define _XOPEN_SOURCE 700
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#include <nfsc/libnfs.h>

/* The sentence for the last error of a context. */
static int failed(struct nfs_context *nfs, const char *what)
{
	fprintf(stderr, "stat: %s: %s\n", what, nfs_get_error(nfs));
	return -1;
}

static const char *type_of(const struct nfs_stat_64 *st)
{
	mode_t mode = st->nfs_mode;

	return S_ISREG(mode)    ? "regular file"
	       : S_ISDIR(mode)  ? "directory"
	       : S_ISLNK(mode)  ? "symbolic link"
	       : S_ISCHR(mode)  ? "character device"
	       : S_ISBLK(mode)  ? "block device"
	       : S_ISFIFO(mode) ? "FIFO"
	       : S_ISSOCK(mode) ? "socket"
				: "unknown";
}

static void print_time(const char *label, uint64_t seconds, uint64_t nanoseconds)
{
	time_t time = seconds;
	struct tm *utc = gmtime(&time);
	char text[40] = "?";

	if (utc)
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", utc);
	printf("%s%s.%09u UTC\n", label, text, (unsigned)nanoseconds);
}

static void print(const char *address, const char *target, const struct nfs_stat_64 *st)
{
	printf("file:     %s\n", address);
	if (target)
		printf("target:   %s\n", target);
	printf("type:     %s\n", type_of(st));
	printf("size:     %llu bytes, %llu in use\n", (unsigned long long)st->nfs_size, (unsigned long long)st->nfs_used);
	printf("mode:     %04o\n", (unsigned)(st->nfs_mode & 07777));
	printf("owner:    %llu, group %llu\n", (unsigned long long)st->nfs_uid, (unsigned long long)st->nfs_gid);
	printf("inode:    %llu, names %llu\n", (unsigned long long)st->nfs_ino, (unsigned long long)st->nfs_nlink);
	print_time("accessed: ", st->nfs_atime, st->nfs_atime_nsec);
	print_time("modified: ", st->nfs_mtime, st->nfs_mtime_nsec);
	print_time("changed:  ", st->nfs_ctime, st->nfs_ctime_nsec);
}

static int show(struct nfs_context *nfs, const char *address)
{
	struct nfs_url *url = nfs_parse_url_full(nfs, address);
	struct nfs_stat_64 st;
	char target[4097];
	int status, is_link = 0;

	if (url == NULL)
		return failed(nfs, address);
	status = nfs_mount(nfs, url->server, url->path);
	if (status == 0)
		status = nfs_lstat64(nfs, url->file, &st);
	if (status == 0 && S_ISLNK((mode_t)st.nfs_mode)) {
		is_link = 1;
		status = nfs_readlink(nfs, url->file, target, sizeof(target));
	}
	nfs_destroy_url(url);
	if (status < 0)
		return failed(nfs, address);
	print(address, is_link ? target : NULL, &st);
	return 0;
}

int main(int argc, char **argv)
{
	struct nfs_context *nfs;
	int status;

	if (argc != 2) {
		fprintf(stderr, "usage: stat nfs://server/export/file\n");
		return 2;
	}
	nfs = nfs_init_context();
	if (nfs == NULL) {
		fprintf(stderr, "stat: out of memory\n");
		return 1;
	}
	status = show(nfs, argv[1]);
	nfs_destroy_context(nfs);
	return status < 0;
}

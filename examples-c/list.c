/*
 * list.c - list a directory in the long format of ls, sorted by name.
 *
 *     cc list.c $(pkg-config --cflags --libs libnfs) -o list
 *     ./list nfs://server/export/directory
 *
 * The directory in the URL is mounted, so what is listed is "/". nfs_opendir() reads all entries with their attributes;
 * they belong to the open directory, and stay where they are until nfs_closedir().
 */
#define _XOPEN_SOURCE 700
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#include <nfsc/libnfs.h>

/* The sentence for the last error of a context. */
static int failed(struct nfs_context *nfs, const char *what)
{
	fprintf(stderr, "list: %s: %s\n", what, nfs_get_error(nfs));
	return -1;
}

static int by_name(const void *a, const void *b)
{
	struct nfsdirent *const *left = a, *const *right = b;

	return strcmp((*left)->name, (*right)->name);
}

/* File type and permissions as ls shows them: ten characters and a NUL. */
static void mode_as_text(unsigned mode, char *text)
{
	static const char letters[] = "rwxrwxrwx";
	int bit;

	text[0] = S_ISDIR(mode)    ? 'd'
		  : S_ISLNK(mode)  ? 'l'
		  : S_ISCHR(mode)  ? 'c'
		  : S_ISBLK(mode)  ? 'b'
		  : S_ISFIFO(mode) ? 'p'
		  : S_ISSOCK(mode) ? 's'
		  : S_ISREG(mode)  ? '-'
				   : '?';
	for (bit = 0; bit < 9; bit++)
		text[1 + bit] = mode & (0400u >> bit) ? letters[bit] : '-';
	if (mode & S_ISUID)
		text[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		text[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		text[9] = mode & S_IXOTH ? 't' : 'T';
	text[10] = '\0';
}

static void print_entry(struct nfs_context *nfs, const struct nfsdirent *entry)
{
	time_t modified = entry->mtime.tv_sec;
	char mode[11], date[40] = "?";
	struct tm *local = localtime(&modified);

	mode_as_text(entry->mode, mode);
	if (local)
		strftime(date, sizeof(date), "%Y-%m-%d %H:%M", local);
	printf("%s %3u %5u %5u %12llu %s %s", mode, (unsigned)entry->nlink, (unsigned)entry->uid, (unsigned)entry->gid,
	       (unsigned long long)entry->size, date, entry->name);
	if (S_ISLNK(entry->mode)) {
		char path[1 + 255 + 1], target[4097];

		snprintf(path, sizeof(path), "/%s", entry->name);
		printf(" -> %s", nfs_readlink(nfs, path, target, sizeof(target)) < 0 ? "?" : target);
	}
	printf("\n");
}

/* Prints the entries of an open directory. */
static int print_all(struct nfs_context *nfs, struct nfsdir *directory)
{
	struct nfsdirent *entry, **entries;
	size_t count = 0, i;

	while (nfs_readdir(nfs, directory) != NULL)
		count++;
	entries = malloc((count + 1) * sizeof(*entries));
	if (entries == NULL) {
		fprintf(stderr, "list: out of memory\n");
		return -1;
	}
	nfs_rewinddir(nfs, directory);
	for (i = 0; i < count && (entry = nfs_readdir(nfs, directory)) != NULL; i++)
		entries[i] = entry;
	qsort(entries, i, sizeof(*entries), by_name);
	for (count = i, i = 0; i < count; i++)
		if (strcmp(entries[i]->name, ".") != 0 && strcmp(entries[i]->name, "..") != 0)
			print_entry(nfs, entries[i]);
	free(entries);
	return 0;
}

static int list(struct nfs_context *nfs, const char *address)
{
	struct nfs_url *url = nfs_parse_url_dir(nfs, address);
	struct nfsdir *directory;
	int status;

	if (url == NULL)
		return failed(nfs, address);
	status = nfs_mount(nfs, url->server, url->path);
	nfs_destroy_url(url);
	if (status < 0 || nfs_opendir(nfs, "/", &directory) < 0)
		return failed(nfs, address);
	status = print_all(nfs, directory);
	nfs_closedir(nfs, directory);
	return status;
}

int main(int argc, char **argv)
{
	struct nfs_context *nfs;
	int status;

	if (argc != 2) {
		fprintf(stderr, "usage: list nfs://server/export/directory\n");
		return 2;
	}
	nfs = nfs_init_context();
	if (nfs == NULL) {
		fprintf(stderr, "list: out of memory\n");
		return 1;
	}
	status = list(nfs, argv[1]);
	nfs_destroy_context(nfs);
	if (fflush(stdout) != 0) {
		fprintf(stderr, "list: standard output: %s\n", strerror(errno));
		status = -1;
	}
	return status < 0;
}
